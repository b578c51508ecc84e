//! Gives each new certificate of a serving record to the running server, or writes it to files.

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

/// Follows one serving record. A certificate that cannot be served leaves the current one in place.
#[derive(Debug)]
pub(crate) struct Follower {
    store: AnyStore,
    record: RecordName,
    resolver: Resolver,
    files: Option<FileWriter>,
    told: Option<Told>,
    /// Doubts about the API server's certificate (true), or about the record (false).
    doubts: Doubts<bool>,
    taken: watch::Sender<bool>,
}

/// The problem that was last reported.
#[derive(Debug)]
struct Told {
    /// The error's type, and whether the API server is not trusted.
    kind: (Discriminant<FollowError>, bool, bool),
    text: String,
    at: Instant,
}

/// How long to sleep without news, since the store may miss a change.
const LONGEST_SLEEP: Duration = Duration::from_secs(300);
const AFTER_TROUBLE: Duration = Duration::from_secs(5);
/// How often to report a problem whose text changes: it may contain the time of day.
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

    /// Becomes true for good when a certificate is served, and written if files are wanted.
    #[cfg(feature = "cli")]
    pub(crate) fn has_taken(&self) -> watch::Receiver<bool> {
        self.taken.subscribe()
    }

    /// Writes each certificate to files as well.
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

    /// Reads the record and takes its certificate.
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
        // A missing permission is reported even after a refusal that may pass.
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
    /// Whether another process may solve this, so that waiting makes sense.
    #[cfg(feature = "cli")]
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Store(StoreError::Unreadable { .. }) | Self::Files(_) | Self::Stopping => false,
            Self::Absent | Self::Store(_) | Self::Cert(_) | Self::Refused(_) => true,
        }
    }

    /// Whether the record, or the API server's certificate, seems wrong.
    ///
    /// A missing permission needs no doubt here: the connection reports it only after the second refusal.
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
