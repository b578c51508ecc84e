//! However much stands in a record, an entry or an object: bytes, certificates and writes stay bounded.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use certgen::{
    Bundle, Certificate, Chain, LeafRequest, PrivateKey, RootCert, RootRequest, Serial,
    ServerNames, UnixTime, issue_leaf, issue_root, parse_bundle,
};
use futures::executor::block_on;
use hostile::installation::{
    Installation, NAMESPACE, Records, SERVICE, SystemEntropy, entry, new_key, new_root,
    serving_name, settings, target,
};
use rotator_core::{
    Duty, EntryEdit, MemoryClock, MemoryStore, MemoryTarget, MemoryTargets, PatchError, Ports,
    Record, Rotator, TargetRef, TargetState, TargetView, TimeBounds, WebhookPatcher,
};
use serde_json::{Value, json};
use webhook_inject::{Selector, TargetKind, patch, view};

const NOW: i64 = 1_800_000_000;
const MANY: usize = 10_000;

#[test]
fn of_ten_thousand_certificates_in_an_entry_sixteen_stay_and_four_of_one_subject() {
    for (found, kept) in [(strangers(MANY), 4), (strangers_of_many_names(MANY), 16)] {
        let mut installation = one_target(Records::default(), found.into_bytes());
        installation.settle(6);
        assert_eq!(installation.writes(), [1, 1, 1]);

        let bundle = installation.targets.bundle(&target(), &entry()).unwrap();
        assert_eq!(parse_bundle(&bundle).anchors.len(), kept + 1);
        installation.settle(100);
        assert_eq!(installation.writes(), [1, 1, 1]);
    }
}

#[test]
fn garbage_of_a_megabyte_and_a_half_is_replaced_once() {
    for unit in ["-----BEGIN ", "\n-----END ", "a:b\n", "-", "\0"] {
        let garbage = unit.repeat(1_500_000 / unit.len());
        let mut installation = one_target(Records::default(), garbage.into_bytes());
        installation.settle(6);
        assert_eq!(installation.writes(), [1, 1, 1]);
        let bundle = installation.targets.bundle(&target(), &entry()).unwrap();
        assert!(bundle.len() < 1_000);
    }
}

#[test]
fn a_chain_that_no_caller_reads_is_replaced_at_once() {
    let mut record = foreign(&names(), NOW + 86_400 * 20);
    let leaf = String::from_utf8(record.expose("tls.crt").unwrap().to_vec()).unwrap();
    record.insert("tls.crt", leaf + &strangers(MANY));
    let mut installation = one_target(of_serving(record), Vec::new());
    installation.settle(6);
    let chain = served(&installation);
    assert!(chain.intermediates().is_empty());
    assert_eq!(installation.writes(), [1, 1, 1]);
}

#[test]
fn nothing_that_a_serving_record_lists_gets_into_a_bundle() {
    let mut record = foreign(&names(), NOW + 86_400 * 20);
    let issuer = String::from_utf8(record.expose("ca.crt").unwrap().to_vec()).unwrap();
    record.insert("ca.crt", strangers(MANY) + &issuer);
    let mut installation = one_target(of_serving(record), Vec::new());
    installation.settle(8);

    let bundle = installation.targets.bundle(&target(), &entry()).unwrap();
    assert_eq!(parse_bundle(&bundle).anchors.len(), 1);
    // No entry verifies its leaf: it is not waited for.
    assert_eq!(installation.writes(), [1, 1, 1]);
    let ca = installation.serving.get(&serving_name()).unwrap();
    let ca = parse_bundle(ca.expose("ca.crt").unwrap()).anchors;
    assert_eq!(ca.len(), 1);
}

#[test]
fn names_of_ours_are_kept_unless_callers_could_not_read_them_all() {
    for (count, is_kept) in [(1_000, true), (2_000, false)] {
        let many = (0..count).map(|number| format!("n{number}.{NAMESPACE}.svc").parse().unwrap());
        let found = ServerNames::new(many, []).unwrap();
        let mut before = settings();
        before.serving[0].names = found.clone();
        let ports = ports(MemoryStore::new(), MemoryTargets::new());
        for settings in [before, settings()] {
            let mut rotator = Rotator::new(settings);
            let mut elapsed = Duration::ZERO;
            for _ in 0..6 {
                elapsed += block_on(rotator.step(&ports, Duty::Lead, elapsed)).wake_after;
            }
        }
        assert_eq!(ports.serving.writes(), 2);
        let record = ports.serving.get(&serving_name()).unwrap();
        let chain = Chain::from_pem(record.expose("tls.crt").unwrap()).unwrap();
        let carried = chain.leaf().facts().server_names().unwrap();
        assert!(carried.contains_all(&names()));
        assert_eq!(carried.contains_all(&found), is_kept, "{count}");
    }
}

