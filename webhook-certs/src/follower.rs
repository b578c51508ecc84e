//! Takes each new certificate of a serving record to the running server, or to files.

use std::{
    mem::{Discriminant, discriminant},
    time::Duration,
};

use certgen::UnixTime;
use kube_adapter::local_time;
use rotator_core::{Record, RecordName, SecretStore, StoreError};
use tokio::{sync::watch, time::Instant};
use webhook_serve::{
    FileError, FileWriter, Files, Resolver, ServingCert, ServingCertError, Verdict, Written,
};
use zeroize::Zeroizing;

use crate::{any_store::AnyStore, doubts::Doubts, narrator::refusal};

/// Follows one serving record. What cannot be served leaves what is served as it is.
#[derive(Debug)]
pub(crate) struct Follower {
    store: AnyStore,
    record: RecordName,
    resolver: Resolver,
    files: Option<FileWriter>,
    told: Option<Told>,
    /// Of the API server's certificate if true, else of the record.
    doubts: Doubts<bool>,
    taken: watch::Sender<bool>,
}

/// The trouble that was told last.
#[derive(Debug)]
struct Told {
    /// And whether the API server is not believed.
    kind: (Discriminant<FollowError>, bool, bool),
    text: String,
    at: Instant,
}

/// Something may change that the store does not tell of.
const LONGEST_SLEEP: Duration = Duration::from_secs(300);
const AFTER_TROUBLE: Duration = Duration::from_secs(5);
/// Trouble that changes its words is told once in this time: they may hold the time of day.
const REPEAT: Duration = Duration::from_secs(60);

impl Follower {
    pub(crate) fn new(store: AnyStore, record: RecordName, resolver: Resolver) -> Self {
        Self {
            store,
            record,
            resolver,
            files: None,
            told: None,
            doubts: Doubts::default(),
            taken: watch::Sender::new(false),
        }
    }

    /// Turns true, and never false again, when a certificate is served, and written if files are asked for.
    #[cfg(feature = "cli")]
    pub(crate) fn has_taken(&self) -> watch::Receiver<bool> {
        self.taken.subscribe()
    }

    /// Writes each certificate that is taken into files as well.
    #[cfg(feature = "cli")]
    pub(crate) fn writing(mut self, files: Option<FileWriter>) -> Self {
        self.files = files;
        self
    }

    /// Follows until dropped.
    pub(crate) async fn run(mut self) {
        loop {
            let wait = match self.look().await {
                Ok(()) => {
                    self.told = None;
                    self.doubts.retain(|_| false);
                    self.taken.send_replace(true);
                    LONGEST_SLEEP
                }
                Err(trouble) => {
                    self.tell(&trouble);
                    AFTER_TROUBLE
                }
            };
            tokio::select! {
                () = self.store.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Takes what stands there now.
    pub(crate) async fn look(&mut self) -> Result<(), FollowError> {
        let stored = self.store.load(&self.record).await?;
        let Some(record) = stored.record else {
            return Err(FollowError::Absent);
        };
        let entry = |name| record.expose(name).unwrap_or_default();
        let cert = ServingCert::from_pem(entry("tls.crt"), entry("tls.key"))?;
        let (issuer, ends) = (cert.issuer().to_owned(), cert.not_after());
        match self.resolver.offer(cert, local_time()) {
            Verdict::Taken => tracing::info!(
                record = %self.record, %issuer, %ends, "serving certificate taken"
            ),
            Verdict::Unchanged => {}
            Verdict::Refused(refusal) => return Err(FollowError::Refused(refusal)),
        }
        match &self.files {
            Some(files) => write(files.clone(), &record, ends).await,
            None => Ok(()),
        }
    }

    fn tell(&mut self, trouble: &FollowError) {
        // A permission that is missing is told though a refusal that may pass was.
        let is_forbidden = matches!(trouble, FollowError::Store(StoreError::Forbidden { .. }));
        let kind = (
            discriminant(trouble),
            refusal(trouble).is_some(),
            is_forbidden,
        );
        let text = trouble.in_full();
        if trouble.is_wrong() && !self.doubts.is_sure(kind.1) {
            tracing::debug!(record = %self.record, "not told before it is seen again: {text}");
            return;
        }
        let is_known =
            |told: &Told| told.text == text || told.kind == kind && told.at.elapsed() < REPEAT;
        if self.told.as_ref().is_some_and(is_known) {
            return;
        }
        if matches!(trouble, FollowError::Absent) {
            tracing::info!(record = %self.record, "waiting for a certificate: {text}");
        } else {
            tracing::warn!(record = %self.record, "keeping what is served: {text}");
        }
        self.told = Some(Told {
            kind,
            text,
            at: Instant::now(),
        });
    }
}

async fn write(writer: FileWriter, record: &Record, ends: UnixTime) -> Result<(), FollowError> {
    let own = |name| Zeroizing::new(record.expose(name).unwrap_or_default().to_vec());
    let (tls_crt, tls_key, ca_crt) = (own("tls.crt"), own("tls.key"), own("ca.crt"));
    let directory = writer.directory().display().to_string();
    let written = tokio::task::spawn_blocking(move || {
        writer.write(Files {
            tls_crt: &tls_crt,
            tls_key: &tls_key,
            ca_crt: &ca_crt,
        })
    });
    match written.await {
        Ok(Ok(Written::Swapped)) => {
            tracing::info!(directory, %ends, "files written");
            Ok(())
        }
        Ok(Ok(Written::Unchanged)) => Ok(()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(FollowError::Stopping),
    }
}

/// Why the certificate in the record was not taken, or not written to files.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    #[error("the record does not exist yet, or is empty")]
    Absent,
    #[error("the record was not read")]
    Store(#[from] StoreError),
    #[error("the record cannot be served")]
    Cert(#[from] ServingCertError),
    #[error(transparent)]
    Refused(webhook_serve::Refusal),
    #[error("the files were not written")]
    Files(#[from] FileError),
    #[error("the process is stopping")]
    Stopping,
}

impl FollowError {
    /// Whether another process may come and put it right, so that waiting makes sense.
    #[cfg(feature = "cli")]
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Store(StoreError::Unreadable { .. }) | Self::Files(_) | Self::Stopping => false,
            Self::Absent | Self::Store(_) | Self::Cert(_) | Self::Refused(_) => true,
        }
    }

    /// Whether the record, or the API server's certificate, is said to be wrong. A missing permission is told by the API
    /// server twice before it is one.
    fn is_wrong(&self) -> bool {
        match self {
            Self::Store(StoreError::Forbidden { .. })
            | Self::Absent
            | Self::Files(_)
            | Self::Stopping => false,
            Self::Store(error) => !error.is_transient() || refusal(self).is_some(),
            Self::Cert(_) | Self::Refused(_) => true,
        }
    }

    /// The error and its causes in one line.
    pub(crate) fn in_full(&self) -> String {
        crate::words::in_full(self)
    }
}
