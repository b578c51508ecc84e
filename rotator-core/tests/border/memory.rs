//! The ports in memory behave as real ones: limits, counts, and no write over what moved.

use std::collections::BTreeMap;

use certgen::{Anchor, Bundle, PrivateKey, RootCert, RootRequest, Serial, UnixTime, issue_root};
use futures::executor::block_on;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rotator_core::{
    EntryBundle, EntryEdit, EntryName, MemoryStore, MemoryTarget, MemoryTargets, PatchError,
    Record, RecordName, SecretStore as _, StoreError, TargetRef, TargetState, TargetView,
    WebhookPatcher as _,
};

fn record_of(size: usize) -> Record {
    let mut record = Record::new();
    record.insert("entry", vec![b'x'; size - "entry".len()]);
    record
}

#[test]
fn a_record_of_a_mebibyte_fits_and_a_byte_more_does_not() {
    let (store, name) = (MemoryStore::new(), RecordName::new("guard-ca"));
    let absent = block_on(store.load(&name)).unwrap().revision;
    let refused = block_on(store.save(&name, &record_of((1 << 20) + 1), &absent));
    assert!(matches!(
        refused,
        Err(StoreError::TooLarge {
            size: 1_048_577,
            limit: 1_048_576
        })
    ));
    block_on(store.save(&name, &record_of(1 << 20), &absent)).unwrap();
}

#[test]
fn reads_and_writes_are_counted() {
    let (store, name) = (MemoryStore::new(), RecordName::new("guard-ca"));
    for number in 1..=3 {
        let seen = block_on(store.load(&name)).unwrap().revision;
        block_on(store.save(&name, &record_of(10), &seen)).unwrap();
        assert_eq!((store.reads(), store.writes()), (number, number));
        assert!(block_on(store.save(&name, &record_of(10), &seen)).is_err());
    }
    assert_eq!(store.writes(), 3);
}

fn root() -> RootCert {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let request = RootRequest {
        common_name: "guard CA",
        serial: Serial::from_random([1; 16]),
        not_before: UnixTime::from_secs(0),
        not_after: UnixTime::from_secs(100),
    };
    issue_root(&request, &PrivateKey::from_pkcs8_der(key.as_ref()).unwrap()).unwrap()
}

fn target() -> TargetRef {
    TargetRef::new("ValidatingWebhookConfiguration", "guard.example.com")
}

fn entry() -> EntryName {
    EntryName::new("pods.guard.example.com")
}

fn view(targets: &MemoryTargets) -> TargetView {
    match block_on(targets.observe()).remove(0) {
        (_, TargetState::Readable(view)) => view,
        (target, state) => panic!("{target}: {state:?}"),
    }
}

#[test]
fn a_target_that_moved_is_not_written() {
    let targets = MemoryTargets::new();
    let content = |bytes: &[u8]| MemoryTarget::Exists(BTreeMap::from([(entry(), bytes.to_vec())]));
    targets.put(&target(), content(b""));
    let seen = view(&targets);
    targets.put(&target(), content(b"moved"));
    let edit = EntryEdit {
        entry: entry(),
        bundle: Bundle::new([Anchor::from(root())]).unwrap(),
    };
    let refused = block_on(targets.publish(&seen, std::slice::from_ref(&edit)));
    assert!(matches!(refused, Err(PatchError::Conflict)));
    assert_eq!(targets.bundle(&target(), &entry()).unwrap(), b"moved");
    assert_eq!(targets.writes(), 0);

    block_on(targets.publish(&view(&targets), std::slice::from_ref(&edit))).unwrap();
    let written = targets.bundle(&target(), &entry()).unwrap();
    assert_eq!(written, edit.bundle.to_pem().as_bytes());
    assert_eq!(targets.writes(), 1);
}

#[test]
fn an_entry_is_empty_unusable_or_holds_certificates() {
    let targets = MemoryTargets::new();
    let pem = Bundle::new([Anchor::from(root())]).unwrap().to_pem();
    for (bytes, expected) in [
        ("", "empty"),
        (" \n", "empty"),
        ("x", "unusable"),
        (&pem, "holds"),
    ] {
        let bytes = bytes.as_bytes().to_vec();
        targets.put(
            &target(),
            MemoryTarget::Exists(BTreeMap::from([(entry(), bytes)])),
        );
        let found = match view(&targets).entries.remove(0).bundle {
            EntryBundle::Empty => "empty",
            EntryBundle::Unusable => "unusable",
            EntryBundle::Holds(_) => "holds",
        };
        assert_eq!(found, expected);
    }
}
