//! The four things the core asks of the outside: a store, a patcher, the time, and chance; and all of them together.

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

/// The outside. The two kinds of record may live in different stores.
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
/// An implementer never sees X.509: a [`Record`] is entry names and bytes. A store which keeps old versions must be
/// told to keep only the last, since a destroyed key would live on in its history. The suite in
/// [`conformance`](crate::conformance) proves an implementation in a few lines. Time-outs are the caller's.
pub trait SecretStore: Send + Sync {
    /// Reads one record, never from a cache that may lag behind an acknowledged write.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] if something stands there that is not a record: absent and unreadable are
    /// different answers, because only what is absent may be made anew.
    fn load(&self, name: &RecordName) -> impl Future<Output = Result<Stored, StoreError>> + Send;

    /// Writes the whole record if the revision still is `seen`. Dropped half-way it leaves the old record or the
    /// new one, never a mixture.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if somebody wrote first, also when it was the first try of this same write whose
    /// answer was lost. Load again before the next try.
    fn save(
        &self,
        name: &RecordName,
        record: &Record,
        seen: &Revision,
    ) -> impl Future<Output = Result<Revision, StoreError>> + Send;

    /// Resolves when something may have changed since the last call returned, or since the first call.
    /// Spurious wakes are fine; a missed one costs up to five minutes.
    fn changed(&self) -> impl Future<Output = ()> + Send {
        pending()
    }
}

/// Knows the targets and writes bundles into them.
pub trait WebhookPatcher: Send + Sync {
    /// How each target stands. May come from a watch: acting on a stale view is refused by `publish`.
    fn observe(&self) -> impl Future<Output = Vec<(TargetRef, TargetState)>> + Send;

    /// Writes the bundles of some entries of one target in one request, guarded by the target's identity, the
    /// entries' names and the bundles seen. Touches nothing else. Callers verify the server before and after: this write
    /// may take its time.
    ///
    /// # Errors
    ///
    /// [`PatchError::Paced`] if writes of this kind are paced: answer at once, since a step waits for its slowest write.
    /// [`PatchError::Conflict`] and [`PatchError::NotFound`] if the target moved: observe again.
    fn publish(
        &self,
        target: &TargetView,
        edits: &[EntryEdit],
    ) -> impl Future<Output = Result<(), PatchError>> + Send;

    /// The same where an entry is broken: calls fail until this write. A patcher that paces overrides it, and never paces it.
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

/// Shared, so that a server can ask for the targets that a rotator writes.
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
    /// The bounds as far as known, without any I/O; none before the first answer.
    fn bounds(&self) -> Option<TimeBounds>;

    /// The bounds after a fresh answer: asked for before every signing and every removal.
    ///
    /// # Errors
    ///
    /// [`ClockError`] if there was no answer: nothing is signed or removed then.
    fn fresh(&self) -> impl Future<Output = Result<TimeBounds, ClockError>> + Send;
}

/// The witness of the time did not answer, or is not believed.
#[derive(Debug, thiserror::Error)]
#[error("no fresh answer about the time")]
#[non_exhaustive]
pub struct ClockError {
    /// The cause.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl ClockError {
    /// For implementers of [`Clock`].
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
        }
    }
}

/// Makes keys and serial numbers from a cryptographic source of randomness.
pub trait Entropy: Send + Sync {
    /// A new private key.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] if the source fails: nothing is signed then.
    fn private_key(&self, algorithm: KeyAlgorithm) -> Result<PrivateKey, EntropyError>;

    /// A new serial number.
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
    /// For implementers of [`Entropy`].
    #[expect(clippy::new_without_default, reason = "an error has no default")]
    pub fn new() -> Self {
        Self
    }
}
