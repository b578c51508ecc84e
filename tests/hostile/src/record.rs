//! The entries of an authority record and of a serving record.

use std::{collections::BTreeSet, ops::Range};

use certgen::{Anchor, Fingerprint, UnixTime, parse_bundle};
use rotator_core::{
    Authority, FOREIGN_BYTES_CAP, FOREIGN_CAP, FOREIGN_SUBJECT_CAP, Record, Serving,
};

use crate::installation::{Installation, Records, authority_name, entry, serving_name, target};

/// Any entries are read or refused. What is refused is left alone; what is read is kept, and after a few writes settled.
///
/// The input is text: a line `@name` begins an entry, and what follows up to the next is its bytes. The same entries stand
/// in the authority record and in the serving record. `@caBundle` is what the target holds, `@now` the time.
pub fn record(bytes: &[u8]) {
    let found = Found::read(bytes);
    let authority = Authority::decode(&found.record);
    let readable = authority.is_ok();
    if let Ok(authority) = &authority {
        let view = authority.view().expect("what is read has a view");
        assert!(view.generations().count() >= 1);
        let _ = Serving::decode(&found.record).view(Some(authority));
    }
    let _ = Serving::decode(&found.record).view(None);

    let records = Records {
        authority: Some(found.record.duplicate()),
        serving: Some(found.record.duplicate()),
    };
    let targets = vec![(target(), found.ca_bundle.clone())];
    let mut installation = Installation::found(records, targets, found.now);
    let reports = installation.settle(STEPS);
    let last = reports.last().expect("there was a step");
    assert!(last.done.is_empty(), "it never settles: {last:?}");
    let writes: u64 = installation.writes().iter().sum();
    assert!(writes <= WRITES, "{writes} writes");
    judge(&found, readable, &installation);
}

/// More than it ever takes, with the waits after failures.
const STEPS: usize = 24;
const WRITES: u64 = 16;
/// The times at which a certificate of a year or so can be written: X.509 counts years up to 9999.
const WRITABLE: Range<i64> = 0..253_000_000_000;

fn judge(found: &Found, readable: bool, installation: &Installation) {
    let before = &found.record;
    let authority = installation
        .authority
        .get(&authority_name())
        .unwrap_or_default();
    if !readable && !before.is_empty() {
        assert!(authority == *before, "what cannot be read is left alone");
        assert_eq!(installation.serving.writes(), 0);
        assert_eq!(installation.targets.writes(), 0);
        return;
    }
    if authority.is_empty() {
        assert!(!WRITABLE.contains(&found.now), "nothing was made");
        assert_eq!(installation.writes(), [0; 3]);
        return;
    }
    let serving = installation
        .serving
        .get(&serving_name())
        .unwrap_or_default();
    for (name, bytes) in before.expose_entries() {
        let kept = |after: &Record| after.expose(name) == Some(bytes);
        assert!(is_of_authority(name) || kept(&authority), "{name} is kept");
        assert!(is_of_serving(name) || kept(&serving), "{name} is kept");
    }
    let authority = Authority::decode(&authority).expect("what is written is read");
    let _ = Serving::decode(&serving).view(Some(&authority));

    let bundle = installation.targets.bundle(&target(), &entry());
    let bundle = bundle.expect("the target is there");
    if installation.targets.writes() > 0 {
        let parsed = parse_bundle(&bundle);
        let after: BTreeSet<Fingerprint> =
            parsed.anchors.iter().map(|it| it.fingerprint()).collect();
        assert!(!after.is_empty() && parsed.skipped.is_empty());
        assert!(
            authority
                .roots()
                .all(|it| after.contains(&it.fingerprint()))
        );
        trusted(found, &authority, &parsed.anchors);
    }
}

/// I2, I3 and I10: in the bundle is what stood there before, and what the authority record holds; and nothing is missing but
/// what ended, what bears a subject of ours, and what is too much.
fn trusted(found: &Found, authority: &Authority, bundle: &[Anchor]) {
    let before = parse_bundle(&found.ca_bundle).anchors;
    let subjects: BTreeSet<_> = authority
        .roots()
        .map(|root| root.certificate().subject_fingerprint())
        .collect();
    let view = authority.view().expect("what is read has a view");
    let mut supplied = view.roots();
    supplied.extend(view.remembered.keys().copied());
    let stood: BTreeSet<_> = before.iter().map(|it| it.fingerprint()).collect();
    let after: BTreeSet<_> = bundle.iter().map(|it| it.fingerprint()).collect();
    assert!(
        after
            .iter()
            .all(|it| supplied.contains(it) || stood.contains(it)),
        "it was published out of nowhere"
    );
    let foreign = bundle
        .iter()
        .filter(|it| !supplied.contains(&it.fingerprint()));
    let foreign: Vec<&Anchor> = foreign.collect();
    assert!(
        foreign
            .iter()
            .all(|it| !subjects.contains(&it.subject_fingerprint()))
    );
    assert!(fits(&foreign));
    let earliest = UnixTime::from_secs(found.now.saturating_sub(2));
    for anchor in &before {
        let has_ended = anchor.facts().not_after < earliest;
        let is_impostor = subjects.contains(&anchor.subject_fingerprint());
        let with_it: Vec<_> = foreign.iter().copied().chain([anchor]).collect();
        let is_kept = after.contains(&anchor.fingerprint());
        assert!(is_kept || has_ended || is_impostor || !fits(&with_it));
    }
}

fn fits(foreign: &[&Anchor]) -> bool {
    let bytes: usize = foreign.iter().map(|anchor| anchor.pem_len()).sum();
    let of_one_subject = foreign.iter().map(|one| {
        let subject = one.subject_fingerprint();
        let same = foreign
            .iter()
            .filter(|it| it.subject_fingerprint() == subject);
        same.count()
    });
    foreign.len() <= FOREIGN_CAP
        && bytes <= FOREIGN_BYTES_CAP
        && of_one_subject.max().unwrap_or_default() <= FOREIGN_SUBJECT_CAP
}

fn is_of_authority(name: &str) -> bool {
    name.starts_with("gen-") || ["format", "state", "ca-bundle.crt", "remembered"].contains(&name)
}

fn is_of_serving(name: &str) -> bool {
    ["tls.crt", "tls.key", "ca.crt"].contains(&name)
}

/// The input taken apart.
struct Found {
    record: Record,
    ca_bundle: Vec<u8>,
    now: i64,
}

impl Found {
    fn read(bytes: &[u8]) -> Self {
        let mut found = Self {
            record: Record::new(),
            ca_bundle: Vec::new(),
            now: 1_800_000_000,
        };
        let mut name = None;
        let mut content = Vec::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_prefix(b"@") {
                Some(next) => {
                    found.put(name.take().as_deref(), &content);
                    content.clear();
                    name = Some(String::from_utf8_lossy(next.trim_ascii()).into_owned());
                }
                None => content.extend_from_slice(line),
            }
        }
        found.put(name.as_deref(), &content);
        found
    }

    fn put(&mut self, name: Option<&str>, content: &[u8]) {
        match name {
            None => {}
            Some("caBundle") => self.ca_bundle = content.to_vec(),
            Some("now") => {
                let text = core::str::from_utf8(content.trim_ascii()).ok();
                self.now = text.and_then(|text| text.parse().ok()).unwrap_or(self.now);
            }
            Some(name) => self.record.insert(name, content),
        }
    }
}
