//! Verification by Go's rules: both sides of each rule, and where rustls-webpki would say otherwise.

use super::{
    foreign::Foreign,
    pki::{NAME, at, bundle, chain, history, leaf},
};
use certgen::{Certificate, UnixTime, VerifyError, verify, verify_chain};
use rcgen::{BasicConstraints, CustomExtension, ExtendedKeyUsagePurpose, IsCa};

#[test]
fn every_single_root_of_the_record_is_enough() {
    let history = history();
    let chain = chain(&history, 90);
    for one in &history {
        assert_eq!(verify_chain(&chain, &bundle([one]), NAME, at(60)), Ok(()));
    }
    assert_eq!(
        verify_chain(&chain, &bundle(&history), NAME, at(60)),
        Ok(())
    );
}

#[test]
fn without_its_crosses_a_chain_is_unknown_to_older_roots() {
    let history = history();
    let (leaf, bundle) = (leaf(&history[2], 90), bundle([&history[0]]));
    let anchors: Vec<_> = bundle.anchors().map(certgen::Anchor::certificate).collect();
    assert_eq!(
        verify(&leaf, &[], anchors, NAME, at(60)),
        Err(VerifyError::UnknownAuthority)
    );
}

#[test]
fn the_order_of_the_crosses_does_not_matter() {
    let history = history();
    let leaf = leaf(&history[2], 90);
    let crosses: Vec<Certificate> = history
        .iter()
        .filter_map(|one| one.cross.as_ref())
        .map(|cross| cross.certificate().clone())
        .collect();
    let reversed: Vec<Certificate> = crosses.iter().rev().cloned().collect();
    for order in [crosses, reversed] {
        let root = history[0].root.certificate();
        assert_eq!(verify(&leaf, &order, [root], NAME, at(60)), Ok(()));
    }
}

#[test]
fn an_anchor_counts_from_its_first_second_to_its_last() {
    let history = history();
    let one = &history[0];
    let leaf = leaf(one, 110);
    let judge = |time| verify(&leaf, &[], [one.root.certificate()], NAME, time);
    assert!(matches!(judge(at(9)), Err(VerifyError::NotYetValid { .. })));
    assert_eq!(judge(at(10)), Ok(()));
    assert_eq!(judge(at(110)), Ok(()));
    assert!(matches!(judge(at(111)), Err(VerifyError::Expired { .. })));
    assert!(
        judge(UnixTime::from_secs(i64::MIN)).is_err()
            && judge(UnixTime::from_secs(i64::MAX)).is_err()
    );
}

#[test]
fn an_ended_root_beside_a_valid_one_does_no_harm() {
    let history = history();
    let chain = chain(&history, 125);
    // Root 1 has ended at 111; root 3 has not.
    assert!(verify_chain(&chain, &bundle([&history[0]]), NAME, at(115)).is_err());
    assert_eq!(
        verify_chain(&chain, &bundle([&history[0], &history[2]]), NAME, at(115)),
        Ok(())
    );
}

#[test]
fn names_are_matched_by_alternative_names() {
    let history = history();
    let leaf = leaf(&history[0], 90);
    let judge = |name| verify(&leaf, &[], [history[0].root.certificate()], name, at(50));
    assert_eq!(
        (judge(NAME), judge("GUARD.guard-system.svc")),
        (Ok(()), Ok(()))
    );
    for name in [
        "guard.other.svc",
        "guard-system.svc",
        "x.guard.guard-system.svc",
        "",
        "10.0.0.1",
    ] {
        assert!(
            matches!(judge(name), Err(VerifyError::Name { .. })),
            "{name}"
        );
    }
}

#[test]
fn a_path_length_of_an_anchor_counts() {
    for (limit, is_accepted) in [
        (BasicConstraints::Constrained(0), false),
        (BasicConstraints::Constrained(1), true),
        (BasicConstraints::Unconstrained, true),
    ] {
        let root = Foreign::ca("root", limit);
        let middle = Foreign::ca("middle", BasicConstraints::Unconstrained);
        let leaf = Foreign::new("leaf", |_| ());
        let (chain, cross) = (leaf.signed_by(&middle), middle.signed_by(&root));
        let judged = verify(&chain, &[cross], [&root.self_signed()], NAME, at(0));
        assert_eq!(judged.is_ok(), is_accepted, "{judged:?}");
    }
}

#[test]
fn extended_key_usages_count_along_the_whole_path() {
    for (usage, expected) in [
        (vec![], Ok(())),
        (vec![ExtendedKeyUsagePurpose::ServerAuth], Ok(())),
        (vec![ExtendedKeyUsagePurpose::Any], Ok(())),
        (
            vec![ExtendedKeyUsagePurpose::ClientAuth],
            Err(VerifyError::Usage),
        ),
    ] {
        let root = Foreign::ca("root", BasicConstraints::Unconstrained);
        let leaf = Foreign::new("leaf", |params| {
            params.extended_key_usages.clone_from(&usage);
        });
        let (signed, root) = (leaf.signed_by(&root), root.self_signed());
        assert_eq!(
            verify(&signed, &[], [&root], NAME, at(0)),
            expected,
            "{usage:?}"
        );
        let pinned = leaf.self_signed();
        assert_eq!(
            verify(&pinned, &[], [&pinned], NAME, at(0)),
            expected,
            "{usage:?}"
        );
    }
}

#[test]
fn the_anchor_that_a_leaf_names_is_tried_before_a_hundred_of_the_same_name() {
    let ca = || Foreign::ca("root", BasicConstraints::Unconstrained);
    let root = ca();
    let leaf = Foreign::new("leaf", |params| {
        params.use_authority_key_identifier_extension = true;
    });
    let others: Vec<_> = (0..120).map(|_| ca().self_signed()).collect();
    let (leaf, root) = (leaf.signed_by(&root), root.self_signed());
    let judge = |anchors: &[&Certificate]| verify(&leaf, &[], anchors.iter().copied(), NAME, at(0));
    let crowd: Vec<_> = others.iter().chain([&root]).collect();
    assert_eq!(judge(&crowd), Ok(()));
}

