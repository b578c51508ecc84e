//! How much of a serving record is believed.

use alloc::{format, string::String};

use certgen::{
    LeafRequest, RootCert, RootRequest, Serial, ServerNames, UnixTime, issue_leaf, issue_root,
};

use super::*;
use crate::test_key::test_key;

fn root(number: usize, key: &PrivateKey) -> RootCert {
    let request = RootRequest {
        common_name: &format!("CA {number}"),
        serial: Serial::from_random([1; 16]),
        not_before: UnixTime::from_secs(0),
        not_after: UnixTime::from_secs(100),
    };
    issue_root(&request, key).unwrap()
}

/// A record whose `ca.crt` lists `count` roots, and whose leaf the last of them issued.
fn crowded(count: usize) -> (Record, Vec<Anchor>) {
    let key = test_key();
    let roots: Vec<_> = (0..count).map(|number| root(number, &key)).collect();
    let names = ServerNames::for_service("guard", "guard-system").unwrap();
    let request = LeafRequest {
        names: &names,
        public_key: key.public_key(),
        serial: Serial::from_random([2; 16]),
        not_after: UnixTime::from_secs(100),
    };
    let leaf = issue_leaf(&request, roots.last().unwrap(), &key).unwrap();
    let anchors: Vec<_> = roots.iter().map(Anchor::from).collect();
    let ca: String = roots.iter().map(|root| root.to_pem()).collect();
    let chain = Chain::new(leaf, Vec::new());
    let mut record = Record::new();
    record.insert(CHAIN_ENTRY, chain.to_pem());
    record.insert(KEY_ENTRY, key.expose_pkcs8_pem().as_bytes());
    record.insert(CA_ENTRY, ca);
    (record, anchors)
}

#[test]
fn as_many_roots_as_are_read_are_read_as_they_stand() {
    let (record, roots) = crowded(MOST_ANCHORS);
    assert_eq!(Serving::decode(&record).ca, roots);
}

#[test]
fn of_more_the_issuer_comes_first_and_the_last_are_dropped() {
    let (record, mut roots) = crowded(MOST_ANCHORS + 2);
    let issuer = roots.pop().unwrap();
    roots.insert(0, issuer);
    roots.truncate(MOST_ANCHORS);
    assert_eq!(Serving::decode(&record).ca, roots);
}

#[test]
fn a_record_is_blank_as_long_as_each_entry_of_ours_is() {
    let mut record = Record::new();
    record.insert("note", "somebody else's");
    for entry in [CHAIN_ENTRY, KEY_ENTRY, CA_ENTRY] {
        record.insert(entry, "");
        assert!(is_blank(&record));
    }
    record.insert(CA_ENTRY, "anything");
    assert!(!is_blank(&record));
}
