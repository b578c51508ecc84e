//! Names that a certificate can carry.

use super::{
    foreign::Foreign,
    pki::{at, generation, key, serial},
};
use certgen::{DnsName, LeafRequest, NameError, ServerNames, issue_leaf, verify};
use rcgen::SanType;

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
fn names_are_compared_letter_for_letter_and_shown_in_order() {
    let names = |dns: &[&str], ips: &[&str]| {
        let dns = dns.iter().map(|name| name.parse().unwrap());
        ServerNames::new(dns, ips.iter().map(|ip| ip.parse().unwrap())).unwrap()
    };
    let all = names(&["b.svc", "a.svc", "*.c.svc"], &["10.0.0.1"]);
    assert_eq!(all.to_string(), "*.c.svc, a.svc, b.svc, 10.0.0.1");
    assert_eq!(
        names(&["a.svc"], &[]).union(&names(&[], &["10.0.0.1"])),
        names(&["a.svc"], &["10.0.0.1"])
    );
    for (wanted, is_there) in [
        (names(&["a.svc", "b.svc"], &[]), true),
        (names(&["a.svc"], &["10.0.0.1"]), true),
        (names(&["x.c.svc"], &[]), false),
        (names(&["x.svc"], &["10.0.0.1"]), false),
        (names(&["a.svc"], &["10.0.0.2"]), false),
    ] {
        assert_eq!(all.contains_all(&wanted), is_there, "{wanted}");
    }
}

#[test]
fn a_name_in_a_certificate_stands_for_what_go_takes_it_for() {
    for (pattern, name, is_accepted) in [
        ("guard.svc", "GUARD.svc", true),
        ("guard.svc", "guard.svc.", true),
        ("guard.svc", "other.svc", false),
        ("*.svc", "guard.svc", true),
        ("*.svc", "svc", false),
        ("*.a_b.svc", "x.a_b.svc", true),
        // What is not a host name stands for itself, letter for letter.
        ("guard.svc.", "guard.svc.", true),
        ("guard.svc.", "guard.svc", false),
        ("A b", "a b", true),
        ("*", "*", true),
        ("*", "x", false),
        ("*.*.svc", "x.*.svc", false),
        ("*.a!.svc", "x.a!.svc", false),
        ("*.-a.svc", "x.-a.svc", false),
        ("*..svc", "x..svc", false),
        // What is no name at all stands for nothing.
        ("", "", false),
        (".", ".", false),
    ] {
        let leaf = Foreign::new("leaf", |params| {
            params.subject_alt_names = vec![SanType::DnsName(pattern.try_into().unwrap())];
        });
        let leaf = leaf.self_signed();
        let judged = verify(&leaf, &[], [&leaf], name, at(0));
        assert_eq!(judged.is_ok(), is_accepted, "{pattern:?} for {name:?}");
    }
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
