//! Tests that the builder's settings reach the server.

use super::*;
use crate::{Builder, StartError, WebhookCerts, builder::tests::nowhere};

#[tokio::test]
async fn the_limits_that_are_set_are_those_of_the_server() {
    let limits = Limits {
        admission_body: 2000,
        ..Limits::default()
    };
    let (certs, roots) = start(builder().limits(limits));
    serves_during(&certs, async |address| {
        let mut caller = Caller::http1(tls(address, &roots, b"http/1.1").await).await;
        assert!(caller.admitted().await);
        let body = whole(&review("AdmissionReview", 2001));
        let (status, _) = caller.call("/admit", body).await.unwrap();
        assert_eq!(status, 413);
    })
    .await;
    assert_eq!(certs.limit_counts().bodies_too_long, 1);
}

#[tokio::test]
async fn callers_without_a_certificate_are_refused_if_their_ca_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, Issued::new().root_pem).unwrap();
    let (certs, roots) = start(builder().client_ca_file(file.path()));
    let refused = || certs.counters().callers_refused();
    serves_during(&certs, async |address| is_refused(address, &roots).await).await;
    assert_eq!(refused(), 1);

    // The same for a server of the operator's own.
    let config = certs.rustls_config().unwrap();
    let own = Acceptor::with_config(&certs.resolver(), config);
    let (listener, address) = listener().await;
    let accepting = async {
        let (tcp, _) = listener.accept().await.unwrap();
        assert!(own.accept(tcp).await.is_err());
    };
    tokio::join!(accepting, is_refused(address, &roots));
    assert_eq!((own.counters().callers_refused(), refused()), (1, 1));
}

#[tokio::test]
async fn a_ca_of_callers_that_is_not_there_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.crt");
    let started = builder().client_ca_file(&file).start(nowhere());
    assert!(
        matches!(started, Err(StartError::ClientCa(_))),
        "{started:?}"
    );
}

fn builder() -> Builder {
    WebhookCerts::builder("guard", "guard-system").serve_only()
}

/// Starts with a certificate; returns the roots that callers trust as well.
fn start(builder: Builder) -> (WebhookCerts, Arc<RootCertStore>) {
    let certs = builder.start(nowhere()).unwrap();
    let issued = Issued::new();
    certs.resolver().offer(issued.cert, NOW);
    (certs, issued.roots)
}

async fn serves_during(certs: &WebhookCerts, calling: impl AsyncFnOnce(SocketAddr)) {
    let (listener, address) = listener().await;
    let app = router(Arc::new(Semaphore::new(0)));
    tokio::select! {
        _ = certs.serve_until(listener, app, pending()) => panic!("it goes on until it is told"),
        () = calling(address) => {}
    }
}

/// In TLS 1.3 the caller gets the alert when it reads.
async fn is_refused(address: SocketAddr, roots: &Arc<RootCertStore>) {
    let mut tls = tls(address, roots, b"http/1.1").await;
    let heard = timeout(LIMIT, tls.read_u8()).await.expect("an alert");
    let alert = heard.unwrap_err().to_string();
    assert!(alert.contains("CertificateRequired"), "{alert}");
}
