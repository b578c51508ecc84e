//! What each extension may look like, where Go draws the line.

use std::{vec, vec::Vec};

use super::*;
use crate::key::PublicKey;

const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
const NAMES: &[u8] = &[0x55, 0x1d, 17];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
const POINTS: &[u8] = &[0x55, 0x1d, 31];
const POLICIES: &[u8] = &[0x55, 0x1d, 32];
const MAPPINGS: &[u8] = &[0x55, 0x1d, 33];
const POLICY_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 36];
const EXTENDED: &[u8] = &[0x55, 0x1d, 37];
const SUBJECT_KEY: &[u8] = &[0x55, 0x1d, 14];
const AUTHORITY_KEY: &[u8] = &[0x55, 0x1d, 35];
const NUMBER: &[u8] = &[0x02, 0x01, 0x05];
/// 1.2.3
const OID: &[u8] = &[0x06, 0x02, 0x2a, 0x03];

fn der(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let mut der = vec![tag, u8::try_from(content.len()).unwrap()];
    assert!(content.len() < 0x80);
    der.extend(content);
    der
}

fn sequence(content: &[&[u8]]) -> Vec<u8> {
    der(tag::SEQUENCE, content)
}

fn read_as(id: &[u8], is_critical: bool, value: &[u8]) -> Result<Facts, Malformed> {
    let empty = || sequence(&[]);
    let mut facts = Facts::new(empty(), empty(), PublicKey::from_spki(&[]));
    read_extension(&mut facts, id, is_critical, value).map(|()| facts)
}

fn read(id: &[u8], value: &[u8]) -> Option<Facts> {
    read_as(id, false, value).ok()
}

/// An address and a mask in a subtree.
fn network(bytes: &[u8]) -> Vec<u8> {
    sequence(&[&der(0x87, &[bytes])])
}

fn constraints(permitted: &[&[u8]], excluded: &[&[u8]]) -> Vec<u8> {
    sequence(&[&der(0xa0, permitted), &der(0xa1, excluded)])
}

#[test]
fn only_a_critical_extension_that_is_not_known_counts_as_such() {
    let unknown = &[0x2a, 0x03][..];
    assert!(read_as(unknown, true, b"?").unwrap().has_unknown_critical);
    assert!(!read_as(unknown, false, b"?").unwrap().has_unknown_critical);
    let usage = der(tag::BIT_STRING, &[&[5, 0xa0]]);
    assert!(
        !read_as(KEY_USAGE, true, &usage)
            .unwrap()
            .has_unknown_critical
    );
}

#[test]
fn key_identifiers_and_the_issuers_address_are_never_critical() {
    let subject = der(tag::OCTET_STRING, &[b"id"]);
    let authority = sequence(&[&der(0x80, &[b"id"])]);
    let address = sequence(&[&sequence(&[OID, &der(0x86, &[b"http://ca"])])]);
    for (id, value) in [
        (SUBJECT_KEY, &subject),
        (AUTHORITY_KEY, &authority),
        (AUTHORITY_INFORMATION, &address),
    ] {
        assert!(read_as(id, false, value).is_ok(), "{id:?}");
        assert!(read_as(id, true, value).is_err(), "{id:?}");
    }
    let facts = read(SUBJECT_KEY, &subject).unwrap();
    assert_eq!(facts.subject_key_id.as_deref(), Some(&b"id"[..]));
    let facts = read(AUTHORITY_KEY, &authority).unwrap();
    assert_eq!(facts.authority_key_id.as_deref(), Some(&b"id"[..]));
}

#[test]
fn each_bit_of_a_key_usage_is_read_and_none_is_no_usage() {
    let usage = |bytes: &[u8]| {
        let value = der(tag::BIT_STRING, &[bytes]);
        read(KEY_USAGE, &value).unwrap().key_usage
    };
    let parts = |usage: KeyUsage| (usage.digital_signature, usage.cert_sign, usage.crl_sign);
    assert_eq!(usage(&[7, 0x80]).map(parts), Some((true, false, false)));
    assert_eq!(usage(&[2, 0x04]).map(parts), Some((false, true, false)));
    assert_eq!(usage(&[1, 0x02]).map(parts), Some((false, false, true)));
    // The ninth bit is a usage, the tenth is not.
    assert!(usage(&[7, 0x00, 0x80]).is_some());
    assert!(usage(&[6, 0x00, 0x40]).is_none());
    assert!(usage(&[0]).is_none());
}