#[test]
fn names_of_a_foreign_leaf_are_not_signed() {
    for ends in [NOW - 1, NOW + 1, NOW + 86_400 * 20] {
        let found = ServerNames::new(["kubernetes.default.svc".parse().unwrap()], []).unwrap();
        let record = foreign(&found, ends);
        let mut installation = one_target(of_serving(record), Vec::new());
        installation.settle(10);
        let carried = served(&installation).leaf().facts().server_names().unwrap();
        assert_eq!(carried, names());
        let [_, writes, _] = installation.writes();
        assert_eq!(writes, 1);
    }
}

#[test]
fn names_that_no_caller_could_read_are_not_written_at_all() {
    let many = (0..20_000).map(|number| format!("n{number}.{NAMESPACE}.svc").parse().unwrap());
    let mut wanted = settings();
    wanted.serving[0].names = ServerNames::new(many, []).unwrap();
    let store = MemoryStore::new();
    let ports = ports(store.clone(), MemoryTargets::new());
    let mut rotator = Rotator::new(wanted);
    let mut elapsed = Duration::ZERO;
    for _ in 0..6 {
        elapsed += block_on(rotator.step(&ports, Duty::Lead, elapsed)).wake_after;
    }
    assert_eq!(store.writes(), 0);
}

#[test]
fn a_thousand_generations_do_not_become_more() {
    let mut record = Record::new();
    record.insert("format", "1");
    record.insert("state", r#"{"active":1000,"mark":null}"#);
    let key = new_key();
    for number in 1..=1_000_u16 {
        record.insert(format!("gen-{number}.crt"), root(number, &key).to_pem());
    }
    record.insert("gen-1000.key", key.expose_pkcs8_pem().as_bytes());
    let records = Records {
        authority: Some(record),
        serving: None,
    };
    let mut installation = one_target(records, Vec::new());
    // No cross joins them: no leaf can be issued, and each try waits longer.
    installation.settle(40);
    assert_eq!(installation.writes(), [0, 0, 1]);
    let bundle = installation.targets.bundle(&target(), &entry()).unwrap();
    assert_eq!(parse_bundle(&bundle).anchors.len(), 1_000);
}

#[test]
fn an_authority_record_with_a_megabyte_where_a_root_should_be_is_left_alone() {
    let mut record = Record::new();
    record.insert("format", "1");
    record.insert("state", r#"{"active":1,"mark":null}"#);
    record.insert("gen-1.crt", "-----BEGIN CERTIFICATE-----\n".repeat(40_000));
    let records = Records {
        authority: Some(record),
        serving: None,
    };
    let mut installation = one_target(records, Vec::new());
    let reports = installation.settle(40);
    assert_eq!(installation.writes(), [0, 0, 0]);
    let waited: Duration = reports.iter().map(|report| report.wake_after).sum();
    assert!(waited > Duration::from_secs(1_000), "it waits: {waited:?}");
}

#[test]
fn an_object_of_three_megabytes_costs_a_patch_of_one_bundle() {
    let foreign = |number| {
        json!({
            "name": format!("w{number}.other.example.com"),
            "clientConfig": { "url": "https://other.example.com/validate", "caBundle": "Cg==" },
        })
    };
    let mut webhooks: Vec<Value> = (0..MANY).map(foreign).collect();
    webhooks.push(json!({
        "name": "pods.guard.example.com",
        "clientConfig": { "service": { "namespace": NAMESPACE, "name": SERVICE } },
    }));
    let object = json!({
        "metadata": { "uid": "0a1b", "resourceVersion": "7", "annotations": { "note": "x".repeat(2_000_000) } },
        "webhooks": webhooks,
    });
    let bytes = object.to_string().into_bytes();
    assert!(bytes.len() > 3_000_000);
    hostile::object(&bytes);

    let kind = TargetKind::ValidatingWebhookConfiguration;
    let ours = Selector::of_service(NAMESPACE, SERVICE);
    let seen = view(kind, &object, &ours).unwrap();
    let bundle = Bundle::new([new_root("guard CA 1").into()]).unwrap();
    let bundles = [(seen.entries[0].key.clone(), bundle)].into();
    assert!(patch(&seen, &bundles).unwrap().to_string().len() < 2_000);
}

#[test]
fn ten_thousand_targets_are_written_once_each() {
    let targets = (0..MANY).map(|number| {
        let name = format!("{number}.example.com");
        (
            TargetRef::new("ValidatingWebhookConfiguration", name),
            Vec::new(),
        )
    });
    let mut installation = Installation::found(Records::default(), targets.collect(), NOW);
    installation.settle(6);
    assert_eq!(installation.writes(), [1, 1, 10_000]);
    installation.settle(20);
    assert_eq!(installation.writes(), [1, 1, 10_000]);
}

#[test]
fn a_target_that_cannot_grow_is_asked_less_and_less_often() {
    let targets = MemoryTargets::new();
    let found = [(entry(), strangers(100).into_bytes())];
    targets.put(&target(), MemoryTarget::Exists(found.into()));
    let full = Full {
        targets,
        asked: AtomicUsize::new(0),
    };
    let ports = ports(MemoryStore::new(), full);
    let mut rotator = Rotator::new(settings());
    let mut elapsed = Duration::ZERO;
    while elapsed < Duration::from_secs(3_600) {
        let report = block_on(rotator.step(&ports, Duty::Lead, elapsed));
        elapsed += report.wake_after.max(Duration::from_millis(1));
    }
    let asked = ports.patcher.asked.load(Ordering::Relaxed);
    assert!((10..80).contains(&asked), "{asked} times in an hour");
    assert!(
        ports.serving.get(&serving_name()).is_some(),
        "its server is not held up"
    );
}

/// A patcher whose only target is as large as can be.
struct Full {
    targets: MemoryTargets,
    asked: AtomicUsize,
}

impl WebhookPatcher for Full {
    async fn observe(&self) -> Vec<(TargetRef, TargetState)> {
        self.targets.observe().await
    }

    async fn publish(&self, _: &TargetView, _: &[EntryEdit]) -> Result<(), PatchError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Err(PatchError::Refused {
            reason: "the object is too large".to_owned(),
        })
    }
}

fn ports<P>(
    store: MemoryStore,
    patcher: P,
) -> Ports<MemoryStore, MemoryStore, P, MemoryClock, SystemEntropy> {
    let now = TimeBounds::around(UnixTime::from_secs(NOW), Duration::from_secs(2));
    Ports {
        authority: MemoryStore::new(),
        serving: store,
        patcher,
        clock: MemoryClock::new(now),
        entropy: SystemEntropy,
    }
}

fn one_target(records: Records, ca_bundle: Vec<u8>) -> Installation {
    Installation::found(records, vec![(target(), ca_bundle)], NOW)
}

fn of_serving(record: Record) -> Records {
    Records {
        authority: None,
        serving: Some(record),
    }
}

fn served(installation: &Installation) -> Chain {
    let record = installation.serving.get(&serving_name()).unwrap();
    Chain::from_pem(record.expose("tls.crt").unwrap()).unwrap()
}

fn names() -> ServerNames {
    ServerNames::for_service(SERVICE, NAMESPACE).unwrap()
}

/// A serving record that somebody else made.
fn foreign(names: &ServerNames, not_after: i64) -> Record {
    let (ca_key, leaf_key) = (new_key(), new_key());
    let ca = root(1, &ca_key);
    let request = LeafRequest {
        names,
        public_key: leaf_key.public_key(),
        serial: Serial::from_random([7; 16]),
        not_after: UnixTime::from_secs(not_after),
    };
    let leaf = issue_leaf(&request, &ca, &ca_key).unwrap();
    let mut record = Record::new();
    record.insert("tls.crt", leaf.to_pem());
    record.insert("tls.key", leaf_key.expose_pkcs8_pem().as_bytes());
    record.insert("ca.crt", ca.to_pem());
    record
}

fn root(number: u16, key: &PrivateKey) -> RootCert {
    let mut serial = [7; 16];
    serial[..2].copy_from_slice(&number.to_be_bytes());
    let request = RootRequest {
        common_name: &format!("some CA {number}"),
        serial: Serial::from_random(serial),
        not_before: UnixTime::from_secs(NOW - 1_000_000),
        not_after: UnixTime::from_secs(NOW + 30_000_000),
    };
    issue_root(&request, key).unwrap()
}

/// So many different certificates of one subject, in PEM.
fn strangers(count: usize) -> String {
    let made = new_root("somebody else's CA");
    let serial = made.facts().serial.clone();
    variants(&made, &serial, count)
}

/// The same, each with a subject of its own.
fn strangers_of_many_names(count: usize) -> String {
    variants(&new_root("another party's CA"), b"party's CA", count)
}

/// They differ in the last four bytes of `part`: no verifier asks who signed what is trusted itself.
fn variants(made: &RootCert, part: &[u8], count: usize) -> String {
    let mut der = made.der().to_vec();
    let places = der.windows(part.len()).enumerate();
    let places = places.filter(|(_, it)| *it == part);
    let places: Vec<usize> = places.map(|(at, _)| at + part.len() - 4).collect();
    let others = (0..count).map(|number| {
        let digits = format!("{number:04}");
        for at in &places {
            der[*at..*at + 4].copy_from_slice(digits.as_bytes());
        }
        Certificate::from_der(&der).unwrap().to_pem()
    });
    others.collect()
}
