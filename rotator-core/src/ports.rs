//! The ports: what the core needs from outside, which is a store, a patcher, the time and randomness.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{
    error::Error,
    future::{Future, pending},
};

use certgen::{KeyAlgorithm, PrivateKey, Serial};

use crate::{
    bounds::TimeBounds,
    store::{Record, RecordName, Revision, StoreError, Stored},
    target::{EntryEdit, PatchError, TargetRef, TargetState, TargetView},
};

/// The ports of one rotator. The two kinds of record may live in different stores.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the ports are the whole outside")]
pub struct Ports<A, S, P, C, E> {
    /// Keeps the authority record.
    pub authority: A,
    /// Keeps the serving records.
    pub serving: S,
    /// Knows the targets.
    pub patcher: P,
    /// Knows the time.
    pub clock: C,
    /// Makes keys and serials.
    pub entropy: E,
}

/// Keeps named records: a Kubernetes Secret, Vault, a file, memory.
///
/// An implementation never sees X.509: a [`Record`] is entry names and bytes. Make a store that keeps old versions keep
/// only the last one, since a destroyed key would live on in its history. The suite in
/// [`conformance`](crate::conformance) tests an implementation in a few lines. The caller sets time-outs.
pub trait SecretStore: Send + Sync {
    /// Reads one record, never from a cache that may lag behind an acknowledged write.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] if the content is not a record: absent and unreadable are different answers, because
    /// only what is absent may be created.
    fn load(&self, name: &RecordName) -> impl Future<Output = Result<Stored, StoreError>> + Send;

    /// Writes the whole record if its revision is still `seen`. If the call is dropped midway, the store contains the
    /// old record or the new one, never a mixture.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if another writer was first, or an earlier try of this same write whose answer was
    /// lost. Load again before the next try.
    fn save(
        &self,
        name: &RecordName,
        record: &Record,
        seen: &Revision,
    ) -> impl Future<Output = Result<Revision, StoreError>> + Send;

    /// Resolves when something may have changed since the last call returned, or since the first call.
    /// Spurious wake-ups are fine; a missed one costs up to five minutes.
    fn changed(&self) -> impl Future<Output = ()> + Send {
        pending()
    }
}

/// Knows the targets and writes bundles into them.
pub trait WebhookPatcher: Send + Sync {
    /// Returns the state of each target. It may come from a watch: `publish` refuses to act on a stale view.
    fn observe(&self) -> impl Future<Output = Vec<(TargetRef, TargetState)>> + Send;

    /// Writes the bundles of some entries of one target in one request, guarded by the target's identity, the entries'
    /// names and the bundles seen. Changes nothing else. Callers verify the server with the old bundles as well as with
    /// the new ones, so this write may take its time.
    ///
    /// # Errors
    ///
    /// [`PatchError::Paced`] if the patcher paces writes of this kind: it answers at once, since a step waits for its
    /// slowest write. [`PatchError::Conflict`] and [`PatchError::NotFound`] if the target changed: observe again.
    fn publish(
        &self,
        target: &TargetView,
        edits: &[EntryEdit],
    ) -> impl Future<Output = Result<(), PatchError>> + Send;

    /// Writes as `publish` does, where an entry is broken: calls fail until this write. A patcher that paces writes
    /// overrides this method, and never paces it.
    ///
    /// # Errors
    ///
    /// As for [`publish`](Self::publish), but never [`PatchError::Paced`].
    fn repair(
        &self,
        target: &TargetView,
        edits: &[EntryEdit],
    ) -> impl Future<Output = Result<(), PatchError>> + Send {
        self.publish(target, edits)
    }

    /// As [`SecretStore::changed`].
    fn changed(&self) -> impl Future<Output = ()> + Send {
        pending()
    }
}

/// Shared, so that a server can observe the targets that a rotator writes.
impl<P: WebhookPatcher> WebhookPatcher for Arc<P> {
    async fn observe(&self) -> Vec<(TargetRef, TargetState)> {
        P::observe(self).await
    }

    async fn publish(&self, target: &TargetView, edits: &[EntryEdit]) -> Result<(), PatchError> {
        P::publish(self, target, edits).await
    }

    async fn repair(&self, target: &TargetView, edits: &[EntryEdit]) -> Result<(), PatchError> {
        P::repair(self, target, edits).await
    }

    async fn changed(&self) {
        P::changed(self).await;
    }
}

/// Knows the time as verifiers see it.
pub trait Clock: Send + Sync {
    /// The bounds as far as known, without any I/O; `None` before the first answer.
    fn bounds(&self) -> Option<TimeBounds>;

    /// The bounds after a fresh answer. The rotator asks before every signature and every removal.
    ///
    /// # Errors
    ///
    /// [`ClockError`] if there was no answer: then nothing is signed or removed.
    fn fresh(&self) -> impl Future<Output = Result<TimeBounds, ClockError>> + Send;
}

/// The witness did not answer, or is not believed.
#[derive(Debug, thiserror::Error)]
#[error("no fresh answer about the time")]
#[non_exhaustive]
pub struct ClockError {
    /// The cause.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl ClockError {
    /// Makes the error, for implementers of [`Clock`].
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
        }
    }
}

/// Makes keys and serial numbers from a cryptographic source of randomness.
pub trait Entropy: Send + Sync {
    /// Makes a new private key.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the source fails: then nothing is signed.
    fn private_key(&self, algorithm: KeyAlgorithm) -> Result<PrivateKey, EntropyError>;

    /// Makes a new serial number.
    ///
    /// # Errors
    ///
    /// As for [`private_key`](Self::private_key).
    fn serial(&self) -> Result<Serial, EntropyError>;
}

/// The source of randomness failed.
#[derive(Debug, thiserror::Error)]
#[error("the system's source of randomness failed")]
#[non_exhaustive]
pub struct EntropyError;

impl EntropyError {
    /// Makes the error, for implementers of [`Entropy`].
    #[expect(clippy::new_without_default, reason = "an error has no default")]
    pub fn new() -> Self {
        Self
    }
}
