//! The bytes of certificates.

use std::sync::LazyLock;

use certgen::{
    Anchor, Bundle, Certificate, Chain, CrossCert, LeafCert, PrivateKey, PublicKey, RootCert,
    ServerNames, UnixTime, parse_bundle, verify, verify_chain,
};

/// Any bytes, as DER and as PEM: facts, roles, chains and verification answer, and agree with each other.
pub fn certificate(bytes: &[u8]) {
    if let Ok(certificate) = Certificate::from_der(bytes) {
        assert_eq!(certificate.der(), bytes);
        one(&certificate);
    }
    let anchors = parse_bundle(bytes).anchors;
    for anchor in &anchors {
        one(anchor.certificate());
    }
    presented(&anchors);
    if let Ok(chain) = Chain::from_pem(bytes) {
        let again = Chain::from_pem(chain.to_pem().as_bytes());
        assert_eq!(again, Ok(chain.clone()));
        if let Ok(bundle) = Bundle::new(anchors) {
            for at in moments(chain.leaf()) {
                let _ = verify_chain(&chain, &bundle, NAME, at);
            }
        }
    }
}

const NAME: &str = "guard.guard-system.svc";

fn one(certificate: &Certificate) {
    let facts = certificate.facts();
    let read = parse_bundle(certificate.to_pem().as_bytes()).anchors;
    let read: Vec<_> = read.iter().map(Anchor::certificate).collect();
    assert_eq!(read, [certificate]);
    assert!(!format!("{certificate:?}").is_empty());

    let signed_itself = certificate.is_signed_by(certificate);
    let root = RootCert::try_from(certificate.clone());
    assert_eq!(root.is_ok(), facts.is_ca && signed_itself);
    let leaf = LeafCert::try_from(certificate.clone());
    assert_eq!(leaf.is_ok(), !facts.is_ca);
    let cross = CrossCert::try_from(certificate.clone());
    assert!(cross.is_err() || root.is_err(), "one role at most");
    let _: Option<certgen::KeyAlgorithm> = PublicKey::algorithm(&facts.public_key);
    assert!(!certificate.matches(&OURS));

    let names = facts.server_names();
    let dns = names.iter().flat_map(ServerNames::dns);
    let ips = names.iter().flat_map(ServerNames::ips);
    let named = dns
        .map(|name| name.as_str().replacen('*', "x", 1))
        .chain(ips.map(ToString::to_string));
    for at in moments(certificate) {
        for name in named.clone().take(4).chain([NAME.to_owned()]) {
            // What is trusted itself needs no signature, only its dates, name and use.
            if verify(certificate, &[], [certificate], &name, at).is_ok() {
                assert!(facts.not_before <= at && at <= facts.not_after);
            }
        }
    }
}

/// The first certificate presented with all the others, of which the last is trusted.
fn presented(anchors: &[Anchor]) {
    let (Some(leaf), Some(trusted)) = (anchors.first(), anchors.last()) else {
        return;
    };
    let all: Vec<_> = anchors
        .iter()
        .map(|anchor| anchor.certificate().clone())
        .collect();
    for at in moments(leaf) {
        let _ = verify(leaf, &all, [trusted.certificate()], NAME, at);
        let _ = verify(
            leaf,
            &all,
            anchors.iter().map(Anchor::certificate),
            NAME,
            at,
        );
    }
    for below in all.iter().take(8) {
        for above in all.iter().take(8) {
            let _ = below.is_signed_by(above);
        }
    }
}

fn moments(certificate: &Certificate) -> [UnixTime; 4] {
    let facts = certificate.facts();
    [
        facts.not_before,
        facts.not_after,
        UnixTime::MIN,
        UnixTime::MAX,
    ]
}

static OURS: LazyLock<PrivateKey> = LazyLock::new(crate::installation::new_key);
