//! What a record must contain to be an authority.

use certgen::{RootRequest, Serial, issue_cross, issue_root};

use super::*;
use crate::test_key::test_key;

fn generation(number: u32, before: Option<&Generation>) -> Generation {
    let key = test_key();
    let start = i64::from(number) * 10;
    let request = RootRequest {
        common_name: &format!("guard CA {number}"),
        serial: Serial::from_random([1; 16]),
        not_before: UnixTime::from_secs(start),
        not_after: UnixTime::from_secs(start + 100),
    };
    let root = issue_root(&request, &key).unwrap();
    let cross = before.map(|before| {
        let serial = Serial::from_random([2; 16]);
        issue_cross(&root, serial, &before.root, before.key.as_ref().unwrap()).unwrap()
    });
    Generation {
        root,
        key: Some(key),
        cross,
    }
}

fn added(record: Option<&Record>, number: u32, generation: &Generation) -> Record {
    amended(record, &Amendment::Add { number, generation }).unwrap()
}

/// Generation 1 signs, generation 2 waits.
fn two() -> (Record, [Generation; 2]) {
    let first = generation(1, None);
    let second = generation(2, Some(&first));
    let record = added(Some(&added(None, 1, &first)), 2, &second);
    (record, [first, second])
}

fn error(record: &Record) -> String {
    Authority::decode(record).unwrap_err().to_string()
}

#[test]
fn a_record_of_ours_is_read_back() {
    let (record, generations) = two();
    let authority = Authority::decode(&record).unwrap();
    let view = authority.view().unwrap();
    assert_eq!((view.active.number, view.superseded.len()), (1, 0));
    let successor = view.successor.unwrap();
    assert_eq!(successor.root, generations[1].root.fingerprint());
    assert_eq!(
        successor.cross,
        generations[1]
            .cross
            .as_ref()
            .map(|cross| cross.fingerprint())
    );
}

#[test]
fn who_signs_or_will_sign_has_a_root_and_a_key() {
    for (entry, is_needed) in [
        ("gen-1.crt", true),
        ("gen-1.key", true),
        ("gen-2.key", true),
        ("gen-2.cross.crt", false),
        ("ca-bundle.crt", false),
    ] {
        let (mut record, _) = two();
        record.remove(entry);
        if is_needed {
            assert!(error(&record).contains(entry), "{}", error(&record));
        } else {
            assert!(Authority::decode(&record).is_ok(), "{entry}");
        }
    }
}

#[test]
fn a_key_belongs_to_its_root() {
    let (mut record, generations) = two();
    let other = generations[1].key.as_ref().unwrap().expose_pkcs8_pem();
    record.insert("gen-1.key", other.as_bytes());
    let error = error(&record);
    assert!(
        error.contains("`gen-1.key` is damaged, it is not the key of its certificate"),
        "{error}"
    );
}

#[test]
fn no_root_stands_there_twice() {
    let (mut record, generations) = two();
    record.insert("gen-0.crt", generations[0].root.to_pem());
    let error = error(&record);
    assert!(
        error.contains("`gen-1.crt` is damaged, it is the root of `gen-0.crt`, too"),
        "{error}"
    );
}

#[test]
fn one_generation_at_most_waits() {
    let (record, generations) = two();
    let third = generation(3, Some(&generations[1]));
    let number = 3;
    let generation = &third;
    let refused = amended(Some(&record), &Amendment::Add { number, generation });
    let error = refused.unwrap_err().to_string();
    assert!(
        error.contains("more than one generation is newer"),
        "{error}"
    );
    let promoted = amended(Some(&record), &Amendment::Promote(2)).unwrap();
    assert!(
        promoted.expose("gen-1.key").is_none(),
        "a superseded key is destroyed"
    );
    assert!(amended(Some(&promoted), &Amendment::Add { number, generation }).is_ok());
}

#[test]
fn entries_of_others_stay_and_only_a_first_generation_makes_them_a_record_of_ours() {
    let mut others = Record::new();
    others.insert("note", "kept");
    let record = added(Some(&others), 1, &generation(1, None));
    assert_eq!(record.expose("note"), Some(&b"kept"[..]));
    assert!(Authority::decode(&record).is_ok());
    for amendment in [
        Amendment::Promote(1),
        Amendment::Mark(None),
        Amendment::Forget(&[]),
    ] {
        let refused = amended(Some(&others), &amendment);
        assert!(matches!(refused, Err(RecordError::NoFormat)));
    }
}

#[test]
fn a_cross_to_a_root_that_left_joins_nothing() {
    let (record, _) = two();
    let promoted = amended(Some(&record), &Amendment::Promote(2)).unwrap();
    let mut without_root = promoted.duplicate();
    without_root.remove("gen-1.crt");
    let crosses = |record: &Record| Authority::decode(record).unwrap().crosses_from(2).len();
    assert_eq!((crosses(&promoted), crosses(&without_root)), (1, 0));
}
