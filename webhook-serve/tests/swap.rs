//! Offers, swaps and refusals, over real handshakes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod pki;

use std::sync::Arc;

use certgen::{ServerNames, UnixTime};
use pki::{Ca, LATER, NAME, NOW, names};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use webhook_serve::{Acceptor, Refusal, Resolver, ServingCert, ServingCertError, Verdict};

fn before(time: UnixTime) -> UnixTime {
    UnixTime::from_secs(time.as_secs() - 1)
}

#[test]
fn an_offer_is_taken_unless_callers_would_lose_by_it() {
    let ca = Ca::new("guard CA 1");
    let other_names = ServerNames::for_service("other", "guard-system").unwrap();
    let resolver = Resolver::new(names());
    let offer = |cert: ServingCert| resolver.offer(cert, NOW);

    assert_eq!(
        offer(ca.issue(&other_names, LATER).cert()),
        Verdict::Refused(Refusal::LacksName)
    );
    assert!(resolver.current().is_none());

    let expired = ca.issue(&names(), before(NOW));
    assert_eq!(offer(expired.cert()), Verdict::Taken, "better than none");
    assert_eq!(offer(expired.cert()), Verdict::Unchanged);
    let fresh = ca.issue(&names(), LATER);
    assert_eq!(offer(fresh.cert()), Verdict::Taken);
    assert_eq!(
        offer(expired.cert()),
        Verdict::Refused(Refusal::Expired),
        "ended a second ago"
    );
    let ends_now = ca.issue(&names(), NOW).cert();
    assert_eq!(offer(ends_now), Verdict::Taken, "its last second counts");
}

#[test]
fn a_certificate_with_some_of_the_names_is_better_than_none_and_worse_than_one_with_all() {
    let ca = Ca::new("guard CA 1");
    let more = ServerNames::for_service("guard-2", "guard-system").unwrap();
    let both = names().union(&more);
    let resolver = Resolver::new(both.clone());
    let offer = |names: &ServerNames| resolver.offer(ca.issue(names, LATER).cert(), NOW);
    assert_eq!(offer(&names()), Verdict::Taken);
    assert_eq!(
        offer(&more),
        Verdict::Refused(Refusal::LacksName),
        "one for another"
    );
    assert_eq!(offer(&both), Verdict::Taken);
    assert_eq!(offer(&names()), Verdict::Refused(Refusal::LacksName));
    let wildcard = ServerNames::new(["*.guard-system.svc".parse().unwrap()], []).unwrap();
    assert_eq!(offer(&wildcard), Verdict::Taken, "callers are answered");
}

#[test]
fn a_slow_local_clock_refuses_nothing() {
    let ca = Ca::new("guard CA 1");
    let resolver = Resolver::new(names());
    let cert = ca.issue(&names(), LATER).cert();
    assert_eq!(resolver.offer(cert, UnixTime::MIN), Verdict::Taken);
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let ca = Ca::new("guard CA 1");
    let (one, two) = (ca.issue(&names(), LATER), ca.issue(&names(), LATER));
    let mixed = ServingCert::from_pem(one.tls_crt.as_bytes(), two.tls_key.as_bytes());
    assert!(
        matches!(mixed, Err(ServingCertError::Mismatch)),
        "{mixed:?}"
    );
    let garbled = ServingCert::from_pem(one.tls_crt.as_bytes(), b"key");
    assert!(
        matches!(garbled, Err(ServingCertError::Key(_))),
        "{garbled:?}"
    );
    let garbled = ServingCert::from_pem(b"crt", one.tls_key.as_bytes());
    assert!(
        matches!(garbled, Err(ServingCertError::Chain(_))),
        "{garbled:?}"
    );
}

#[test]
fn debug_shows_no_key() {
    let ca = Ca::new("guard CA 1");
    let issued = ca.issue(&names(), LATER);
    let resolver = Resolver::new(names());
    resolver.offer(issued.cert(), NOW);
    let text = format!("{resolver:?} {:?}", issued.cert());
    let secret = issued.tls_key.lines().nth(1).unwrap();
    assert!(text.contains("issuer") && !text.contains(secret), "{text}");
    assert!(!text.contains("PRIVATE"), "{text}");
}

