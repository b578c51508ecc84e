//! A store and targets in memory that notify of every write; a replica is notified late.

use std::{sync::Arc, time::Duration};

use rotator_core::{
    EntryEdit, EntryName, MemoryStore, MemoryTargets, PatchError, Record, RecordName, Revision,
    SecretStore, StoreError, Stored, TargetRef, TargetState, TargetView, WebhookPatcher,
};
use tokio::sync::watch;

use super::history::History;

/// A store whose clones are notified of each other's writes.
#[derive(Clone, Debug)]
pub(super) struct TellingStore {
    store: MemoryStore,
    written: watch::Sender<()>,
}

impl TellingStore {
    pub(super) fn new() -> Self {
        Self {
            store: MemoryStore::new(),
            written: watch::Sender::new(()),
        }
    }

    /// Returns the same store for a replica that is notified of a write `delay` later.
    pub(super) fn late(&self, delay: Duration) -> LateStore {
        LateStore {
            store: self.store.clone(),
            written: tokio::sync::Mutex::new(self.written.subscribe()),
            delay,
        }
    }
}

impl SecretStore for TellingStore {
    async fn load(&self, name: &RecordName) -> Result<Stored, StoreError> {
        self.store.load(name).await
    }

    async fn save(
        &self,
        name: &RecordName,
        record: &Record,
        seen: &Revision,
    ) -> Result<Revision, StoreError> {
        let saved = self.store.save(name, record, seen).await;
        self.written.send_replace(());
        saved
    }
}

/// A replica's view of a store.
#[derive(Debug)]
pub(super) struct LateStore {
    store: MemoryStore,
    written: tokio::sync::Mutex<watch::Receiver<()>>,
    delay: Duration,
}

impl SecretStore for LateStore {
    async fn load(&self, name: &RecordName) -> Result<Stored, StoreError> {
        self.store.load(name).await
    }

    async fn save(
        &self,
        name: &RecordName,
        record: &Record,
        seen: &Revision,
    ) -> Result<Revision, StoreError> {
        self.store.save(name, record, seen).await
    }

    async fn changed(&self) {
        if self.written.lock().await.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(self.delay).await;
    }
}

/// Targets that record every bundle of one entry.
#[derive(Debug)]
pub(super) struct RecordedTargets {
    pub(super) targets: MemoryTargets,
    pub(super) target: TargetRef,
    pub(super) entry: EntryName,
    pub(super) history: Arc<History>,
}

impl WebhookPatcher for RecordedTargets {
    async fn observe(&self) -> Vec<(TargetRef, TargetState)> {
        self.targets.observe().await
    }

    async fn publish(&self, view: &TargetView, edits: &[EntryEdit]) -> Result<(), PatchError> {
        self.targets.publish(view, edits).await?;
        if let Some(bundle) = self.targets.bundle(&self.target, &self.entry) {
            self.history.write(&bundle);
        }
        Ok(())
    }
}
