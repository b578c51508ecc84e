//! Certificates that another controller manages, cert-manager for example, from a mounted Secret.

use std::{path::PathBuf, time::Duration};

use tokio::fs;
use webhook_certs::rotator_core::{Record, RecordName, Revision, SecretStore, StoreError, Stored};

/// A folder with `tls.crt` and `tls.key`, as a read-only store.
#[derive(Debug)]
pub(crate) struct CertDir {
    folder: PathBuf,
}

/// How often to look: more often than a kubelet updates the files.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

impl CertDir {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    async fn read(&self) -> std::io::Result<Record> {
        // The link that the kubelet swaps, so that both files are of one update.
        let data = self.folder.join("..data");
        let folder = fs::canonicalize(&data)
            .await
            .unwrap_or_else(|_| self.folder.clone());
        let mut record = Record::new();
        for name in ["tls.crt", "tls.key"] {
            record.insert(name, fs::read(folder.join(name)).await?);
        }
        Ok(record)
    }
}

impl SecretStore for CertDir {
    async fn load(&self, _name: &RecordName) -> Result<Stored, StoreError> {
        match self.read().await {
            Ok(record) => Ok(Stored {
                record: Some(record),
                revision: Revision::new(""),
            }),
            Err(error) => Err(StoreError::Unavailable {
                retry_after: None,
                source: format!("{}: {error}", self.folder.display()).into(),
            }),
        }
    }

    async fn save(
        &self,
        _name: &RecordName,
        _record: &Record,
        _seen: &Revision,
    ) -> Result<Revision, StoreError> {
        Err(StoreError::Forbidden {
            verb: "write".into(),
            object: format!("{}, which is only read", self.folder.display()),
        })
    }

    async fn changed(&self) {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
