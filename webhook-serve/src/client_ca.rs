//! Requires callers to present a certificate of a given CA, whose file is read again when it changes.

use std::{
    fmt, fs, io,
    io::Read,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, UnixTime, pem::PemObject};

/// The longest file accepted: longer than any bundle of client CAs.
const LONGEST: u64 = 1024 * 1024;

/// The CA that must have issued a caller's certificate. Clones share it.
///
/// Each handshake checks whether the file has changed, and reads it again if so: it may be a mounted Secret or
/// `ConfigMap`. A file without valid CA certificates leaves the previous CA in force.
#[derive(Clone)]
pub struct ClientCa(Arc<Shared>);

struct Shared {
    file: PathBuf,
    seen: Mutex<Option<Stamp>>,
    verifier: ArcSwap<Verifier>,
    tell: Box<dyn Fn(Result<(), ClientCaError>) + Send + Sync>,
}

struct Verifier(Arc<dyn ClientCertVerifier>);

/// The metadata by which a change of a file is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

/// Why a file cannot be used as the CA of callers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientCaError {
    /// The file cannot be read.
    #[error("{} cannot be read", file.display())]
    Io {
        /// The file's path.
        file: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file contains no certificate, or an invalid one.
    #[error("{} holds no CA certificates in PEM, or one that is not valid", file.display())]
    NoCertificates {
        /// The file's path.
        file: PathBuf,
    },
}

impl ClientCa {
    /// Reads `file`: CA certificates in PEM, any of which may have issued a caller's.
    ///
    /// Calls `tell` with the outcome of each later change of the file.
    ///
    /// # Errors
    ///
    /// [`ClientCaError`] if the file cannot be used.
    pub fn from_file(
        file: impl Into<PathBuf>,
        tell: impl Fn(Result<(), ClientCaError>) + Send + Sync + 'static,
    ) -> Result<Self, ClientCaError> {
        let file = file.into();
        let (stamp, verifier) = read(&file)?;
        Ok(Self(Arc::new(Shared {
            file,
            seen: Mutex::new(Some(stamp)),
            verifier: ArcSwap::from_pointee(verifier),
            tell: Box::new(tell),
        })))
    }

    /// Reads the file again if it has changed.
    fn look(&self) {
        let shared = &*self.0;
        let mut seen = shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let there = stamp(fs::metadata(&shared.file));
        if *seen == there {
            return;
        }
        *seen = there;
        let outcome = read(&shared.file).map(|(stamp, verifier)| {
            *seen = Some(stamp);
            shared.verifier.store(Arc::new(verifier));
        });
        drop(seen);
        (shared.tell)(outcome);
    }

    fn current(&self) -> Arc<Verifier> {
        self.0.verifier.load_full()
    }
}

fn stamp(metadata: io::Result<fs::Metadata>) -> Option<Stamp> {
    metadata.ok().map(|metadata| Stamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        length: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    })
}

/// Reads the file. The stamp is of the open file, not of one that has replaced it since.
fn read(path: &PathBuf) -> Result<(Stamp, Verifier), ClientCaError> {
    let failed = |source| ClientCaError::Io {
        file: path.clone(),
        source,
    };
    let file = fs::File::open(path).map_err(failed)?;
    let stamp = stamp(file.metadata());
    let mut pem = Vec::new();
    file.take(LONGEST).read_to_end(&mut pem).map_err(failed)?;
    let verifier = verifier(&pem);
    match (stamp, verifier) {
        (Some(stamp), Some(verifier)) => Ok((stamp, verifier)),
        _ => Err(ClientCaError::NoCertificates { file: path.clone() }),
    }
}

fn verifier(pem: &[u8]) -> Option<Verifier> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.ok()?).ok()?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // The builder refuses an empty set of roots.
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    // The CAs may change before the next handshake, so callers get no hint.
    builder
        .clear_root_hint_subjects()
        .build()
        .ok()
        .map(Verifier)
}

impl fmt::Debug for ClientCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCa")
            .field("file", &self.0.file)
            .finish_non_exhaustive()
    }
}

impl ClientCertVerifier for ClientCa {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.look();
        let verifier = self.current();
        (verifier.0).verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        (self.current().0).verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        (self.current().0).verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.current().0.supported_verify_schemes()
    }
}