#[test]
fn names_of_every_kind_that_go_knows_are_known_and_text_is_ascii() {
    for kind in [0x81, 0x82, 0x86] {
        let value = sequence(&[&der(kind, &[b"guard.example"])]);
        let facts = read_as(NAMES, true, &value).unwrap();
        assert!(!facts.has_unknown_critical, "{kind:x}");
        assert_eq!(facts.dns_names.len(), usize::from(kind == 0x82));
        assert!(read(NAMES, &sequence(&[&der(kind, &["ü".as_bytes()])])).is_none());
    }
    let v4 = read(NAMES, &sequence(&[&der(0x87, &[&[10, 0, 0, 1]])])).unwrap();
    assert_eq!(v4.ip_addresses, [IpAddr::from([10, 0, 0, 1])]);
    assert!(read(NAMES, &sequence(&[&der(0x87, &[&[10, 0, 0]])])).is_none());
    // A directory name alone.
    let other = sequence(&[&der(0xa4, &[&sequence(&[])])]);
    assert!(read_as(NAMES, true, &other).unwrap().has_unknown_critical);
    assert!(!read_as(NAMES, false, &other).unwrap().has_unknown_critical);
}

#[test]
fn each_purpose_is_noted_and_an_empty_list_says_nothing() {
    let (any, server, client) = (
        &b"\x06\x04\x55\x1d\x25\x00"[..],
        &b"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"[..],
        &b"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02"[..],
    );
    let usage = |purposes: &[&[u8]]| {
        let facts = read(EXTENDED, &sequence(purposes)).unwrap();
        let parts = |usage: ExtendedKeyUsage| (usage.any, usage.server_auth, usage.client_auth);
        facts.extended_key_usage.map(parts)
    };
    assert_eq!(usage(&[]), None);
    assert_eq!(usage(&[any]), Some((true, false, false)));
    assert_eq!(usage(&[server]), Some((false, true, false)));
    assert_eq!(usage(&[client]), Some((false, false, true)));
    assert_eq!(usage(&[OID]), Some((false, false, false)));
    // A later one takes nothing away.
    assert_eq!(usage(&[any, server, client, OID]), Some((true, true, true)));
}

#[test]
fn name_constraints_say_something_and_nothing_follows() {
    let dns = sequence(&[&der(0x82, &[b"example.com"])]);
    for (value, is_read) in [
        (constraints(&[&dns], &[]), true),
        (constraints(&[], &[&dns]), true),
        (constraints(&[&dns, &dns], &[&dns]), true),
        (sequence(&[&der(0xa0, &[&dns])]), true),
        (sequence(&[&der(0xa1, &[&dns])]), true),
        (constraints(&[], &[]), false),
        (sequence(&[]), false),
        // The excluded ones come second.
        (sequence(&[&der(0xa1, &[&dns]), &der(0xa0, &[&dns])]), false),
        (sequence(&[&der(0xa0, &[&dns]), NUMBER]), false),
        ([constraints(&[&dns], &[]), NUMBER.to_vec()].concat(), false),
        (constraints(&[NUMBER], &[]), false),
    ] {
        let facts = read(NAME_CONSTRAINTS, &value);
        assert_eq!(facts.is_some(), is_read, "{value:02x?}");
        assert!(facts.is_none_or(|facts| facts.has_constraints));
    }
    for kind in [0x81, 0x82, 0x86] {
        let text = sequence(&[&der(kind, &["ü".as_bytes()])]);
        assert!(read(NAME_CONSTRAINTS, &constraints(&[&text], &[])).is_none());
    }
    let directory = sequence(&[&der(0xa4, &["ü".as_bytes()])]);
    assert!(read(NAME_CONSTRAINTS, &constraints(&[&directory], &[])).is_some());
}

