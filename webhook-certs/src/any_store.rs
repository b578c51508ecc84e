//! Wraps any [`SecretStore`] as one type, with time limits, and changes that several callers can wait for.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use rotator_core::{Record, RecordName, Revision, SecretStore, StoreError, Stored};
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
};

/// How long a store may take to answer a call before it is given up.
const LIMIT: Duration = Duration::from_secs(15);
/// Changes closer together than this count as one.
const PAUSE: Duration = Duration::from_millis(20);

/// A store of any type. Clones share it; each clone is woken by every change.
pub(crate) struct AnyStore {
    store: Arc<dyn DynStore>,
    changes: Mutex<watch::Receiver<()>>,
    pump: Arc<Pump>,
}

impl AnyStore {
    /// Wraps a store and listens for its changes. Must be called within a tokio runtime.
    pub(crate) fn new(store: impl SecretStore + 'static) -> Self {
        let store: Arc<dyn DynStore> = Arc::new(store);
        let told = watch::Sender::new(());
        let (source, tell) = (Arc::clone(&store), told.clone());
        let task = tokio::spawn(async move {
            loop {
                source.dyn_changed().await;
                tell.send_replace(());
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self {
            store,
            changes: Mutex::new(told.subscribe()),
            pump: Arc::new(Pump { told, task }),
        }
    }
}

impl Clone for AnyStore {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            changes: Mutex::new(self.pump.told.subscribe()),
            pump: Arc::clone(&self.pump),
        }
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyStore").finish_non_exhaustive()
    }
}

impl SecretStore for AnyStore {
    async fn load(&self, name: &RecordName) -> Result<Stored, StoreError> {
        within(self.store.dyn_load(name)).await
    }

    async fn save(
        &self,
        name: &RecordName,
        record: &Record,
        seen: &Revision,
    ) -> Result<Revision, StoreError> {
        within(self.store.dyn_save(name, record, seen)).await
    }

    async fn changed(&self) {
        // The pump owns the sender and lives as long as this, so this cannot fail.
        if self.changes.lock().await.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn within<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(LIMIT, call).await.unwrap_or_else(|_| {
        Err(StoreError::Unavailable {
            retry_after: None,
            source: format!("no answer within {} s", LIMIT.as_secs()).into(),
        })
    })
}

/// Forwards the store's changes. Ends with the last clone.
struct Pump {
    told: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

trait DynStore: Send + Sync {
    fn dyn_load<'a>(&'a self, name: &'a RecordName) -> Answer<'a, Result<Stored, StoreError>>;

    fn dyn_save<'a>(
        &'a self,
        name: &'a RecordName,
        record: &'a Record,
        seen: &'a Revision,
    ) -> Answer<'a, Result<Revision, StoreError>>;

    fn dyn_changed(&self) -> Answer<'_, ()>;
}

impl<S: SecretStore> DynStore for S {
    fn dyn_load<'a>(&'a self, name: &'a RecordName) -> Answer<'a, Result<Stored, StoreError>> {
        Box::pin(self.load(name))
    }

    fn dyn_save<'a>(
        &'a self,
        name: &'a RecordName,
        record: &'a Record,
        seen: &'a Revision,
    ) -> Answer<'a, Result<Revision, StoreError>> {
        Box::pin(self.save(name, record, seen))
    }

    fn dyn_changed(&self) -> Answer<'_, ()> {
        Box::pin(self.changed())
    }
}