#[tokio::test]
async fn serving_resolves_with_the_first_certificate() {
    let ca = Ca::new("guard CA 1");
    let resolver = Resolver::new(names());
    let cert = ca.issue(&names(), LATER).cert();
    let (served, verdict) = tokio::join!(resolver.serving(), async {
        tokio::task::yield_now().await;
        resolver.offer(cert.clone(), NOW)
    });
    assert_eq!(verdict, Verdict::Taken);
    assert_eq!(served.fingerprint(), cert.fingerprint());
}

#[tokio::test]
async fn a_swap_shows_in_the_next_handshake_and_cuts_nothing() {
    let (old, new) = (Ca::new("guard CA 1"), Ca::new("guard CA 2"));
    let resolver = Resolver::new(names());
    let acceptor = Acceptor::new(&resolver).unwrap();
    resolver.offer(old.issue(&names(), LATER).cert(), NOW);
    let (mut client, mut server) = connect(&acceptor, old.client(false)).await.unwrap();
    resolver.offer(new.issue(&names(), LATER).cert(), NOW);
    client.write_all(b"still here").await.unwrap();
    let mut heard = [0; 10];
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"still here");
    assert!(connect(&acceptor, old.client(false)).await.is_none());
    assert!(connect(&acceptor, new.client(false)).await.is_some());
}

#[tokio::test]
async fn a_caller_that_refuses_is_counted_for_the_issuer_that_it_refused() {
    for (tls12_only, other) in [
        (false, "guard CA 2"),
        (true, "guard CA 2"),
        (false, "guard CA 1"),
    ] {
        let (ours, stranger) = (Ca::new("guard CA 1"), Ca::new(other));
        let resolver = Resolver::new(names());
        let acceptor = Acceptor::new(&resolver).unwrap();
        let cert = ours.issue(&names(), LATER).cert();
        resolver.offer(cert.clone(), NOW);
        assert!(connect(&acceptor, ours.client(tls12_only)).await.is_some());
        assert_eq!(acceptor.counters().refused(), 0);
        assert!(
            connect(&acceptor, stranger.client(tls12_only))
                .await
                .is_none()
        );
        let counts = acceptor.counters().by_issuer();
        let [(issuer, handshakes)] = counts.as_slice() else {
            panic!("{counts:?}");
        };
        assert_eq!(&**issuer, cert.issuer());
        assert_eq!(handshakes.refused.total(), 1, "{tls12_only} {handshakes:?}");
    }
}

#[tokio::test]
async fn without_a_certificate_a_handshake_is_refused_and_nothing_counted() {
    let acceptor = Acceptor::new(&Resolver::new(names())).unwrap();
    assert!(
        connect(&acceptor, Ca::new("guard CA 1").client(false))
            .await
            .is_none()
    );
    assert_eq!(acceptor.counters().refused(), 0);
}

type Io = tokio::io::DuplexStream;
type Pair = (
    tokio_rustls::client::TlsStream<Io>,
    webhook_serve::ServerStream<Io>,
);

/// Both ends of a connection; none if either end refused.
async fn connect(acceptor: &Acceptor, client: Arc<ClientConfig>) -> Option<Pair> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let connector = TlsConnector::from(client);
    let name = ServerName::try_from(NAME).unwrap();
    let caller = async {
        let mut client = connector.connect(name, near).await?;
        client.write_all(b"!").await?;
        Ok::<_, std::io::Error>(client)
    };
    let server = async {
        let mut server = acceptor.accept(far).await?;
        // In TLS 1.3 the caller's verdict comes after the handshake.
        server.read_u8().await?;
        Ok::<_, std::io::Error>(server)
    };
    let (client, server) = tokio::join!(caller, server);
    Some((client.ok()?, server.ok()?))
}