#[test]
fn a_network_is_an_address_and_a_mask_of_ones_and_then_zeros() {
    let v6 = |mask: &[u8]| [&[0; 16], mask, &[0; 16][mask.len()..]].concat();
    for (bytes, is_network) in [
        (vec![10, 0, 0, 0, 255, 0, 0, 0], true),
        (vec![10, 0, 0, 0, 255, 255, 255, 255], true),
        (vec![10, 0, 0, 0, 0, 0, 0, 0], true),
        (vec![10, 0, 0, 0, 255, 240, 0, 0], true),
        (vec![10, 0, 0, 0, 255, 0, 255, 0], false),
        (vec![10, 0, 0, 0, 0, 255, 255, 255], false),
        // The mask is the second half.
        (vec![0, 255, 0, 255, 255, 0, 0, 0], true),
        (v6(&[255, 255]), true),
        (v6(&[255; 16]), true),
        (v6(&[255, 0, 1]), false),
        (v6(&[0, 1]), false),
        (vec![10, 0, 0, 0], false),
        (vec![10, 0, 0, 0, 0, 255, 0, 0, 0], false),
        (vec![], false),
    ] {
        let value = constraints(&[&network(&bytes)], &[]);
        assert_eq!(
            read(NAME_CONSTRAINTS, &value).is_some(),
            is_network,
            "{bytes:?}"
        );
    }
}

#[test]
fn a_policy_stands_once_and_each_is_read() {
    let other = &[0x06, 0x02, 0x2a, 0x04][..];
    let policy = |id| sequence(&[id]);
    assert!(read(POLICIES, &sequence(&[])).is_some());
    assert!(read(POLICIES, &sequence(&[&policy(OID), &policy(other)])).is_some());
    assert!(read(POLICIES, &sequence(&[&policy(OID), &policy(OID)])).is_none());
    assert!(read(POLICIES, &sequence(&[&policy(OID), NUMBER])).is_none());
    assert!(read(POLICIES, &sequence(&[&policy(NUMBER)])).is_none());
}

#[test]
fn a_mapping_is_two_identifiers() {
    let pair = sequence(&[OID, OID]);
    assert!(read(MAPPINGS, &sequence(&[])).is_some());
    assert!(read(MAPPINGS, &sequence(&[&pair, &pair])).is_some());
    for broken in [sequence(&[OID]), sequence(&[OID, NUMBER]), NUMBER.to_vec()] {
        assert!(
            read(MAPPINGS, &sequence(&[&pair, &broken])).is_none(),
            "{broken:02x?}"
        );
    }
}

#[test]
fn policy_constraints_are_two_small_numbers_or_fewer() {
    let number = |kind: u8, bytes: &[u8]| der(0x80 | kind, &[bytes]);
    for value in [
        sequence(&[]),
        sequence(&[&number(0, &[1])]),
        sequence(&[&number(1, &[1])]),
        sequence(&[&number(0, &[1]), &number(1, &[1])]),
    ] {
        let facts = read(POLICY_CONSTRAINTS, &value);
        assert!(
            facts.is_some_and(|facts| facts.has_constraints),
            "{value:02x?}"
        );
    }
    for kind in [0, 1] {
        let long = number(kind, &[1; 9]);
        assert!(read(POLICY_CONSTRAINTS, &sequence(&[&long])).is_none());
    }
}

#[test]
fn points_and_descriptions_are_read_to_the_last() {
    let uri = der(0x86, &[b"http://ca"]);
    let point = sequence(&[&der(0xa0, &[&der(0xa0, &[&uri, &uri])])]);
    let without_name = sequence(&[&der(0xa2, &[])]);
    assert!(read(POINTS, &sequence(&[&point, &without_name, &point])).is_some());
    let broken = sequence(&[&der(0xa0, &[NUMBER])]);
    for points in [[&point, &broken], [&without_name, &broken]] {
        assert!(read(POINTS, &sequence(&points.map(Vec::as_slice))).is_none());
    }
    // Its length says more than there is.
    let short = sequence(&[&der(0xa0, &[&der(0xa0, &[&uri, &[0x86, 9]])])]);
    assert!(read(POINTS, &sequence(&[&short])).is_none());

    let description = sequence(&[OID, &uri]);
    let without_address = sequence(&[OID]);
    let all = sequence(&[&description, &without_address, &description]);
    assert!(read(AUTHORITY_INFORMATION, &all).is_some());
    for broken in [
        NUMBER.to_vec(),
        sequence(&[NUMBER]),
        sequence(&[OID, &[0x86, 9]]),
    ] {
        let value = sequence(&[&description, &broken]);
        assert!(
            read(AUTHORITY_INFORMATION, &value).is_none(),
            "{broken:02x?}"
        );
    }
}

#[test]
fn what_inhibits_any_policy_is_a_small_number() {
    let id = &[0x55, 0x1d, 54][..];
    assert!(read(id, NUMBER).is_some());
    assert!(read(id, OID).is_none());
}
