//! Sessions that are not resumed, and callers that must show a certificate.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod pki;

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use pki::{Ca, LATER, NAME, NOW, key, names};
use rustls::{
    ClientConfig, HandshakeKind,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use webhook_serve::{Acceptor, ClientCa, ClientCaError, Resolver};

#[tokio::test]
async fn no_session_outlives_a_key_that_is_replaced() {
    for tls12_only in [false, true] {
        let ca = Ca::new("guard CA 1");
        let resolver = Resolver::new(names());
        let acceptors = [
            Acceptor::new(&resolver).unwrap(),
            Acceptor::with_config(&resolver, eager_to_resume(&resolver)),
        ];
        for acceptor in acceptors {
            // It keeps what sessions it is given.
            let client = ca.client(tls12_only);
            resolver.offer(ca.issue(&names(), LATER).cert(), NOW);
            let first = handshake(&acceptor, Arc::clone(&client)).await;
            resolver.offer(ca.issue(&names(), LATER).cert(), NOW);
            let second = handshake(&acceptor, client).await;
            let full = Some(HandshakeKind::Full);
            assert_eq!((first, second), (full, full), "{tls12_only}");
        }
    }
}

fn eager_to_resume(resolver: &Resolver) -> rustls::ServerConfig {
    let mut config = resolver.server_config().unwrap();
    config.session_storage = rustls::server::ServerSessionMemoryCache::new(64);
    config.send_tls13_tickets = 2;
    config
}

#[tokio::test]
async fn only_callers_with_a_certificate_of_the_ca_are_served() {
    let server = Demanding::new();
    for tls12_only in [false, true] {
        let client = |caller: Option<&Caller>| server.client(tls12_only, caller);
        let (known, stranger) = (&server.known, &Caller::new("strangers"));
        assert!(server.serves(client(Some(known))).await);
        let before = server.acceptor.counters().callers_refused();
        assert!(!server.serves(client(None)).await, "{tls12_only}");
        assert!(!server.serves(client(Some(stranger))).await, "{tls12_only}");
        let refused = server.acceptor.counters().callers_refused() - before;
        assert_eq!(refused, 2);
    }
}

#[tokio::test]
async fn a_changed_file_holds_for_the_next_handshake_and_one_that_is_no_ca_changes_nothing() {
    let server = Demanding::new();
    let next = Caller::new("the next CA");
    let client = |caller| server.client(false, Some(caller));
    assert!(!server.serves(client(&next)).await);
    write(&server.file, &next.ca_pem);
    assert!(server.serves(client(&next)).await);
    assert!(!server.serves(client(&server.known)).await);

    write(&server.file, "no certificate");
    assert!(server.serves(client(&next)).await);
    assert!(server.serves(client(&next)).await);
    fs::remove_file(&server.file).unwrap();
    assert!(server.serves(client(&next)).await);
    let told = server.told.lock().unwrap();
    let [None, Some(garbled), Some(missing)] = told.as_slice() else {
        panic!("each change once: {told:?}");
    };
    assert!(garbled.ends_with("holds no CA certificates in PEM, or one that is not valid"));
    assert!(missing.ends_with("cannot be read"));
}

#[test]
fn a_file_that_is_no_ca_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.crt");
    let from = |file: &Path| ClientCa::from_file(file, |_| {});
    assert!(matches!(from(&file), Err(ClientCaError::Io { .. })));
    write(&file, "");
    assert!(matches!(
        from(&file),
        Err(ClientCaError::NoCertificates { .. })
    ));
}

/// An API server with a certificate of its own, and the CA of that.
struct Caller {
    ca_pem: String,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Caller {
    fn new(name: &str) -> Self {
        let (ca_key, own_key) = (key_pair(), key_pair());
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let ca = rcgen::CertifiedIssuer::self_signed(params, ca_key).unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&own_key, &ca).unwrap();
        Self {
            ca_pem: ca.pem(),
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(own_key.serialize_der()).into(),
        }
    }
}

fn key_pair() -> rcgen::KeyPair {
    rcgen::KeyPair::from_pem(&key().expose_pkcs8_pem()).unwrap()
}

struct Demanding {
    ca: Ca,
    known: Caller,
    acceptor: Acceptor,
    file: std::path::PathBuf,
    told: Arc<Mutex<Vec<Option<String>>>>,
    _folder: tempfile::TempDir,
}

impl Demanding {
    fn new() -> Self {
        let (ca, known) = (Ca::new("guard CA 1"), Caller::new("callers"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.crt");
        write(&file, &known.ca_pem);
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        let client_ca = ClientCa::from_file(&file, move |outcome| {
            let error = outcome.err().map(|error| error.to_string());
            tell.lock().unwrap().push(error);
        });
        let resolver = Resolver::new(names());
        resolver.offer(ca.issue(&names(), LATER).cert(), NOW);
        let config = resolver.server_config_for(&client_ca.unwrap()).unwrap();
        let acceptor = Acceptor::with_config(&resolver, config);
        Self {
            ca,
            known,
            acceptor,
            file,
            told,
            _folder: folder,
        }
    }

    fn client(&self, tls12_only: bool, caller: Option<&Caller>) -> Arc<ClientConfig> {
        let builder = self.ca.client_builder(tls12_only);
        Arc::new(match caller {
            Some(Caller {
                certificate, key, ..
            }) => builder
                .with_client_auth_cert(vec![certificate.clone()], key.clone_key())
                .unwrap(),
            None => builder.with_no_client_auth(),
        })
    }

    async fn serves(&self, client: Arc<ClientConfig>) -> bool {
        handshake(&self.acceptor, client).await.is_some()
    }
}

/// As a kubelet does: another file in its place.
fn write(file: &Path, content: &str) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let beside = file.with_extension(format!("{next}"));
    fs::write(&beside, content).unwrap();
    fs::rename(beside, file).unwrap();
}

/// How the handshake went on the server's side, if both sides agreed and heard of each other.
async fn handshake(acceptor: &Acceptor, client: Arc<ClientConfig>) -> Option<HandshakeKind> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let name = ServerName::try_from(NAME).unwrap();
    let caller = async {
        let mut client = TlsConnector::from(client).connect(name, near).await?;
        client.write_all(b"!").await?;
        // What comes first are the tickets, if there are any.
        client.read_u8().await
    };
    let server = async {
        let mut server = acceptor.accept(far).await?;
        server.read_u8().await?;
        server.write_all(b"!").await?;
        server.flush().await?;
        Ok::<_, std::io::Error>(server.tls().get_ref().1.handshake_kind())
    };
    let (heard, kind) = tokio::join!(caller, server);
    heard.ok().and(kind.ok()?)
}