#[test]
fn an_anchor_without_an_identifier_is_tried_before_those_that_have_another() {
    let ca = || Foreign::ca("root", BasicConstraints::Unconstrained);
    let mut root = ca();
    let leaf = Foreign::new("leaf", |params| {
        params.use_authority_key_identifier_extension = true;
    });
    let leaf = leaf.signed_by(&root);
    root.params.key_identifier_method = rcgen::KeyIdMethod::PreSpecified(Vec::new());
    let others: Vec<_> = (0..100).map(|_| ca().self_signed()).collect();
    let root = root.self_signed();
    let judged = verify(&leaf, &[], others.iter().chain([&root]), NAME, at(0));
    assert_eq!(judged, Ok(()));
}

#[test]
fn a_hundred_signatures_are_checked_and_no_more() {
    let ca = || Foreign::ca("root", BasicConstraints::Unconstrained);
    let root = ca();
    let leaf = Foreign::new("leaf", |_| ()).signed_by(&root);
    let (root, others): (_, Vec<_>) = (
        root.self_signed(),
        (0..101).map(|_| ca().self_signed()).collect(),
    );
    for (before, is_accepted) in [(99, true), (100, false), (101, false)] {
        let anchors = others[..before].iter().chain([&root]);
        let judged = verify(&leaf, &[], anchors, NAME, at(0));
        assert_eq!(judged.is_ok(), is_accepted, "{before} before it");
    }
}

#[test]
fn two_authorities_that_signed_each_other_lead_nowhere() {
    let (one, two) = (
        Foreign::ca("one", BasicConstraints::Unconstrained),
        Foreign::ca("two", BasicConstraints::Unconstrained),
    );
    let leaf = Foreign::new("leaf", |_| ()).signed_by(&one);
    let presented = [one.signed_by(&two), two.signed_by(&one)];
    let anchor = Foreign::ca("three", BasicConstraints::Unconstrained).self_signed();
    let judged = verify(&leaf, &presented, [&anchor], NAME, at(0));
    assert_eq!(judged, Err(VerifyError::UnknownAuthority));
}

#[test]
fn an_authority_may_be_signed_by_another_of_its_name() {
    let ca = || Foreign::ca("one", BasicConstraints::Unconstrained);
    let (old, new) = (ca(), ca());
    let leaf = Foreign::new("leaf", |_| ()).signed_by(&new);
    let judged = verify(
        &leaf,
        &[new.signed_by(&old)],
        [&old.self_signed()],
        NAME,
        at(0),
    );
    assert_eq!(judged, Ok(()));
}

#[test]
fn a_certificate_that_is_presented_again_and_again_counts_once() {
    let root = Foreign::ca("root", BasicConstraints::Unconstrained);
    let middle = Foreign::ca("middle", BasicConstraints::Unconstrained);
    let other = Foreign::ca("middle", BasicConstraints::Unconstrained).signed_by(&root);
    let leaf = Foreign::new("leaf", |_| ()).signed_by(&middle);
    let mut presented = vec![other; 120];
    presented.push(middle.signed_by(&root));
    let judged = verify(&leaf, &presented, [&root.self_signed()], NAME, at(0));
    assert_eq!(judged, Ok(()));
}

#[test]
fn a_certificate_that_go_reads_is_in_the_bundle_whatever_stands_in_extensions_that_go_ignores() {
    // A Netscape certificate type, a list of signed timestamps and an issuer's alternative name.
    for oid in [
        &[2, 16, 840, 1, 113_730, 1, 1][..],
        &[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2],
        &[2, 5, 29, 18],
    ] {
        let odd = Foreign::new("root", |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let extension = CustomExtension::from_oid_content(oid, vec![0x30, 3, 0x30, 9, 9]);
            params.custom_extensions.push(extension);
        });
        let der = odd.params.self_signed(&odd.key).unwrap();
        let parsed = certgen::parse_bundle(der.pem().as_bytes());
        assert_eq!(
            (parsed.anchors.len(), parsed.skipped.len()),
            (1, 0),
            "{oid:?}"
        );
    }
}

#[test]
fn a_pinned_leaf_is_accepted_as_its_own_anchor() {
    let leaf = Foreign::new("leaf", |_| ()).self_signed();
    assert_eq!(verify(&leaf, &[], [&leaf], NAME, at(0)), Ok(()));
    let renewed = Foreign::new("leaf", |_| ()).self_signed();
    assert!(verify(&renewed, &[], [&leaf], NAME, at(0)).is_err());
}

#[test]
fn webpki_accepts_every_chain_that_we_make() {
    use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
    let history = history();
    let chain = chain(&history, 90);
    let leaf = CertificateDer::from(chain.leaf().der());
    let crosses: Vec<_> = chain
        .intermediates()
        .iter()
        .map(|one| CertificateDer::from(one.der()))
        .collect();
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(
        u64::try_from(at(60).as_secs()).unwrap(),
    ));
    for one in &history {
        let root = CertificateDer::from(one.root.der());
        let anchor = webpki::anchor_from_trusted_cert(&root).unwrap();
        let leaf = webpki::EndEntityCert::try_from(&leaf).unwrap();
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        let usage = webpki::KeyUsage::server_auth();
        leaf.verify_for_usage(algorithms, &[anchor], &crosses, now, usage, None, None)
            .unwrap();
        leaf.verify_is_valid_for_subject_name(&ServerName::try_from(NAME).unwrap())
            .unwrap();
    }
}
