//! Names that a certificate can carry.

use super::pki::{at, generation, key, serial};
use certgen::{DnsName, LeafRequest, NameError, ServerNames, issue_leaf, verify};

#[test]
fn a_label_has_63_bytes_and_a_name_253() {
    let label = |length| "a".repeat(length);
    assert!(label(63).parse::<DnsName>().is_ok());
    let refused = format!("{}.svc", label(64)).parse::<DnsName>();
    assert!(
        matches!(&refused, Err(NameError::LabelTooLong { label, .. }) if label.len() == 64),
        "{refused:?}"
    );

    let long = |length: usize| {
        let mut name = [label(63), label(63), label(63), label(63)].join(".");
        name.truncate(length);
        name
    };
    assert!(long(253).parse::<DnsName>().is_ok());
    let refused = format!("{}a", long(253)).parse::<DnsName>().unwrap_err();
    assert!(refused.to_string().contains(&long(253)), "{refused}");
}

#[test]
fn addresses_and_wildcards_are_carried_and_matched() {
    let one = generation(1, None);
    let key = key();
    let names = ServerNames::new(
        ["*.guard-system.svc".parse().unwrap()],
        ["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
    )
    .unwrap();
    let request = LeafRequest {
        names: &names,
        public_key: key.public_key(),
        serial: serial(9),
        not_after: at(50),
    };
    let leaf = issue_leaf(&request, &one.root, &one.key).unwrap();
    let judge = |name| verify(&leaf, &[], [one.root.certificate()], name, at(40)).is_ok();
    assert!(
        judge("guard.guard-system.svc")
            && judge("10.0.0.1")
            && judge("fd00::1")
            && judge("[fd00::1]")
    );
    assert!(!judge("a.b.guard-system.svc") && !judge("guard-system.svc") && !judge("10.0.0.2"));
    assert_eq!(leaf.facts().server_names(), Some(names));
}
