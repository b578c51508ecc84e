//! What our certificates say, field by field, read by another parser.

use super::pki::{NAME, at, generation, history, key, leaf, names, serial};
use certgen::{
    Certificate, IssueError, LeafRequest, PrivateKey, RootCert, RootRequest, ServerNames,
    issue_cross, issue_leaf, issue_root,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Version};

fn parsed(certificate: &Certificate) -> X509Certificate<'_> {
    X509Certificate::from_der(certificate.der()).unwrap().1
}

#[test]
fn a_root_and_a_cross_may_sign_certificates_without_a_limit_of_depth() {
    let history = history();
    let crosses = history.iter().filter_map(|one| one.cross.as_deref());
    for ca in history.iter().map(|one| &*one.root).chain(crosses) {
        let ca = parsed(ca);
        assert_eq!(ca.version(), X509Version::V3);
        let constraints = ca.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && constraints.value.ca);
        // A limit of 0 makes every API server refuse the crosses below.
        assert_eq!(constraints.value.path_len_constraint, None);
        let usage = ca.key_usage().unwrap().unwrap();
        assert!(usage.critical);
        assert_eq!(
            usage.value.flags,
            (1 << 5) | (1 << 6),
            "keyCertSign, cRLSign"
        );
        assert!(ca.extended_key_usage().unwrap().is_none());
        assert!(ca.name_constraints().unwrap().is_none());
        assert!(ca.subject_alternative_name().unwrap().is_none());
    }
}

#[test]
fn a_leaf_is_for_servers_and_nothing_else() {
    let one = generation(1, None);
    let leaf = leaf(&one, 50);
    let leaf = parsed(&leaf);
    assert!(
        leaf.basic_constraints()
            .unwrap()
            .is_none_or(|constraints| !constraints.value.ca)
    );
    assert_eq!(
        leaf.key_usage().unwrap().unwrap().value.flags,
        1,
        "digitalSignature"
    );
    let usage = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth && !usage.any);
    let alternative = leaf.subject_alternative_name().unwrap().unwrap().value;
    assert_eq!(alternative.general_names, [GeneralName::DNSName(NAME)]);
}

#[test]
fn a_leaf_is_called_by_its_first_name_if_a_subject_can_hold_it() {
    let one = generation(1, None);
    let key = key();
    let subject = |name: &str| {
        let request = LeafRequest {
            names: &ServerNames::new([name.parse().unwrap()], []).unwrap(),
            public_key: key.public_key(),
            serial: serial(3),
            not_after: at(50),
        };
        let leaf = issue_leaf(&request, &one.root, &one.key).unwrap();
        leaf.facts().subject.clone()
    };
    let (longest, longer) = ("a".repeat(60) + ".svc", "a".repeat(61) + ".svc");
    assert_eq!(subject(&longest), format!("CN={longest}"));
    assert_eq!(subject(&longer), "CN=webhook");
}

#[test]
fn a_leaf_starts_when_its_root_starts_and_a_cross_with_the_first_of_its_two() {
    let history = history();
    let mut before = None;
    for one in &history {
        // Not at the moment of issue: a caller whose clock is behind would refuse it.
        assert_eq!(
            leaf(one, 60).facts().not_before,
            one.root.facts().not_before
        );
        if let Some(cross) = &one.cross {
            assert_eq!(Some(cross.facts().not_before), before);
        }
        before = Some(one.root.facts().not_before);
    }
}

#[test]
fn nothing_outlives_what_signed_it() {
    let history = history();
    let cross = history[1].cross.as_ref().unwrap();
    assert_eq!(cross.facts().not_after, history[0].root.facts().not_after);
    assert_eq!(
        leaf(&history[0], 1000).facts().not_after,
        history[0].root.facts().not_after
    );
    assert_eq!(leaf(&history[0], 50).facts().not_after, at(50));
}

#[test]
fn identifiers_and_names_lead_from_leaf_to_root() {
    let history = history();
    let (old, new) = (&history[0], &history[1]);
    let (cross, leaf) = (new.cross.as_ref().unwrap(), leaf(new, 50));
    assert_eq!(
        leaf.facts().authority_key_id,
        new.root.facts().subject_key_id
    );
    assert_eq!(leaf.facts().raw_issuer, new.root.facts().raw_subject);
    assert_eq!(
        cross.facts().subject_key_id,
        new.root.facts().subject_key_id
    );
    assert_eq!(cross.facts().raw_subject, new.root.facts().raw_subject);
    assert_eq!(cross.facts().public_key, new.root.facts().public_key);
    assert_eq!(
        cross.facts().authority_key_id,
        old.root.facts().subject_key_id
    );
    assert_eq!(cross.facts().raw_issuer, old.root.facts().raw_subject);
    assert!(cross.is_signed_by(&old.root) && !cross.is_signed_by(&new.root));
    assert_eq!(
        old.root.facts().authority_key_id,
        old.root.facts().subject_key_id
    );
}

#[test]
fn a_serial_is_positive_and_as_given() {
    let one = generation(1, None);
    assert_eq!(one.root.facts().serial, serial(1).as_bytes());
    assert!(!parsed(&one.root).raw_serial().starts_with(&[0x80]));
}

#[test]
fn a_key_that_is_not_the_issuers_signs_nothing() {
    let (one, other) = (generation(1, None), key());
    let request = LeafRequest {
        names: &names(),
        public_key: other.public_key(),
        serial: serial(3),
        not_after: at(50),
    };
    let refused = issue_leaf(&request, &one.root, &other);
    assert!(
        matches!(refused, Err(IssueError::KeyMismatch)),
        "{refused:?}"
    );
}

#[test]
fn times_that_cannot_be_written_are_refused() {
    let key = key();
    let root = |not_before: i64, not_after: i64| {
        let request = RootRequest {
            common_name: "guard CA",
            serial: serial(1),
            not_before: certgen::UnixTime::from_secs(not_before),
            not_after: certgen::UnixTime::from_secs(not_after),
        };
        issue_root(&request, &key).map(|root| root.facts().not_after.as_secs())
    };
    let year_10_000 = 253_402_300_800;
    assert_eq!(root(0, year_10_000 - 1), Ok(year_10_000 - 1));
    assert_eq!(root(10, 10), Ok(10));
    for (start, end) in [(0, year_10_000), (10, 9), (i64::MIN, 0), (0, i64::MAX)] {
        assert!(
            matches!(root(start, end), Err(IssueError::Times { .. })),
            "{start} {end}"
        );
    }
}

#[test]
fn a_cross_joins_a_root_that_starts_in_the_last_second_of_the_one_before() {
    let (key, root) = from_to(0, 100);
    let joined = |start| {
        let (_, next) = from_to(start, 300);
        issue_cross(&next, serial(3), &root, &key)
    };
    let cross = joined(100).unwrap();
    assert_eq!(cross.facts().not_after, at(100));
    assert_eq!(
        joined(101).unwrap_err(),
        IssueError::Times {
            not_before: at(101),
            not_after: at(100),
        }
    );
}

fn from_to(start: i64, end: i64) -> (PrivateKey, RootCert) {
    let key = key();
    let request = RootRequest {
        common_name: &format!("guard CA from {start}"),
        serial: serial(2),
        not_before: at(start),
        not_after: at(end),
    };
    let root = issue_root(&request, &key).unwrap();
    (key, root)
}
