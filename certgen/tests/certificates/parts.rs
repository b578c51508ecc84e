//! Which certificate may take which part, and what a server may present.

use super::pki::{bundle, chain, generation, history, leaf};
use certgen::{
    Anchor, Bundle, Certificate, Chain, ChainError, CrossCert, Fingerprint, LeafCert, RoleError,
    RootCert,
};

#[test]
fn a_certificate_takes_its_own_part_and_no_other() {
    let history = history();
    let root = history[0].root.certificate();
    let cross = history[1].cross.as_ref().unwrap().certificate();
    let leaf = leaf(&history[0], 50);
    let leaf = leaf.certificate();
    for (certificate, as_root, as_cross, as_leaf) in [
        (root, true, false, false),
        (cross, false, true, false),
        (leaf, false, false, true),
    ] {
        let root = RootCert::try_from(certificate.clone());
        let cross = CrossCert::try_from(certificate.clone());
        let leaf = LeafCert::try_from(certificate.clone());
        assert_eq!(root.err(), (!as_root).then_some(RoleError::NotARoot));
        assert_eq!(cross.err(), (!as_cross).then_some(RoleError::NotACross));
        assert_eq!(leaf.err(), (!as_leaf).then_some(RoleError::NotALeaf));
    }
}

#[test]
fn a_chain_is_read_as_it_was_written_whatever_stands_between() {
    let chain = chain(&history(), 90);
    let pem = chain.to_pem();
    let key = include_str!("keys/p256.pkcs8.pem");
    assert_eq!(Chain::from_pem(pem.as_bytes()).as_ref(), Ok(&chain));
    assert_eq!(
        Chain::from_pem(format!("{key}{pem}{key}").as_bytes()),
        Ok(chain)
    );
}

#[test]
fn what_stands_where_it_should_not_in_a_chain_is_named_by_its_position() {
    let history = history();
    let (root, leaf) = (history[0].root.to_pem(), leaf(&history[0], 50).to_pem());
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let refused = |text: &str| Chain::from_pem(text.as_bytes()).err();
    assert_eq!(refused(""), Some(ChainError::Empty));
    assert_eq!(refused(&format!("{root}{leaf}")), Some(ChainError::NoLeaf));
    assert_eq!(
        refused(&format!("{leaf}{root}{leaf}")),
        Some(ChainError::NotACa { position: 2 })
    );
    assert_eq!(
        refused(&format!("{leaf}{garbage}")),
        Some(ChainError::Malformed { position: 1 })
    );
}

#[test]
fn a_bundle_tells_which_certificates_are_in_it() {
    let history = history();
    let bundle = bundle(&history[..2]);
    let fingerprint = |one: usize| history[one].root.fingerprint();
    assert_eq!(
        bundle.fingerprints(),
        [fingerprint(0), fingerprint(1)].into()
    );
    assert!(bundle.contains(&fingerprint(1)) && !bundle.contains(&fingerprint(2)));
}

#[test]
fn a_certificate_is_shown_by_its_subject_its_dates_and_its_fingerprint() {
    let one = generation(1, None);
    let fingerprint = one.root.fingerprint();
    let facts = one.root.facts();
    let certificate: &Certificate = one.root.certificate();
    assert_eq!(
        format!("{certificate:?}"),
        format!(
            "Certificate(CN=guard CA 1, {} to {}, {fingerprint})",
            facts.not_before, facts.not_after
        )
    );
}

#[test]
fn a_fingerprint_is_shown_in_lower_case_hexadecimal() {
    let shown = "0a".repeat(31) + "ff";
    let mut bytes = [0x0a; 32];
    bytes[31] = 0xff;
    let fingerprint = Fingerprint::from_bytes(bytes);
    assert_eq!(fingerprint.to_string(), shown);
    assert_eq!(format!("{fingerprint:?}"), shown);
}

#[test]
fn a_fingerprint_is_read_as_it_is_shown_and_as_openssl_shows_it() {
    let fingerprint = Fingerprint::from_bytes([0xab; 32]);
    let with_colons = vec!["AB"; 32].join(":");
    for text in [fingerprint.to_string(), with_colons] {
        assert_eq!(text.parse(), Ok(fingerprint));
    }
    for text in ["", "ab", &"ab".repeat(33), &"xy".repeat(32)] {
        assert!(text.parse::<Fingerprint>().is_err(), "{text}");
    }
}

#[test]
fn a_bundle_has_its_own_certificates_first_whatever_their_fingerprints() {
    let history = history();
    let anchors: Vec<Anchor> = history.iter().map(|it| Anchor::from(&it.root)).collect();
    for own in &anchors {
        let bundle = Bundle::new([own.clone()]).unwrap();
        let bundle = bundle.followed_by(anchors.clone());
        assert_eq!(bundle.anchors().next(), Some(own));
        assert_eq!(bundle.anchors().count(), anchors.len());
        assert!(anchors.iter().all(|it| bundle.contains(&it.fingerprint())));
    }
}

#[test]
fn the_length_of_a_certificate_as_pem_is_known_beforehand() {
    for generation in history() {
        assert_eq!(generation.root.pem_len(), generation.root.to_pem().len());
    }
}
