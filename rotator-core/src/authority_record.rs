//! The authority record: how a store keeps the generations of the CA.
//!
//! | entry | content |
//! |---|---|
//! | `format` | `1` |
//! | `state` | JSON: the active generation, the mark |
//! | `gen-N.crt` | root N, PEM |
//! | `gen-N.key` | its private key, PKCS#8 PEM; the active generation and its successor only |
//! | `gen-N.cross.crt` | cross N, PEM |
//! | `ca-bundle.crt` | all roots, for people |
//! | `remembered` | JSON: foreign roots that verified a foreign leaf, each with the expiry of that leaf; absent if there are none |
//!
//! Entries of other names stay as they are.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use certgen::{
    Anchor, Bundle, Certificate, CrossCert, Fingerprint, PrivateKey, RootCert, UnixTime,
};
use serde::{Deserialize, Serialize};

use crate::{
    observation::{AuthorityView, GenerationNumber, GenerationView, RememberedRoot},
    store::Record,
};

/// The only format so far.
const FORMAT: &str = "1";
const FORMAT_ENTRY: &str = "format";
const STATE_ENTRY: &str = "state";
const BUNDLE_ENTRY: &str = "ca-bundle.crt";
const REMEMBERED_ENTRY: &str = "remembered";

/// A decoded authority record. Contains private keys: lives for one step.
#[derive(Debug)]
pub struct Authority {
    generations: BTreeMap<GenerationNumber, Generation>,
    active: GenerationNumber,
    mark: Option<UnixTime>,
    remembered: Vec<Remembered>,
}

/// A foreign root that verified a foreign leaf.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    pub(crate) root: Anchor,
    /// When that leaf expires.
    pub(crate) until: UnixTime,
}

/// A root, its private key until the next generation is promoted, and its cross.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) root: RootCert,
    pub(crate) key: Option<PrivateKey>,
    pub(crate) cross: Option<CrossCert>,
}

/// One change of an authority record.
pub(crate) enum Amendment<'a> {
    Add {
        number: GenerationNumber,
        generation: &'a Generation,
    },
    Promote(GenerationNumber),
    Mark(Option<UnixTime>),
    Forget(&'a [GenerationNumber]),
    Remember(&'a [Remembered]),
}

#[derive(Serialize, Deserialize)]
struct StoredRoot {
    certificate: String,
    until: i64,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct State {
    active: GenerationNumber,
    mark: Option<i64>,
}

impl Authority {
    /// Reads a record that has at least one entry.
    ///
    /// # Errors
    ///
    /// [`RecordError`] names the entry and what is wrong with it. The record is then left alone: unreadable is not
    /// absent.
    pub fn decode(record: &Record) -> Result<Self, RecordError> {
        match record.expose(FORMAT_ENTRY) {
            None => return Err(RecordError::NoFormat),
            Some(format) if format.trim_ascii() != FORMAT.as_bytes() => {
                return Err(RecordError::UnknownFormat {
                    found: String::from_utf8_lossy(format).chars().take(20).collect(),
                });
            }
            Some(_) => {}
        }
        let state = decode_state(record)?;
        let mut generations = BTreeMap::new();
        for number in record.names().filter_map(root_number) {
            generations.insert(number, decode_generation(record, number)?);
        }
        drop_unjoined_crosses(&mut generations);
        let authority = Self {
            generations,
            active: state.active,
            mark: state.mark.map(UnixTime::from_secs),
            remembered: decode_remembered(record)?,
        };
        authority.check()?;
        Ok(authority)
    }

    /// The facts that a decision rests on.
    pub fn view(&self) -> Option<AuthorityView> {
        let active = self.generations.get(&self.active)?;
        let before = self.generations.range(..self.active);
        let after = self.generations.range(self.active.checked_add(1)?..).next();
        Some(AuthorityView {
            active: active.view(self.active),
            superseded: before
                .map(|(number, generation)| generation.view(*number))
                .collect(),
            successor: after.map(|(number, generation)| generation.view(*number)),
            mark: self.mark,
            remembered: self
                .remembered
                .iter()
                .map(|it| (it.root.fingerprint(), it.view()))
                .collect(),
        })
    }

    /// The generation whose root this is.
    pub(crate) fn generation_of(&self, root: &Fingerprint) -> Option<GenerationNumber> {
        let mut generations = self.generations.iter();
        let found = generations.find(|(_, it)| it.root.fingerprint() == *root);
        found.map(|(number, _)| *number)
    }

    /// The foreign roots that it remembers.
    pub(crate) fn remembered(&self) -> &[Remembered] {
        &self.remembered
    }

    pub(crate) fn generation(&self, number: GenerationNumber) -> Option<&Generation> {
        self.generations.get(&number)
    }

    pub(crate) fn newest(&self) -> Option<(GenerationNumber, &Generation)> {
        self.generations
            .last_key_value()
            .map(|(number, generation)| (*number, generation))
    }

    /// Every root, oldest first.
    pub fn roots(&self) -> impl Iterator<Item = &RootCert> {
        self.generations.values().map(|generation| &generation.root)
    }

    /// The roots under which a leaf of generation `newest` must verify at `at`: its own and those before it, back to
    /// the first that is not valid, or is forgotten. Only a wrong time makes a root that expires before an older one,
    /// or that is not yet valid, and then perhaps no cross joins the roots on both sides of it. A successor's root is
    /// not among them: it is published before it signs, and never without the others.
    pub(crate) fn living_roots(
        &self,
        newest: GenerationNumber,
        at: UnixTime,
    ) -> impl Iterator<Item = &RootCert> {
        let mut expected = Some(newest);
        let older = self.generations.range(..=newest).rev();
        older
            .take_while(move |(number, generation)| {
                let follows = expected == Some(**number);
                expected = number.checked_sub(1);
                let facts = generation.root.facts();
                follows && facts.not_before <= at && at <= facts.not_after
            })
            .map(|(_, generation)| &generation.root)
    }

    /// The crosses of a chain of generation `newest`: newest first, down to the oldest root.
    pub(crate) fn crosses_from(&self, newest: GenerationNumber) -> Vec<CrossCert> {
        self.generations
            .range(..=newest)
            .rev()
            .filter_map(|(_, generation)| generation.cross.clone())
            .collect()
    }

    fn check(&self) -> Result<(), RecordError> {
        let holds_key = |number| {
            self.generations
                .get(&number)
                .is_some_and(|generation| generation.key.is_some())
        };
        if !self.generations.contains_key(&self.active) {
            return Err(RecordError::Missing {
                entry: root_entry(self.active),
            });
        }
        let signing = self
            .generations
            .range(self.active..)
            .map(|(number, _)| *number);
        match signing.clone().find(|number| !holds_key(*number)) {
            Some(number) => Err(RecordError::Missing {
                entry: key_entry(number),
            }),
            None if signing.count() > 2 => Err(invalid(
                STATE_ENTRY.to_string(),
                "more than one generation is newer than the active one",
            )),
            None => self.check_roots(),
        }
    }

    /// Refuses two roots with one name and key: which of them signed a leaf is undecidable, so it would be issued anew
    /// for ever.
    fn check_roots(&self) -> Result<(), RecordError> {
        let mut roots = BTreeMap::new();
        for (number, generation) in &self.generations {
            let facts = generation.root.facts();
            let root = (&facts.raw_subject, &facts.public_key);
            if let Some(other) = roots.insert(root, *number) {
                let reason = format!("it is the root of `{}`, too", root_entry(other));
                return Err(invalid(root_entry(*number), &reason));
            }
        }
        Ok(())
    }
}

impl Generation {
    fn view(&self, number: GenerationNumber) -> GenerationView {
        let facts = self.root.facts();
        GenerationView {
            number,
            root: self.root.fingerprint(),
            subject: self.root.certificate().subject_fingerprint(),
            not_before: facts.not_before,
            not_after: facts.not_after,
            cross: self.cross.as_ref().map(|cross| cross.fingerprint()),
        }
    }
}

impl Remembered {
    fn view(&self) -> RememberedRoot {
        RememberedRoot {
            until: self.until,
            issuer: self.root.issuer_fingerprint(),
            size: self.root.pem_len(),
        }
    }
}

/// Returns `record` after `amendment`; a record without entries becomes an authority record by its first generation.
///
/// # Errors
///
/// [`RecordError`] if the result would not be readable: then nothing is written.
pub(crate) fn amended(
    record: Option<&Record>,
    amendment: &Amendment<'_>,
) -> Result<Record, RecordError> {
    let mut next = record.map(Record::duplicate).unwrap_or_default();
    let mut state = match (record, amendment) {
        (Some(record), _) if record.expose(FORMAT_ENTRY).is_some() => decode_state(record)?,
        (_, Amendment::Add { number, .. }) => State {
            active: *number,
            mark: None,
        },
        _ => return Err(RecordError::NoFormat),
    };
    match amendment {
        Amendment::Add { number, generation } => add(&mut next, *number, generation),
        Amendment::Promote(number) => {
            next.remove(&key_entry(state.active));
            state = State {
                active: *number,
                mark: None,
            };
        }
        Amendment::Mark(mark) => state.mark = mark.map(UnixTime::as_secs),
        Amendment::Forget(numbers) => {
            for number in *numbers {
                for entry in [
                    root_entry(*number),
                    key_entry(*number),
                    cross_entry(*number),
                    cross_entry(number.saturating_add(1)),
                ] {
                    next.remove(&entry);
                }
            }
        }
        Amendment::Remember([]) => next.remove(REMEMBERED_ENTRY),
        Amendment::Remember(roots) => next.insert(REMEMBERED_ENTRY, encode_remembered(roots)?),
    }
    next.insert(FORMAT_ENTRY, FORMAT);
    let state = serde_json::to_vec(&state)
        .map_err(|_| invalid(STATE_ENTRY.to_string(), "it cannot be written"))?;
    next.insert(STATE_ENTRY, state);
    let authority = Authority::decode(&next)?;
    if let Ok(bundle) = Bundle::new(authority.roots().map(Anchor::from)) {
        next.insert(BUNDLE_ENTRY, bundle.to_pem());
    }
    Ok(next)
}

fn add(record: &mut Record, number: GenerationNumber, generation: &Generation) {
    record.insert(root_entry(number), generation.root.to_pem());
    if let Some(key) = &generation.key {
        record.insert(key_entry(number), key.expose_pkcs8_pem().as_bytes());
    }
    if let Some(cross) = &generation.cross {
        record.insert(cross_entry(number), cross.to_pem());
    }
}

fn encode_remembered(roots: &[Remembered]) -> Result<Vec<u8>, RecordError> {
    let roots = roots.iter().map(|it| StoredRoot {
        certificate: it.root.to_pem(),
        until: it.until.as_secs(),
    });
    serde_json::to_vec(&roots.collect::<Vec<_>>())
        .map_err(|_| invalid(REMEMBERED_ENTRY.to_string(), "it cannot be written"))
}

fn decode_remembered(record: &Record) -> Result<Vec<Remembered>, RecordError> {
    let Some(bytes) = record.expose(REMEMBERED_ENTRY) else {
        return Ok(Vec::new());
    };
    let damaged = || {
        invalid(
            REMEMBERED_ENTRY.to_string(),
            "it is not the JSON list that this program writes",
        )
    };
    let roots: Vec<StoredRoot> = serde_json::from_slice(bytes).map_err(|_| damaged())?;
    let roots = roots.into_iter().map(|stored| {
        let parsed = certgen::parse_bundle(stored.certificate.as_bytes());
        let mut anchors = parsed.anchors.into_iter();
        match (anchors.next(), anchors.next()) {
            (Some(root), None) => Ok(Remembered {
                root,
                until: UnixTime::from_secs(stored.until),
            }),
            _ => Err(damaged()),
        }
    });
    roots.collect()
}

fn decode_state(record: &Record) -> Result<State, RecordError> {
    let bytes = record
        .expose(STATE_ENTRY)
        .ok_or_else(|| RecordError::Missing {
            entry: STATE_ENTRY.to_string(),
        })?;
    serde_json::from_slice(bytes).map_err(|_| {
        invalid(
            STATE_ENTRY.to_string(),
            "it is not the JSON object that this program writes",
        )
    })
}

fn decode_generation(record: &Record, number: GenerationNumber) -> Result<Generation, RecordError> {
    let root = single_certificate(record, &root_entry(number))?;
    let root = RootCert::try_from(root)
        .map_err(|_| invalid(root_entry(number), "it is not a self-signed CA certificate"))?;
    let key = record
        .expose(&key_entry(number))
        .map(|pem| decode_key(pem, &root, key_entry(number)));
    let cross = record
        .expose(&cross_entry(number))
        .map(|_| decode_cross(record, cross_entry(number)));
    Ok(Generation {
        key: key.transpose()?,
        cross: cross.transpose()?,
        root,
    })
}

fn decode_key(pem: &[u8], root: &RootCert, entry: String) -> Result<PrivateKey, RecordError> {
    match PrivateKey::from_pem(pem) {
        Err(_) => Err(invalid(entry, "it is not a private key")),
        Ok(key) if !root.matches(&key) => {
            Err(invalid(entry, "it is not the key of its certificate"))
        }
        Ok(key) => Ok(key),
    }
}

fn decode_cross(record: &Record, entry: String) -> Result<CrossCert, RecordError> {
    let cross = single_certificate(record, &entry)?;
    CrossCert::try_from(cross).map_err(|_| invalid(entry, "it is not a cross certificate"))
}

fn single_certificate(record: &Record, entry: &str) -> Result<Certificate, RecordError> {
    let bytes = record.expose(entry).ok_or_else(|| RecordError::Missing {
        entry: entry.to_string(),
    })?;
    let parsed = certgen::parse_bundle(bytes);
    let mut anchors = parsed.anchors.into_iter();
    match (anchors.next(), anchors.next(), parsed.skipped.is_empty()) {
        (Some(anchor), None, true) => Ok(anchor.certificate().clone()),
        _ => Err(invalid(
            entry.to_string(),
            "it is not exactly one certificate",
        )),
    }
}

fn invalid(entry: String, reason: &str) -> RecordError {
    RecordError::Invalid {
        entry,
        reason: reason.to_string(),
    }
}

/// Drops crosses whose older root left the record: they join nothing any more.
fn drop_unjoined_crosses(generations: &mut BTreeMap<GenerationNumber, Generation>) {
    let numbers: Vec<_> = generations.keys().copied().collect();
    for (number, generation) in generations.iter_mut() {
        let before = number.checked_sub(1);
        if before.is_none_or(|before| !numbers.contains(&before)) {
            generation.cross = None;
        }
    }
}

/// The number in `gen-N.crt`, as this program writes it.
fn root_number(entry: &str) -> Option<GenerationNumber> {
    let number = entry
        .strip_prefix("gen-")?
        .strip_suffix(".crt")?
        .parse()
        .ok()?;
    (root_entry(number) == entry).then_some(number)
}

fn root_entry(number: GenerationNumber) -> String {
    format!("gen-{number}.crt")
}

fn key_entry(number: GenerationNumber) -> String {
    format!("gen-{number}.key")
}

fn cross_entry(number: GenerationNumber) -> String {
    format!("gen-{number}.cross.crt")
}

/// Why a record cannot be read. It is left alone: nothing overwrites it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The record has entries, but none says that it is ours.
    #[error(
        "it has entries, but no entry `format`: give another name, or remove its entries if they are not needed"
    )]
    NoFormat,
    /// Written by another version of this program.
    #[error(
        "its entry `format` is {found:?}, this version reads \"1\": run the version that wrote it, or restore a backup"
    )]
    UnknownFormat {
        /// The format found.
        found: String,
    },
    /// An entry is missing.
    #[error(
        "its entry `{entry}` is missing: restore it from a backup, or remove the whole record to begin a new authority"
    )]
    Missing {
        /// The entry.
        entry: String,
    },
    /// An entry is damaged.
    #[error(
        "its entry `{entry}` is damaged, {reason}: restore it from a backup, or remove the whole record to begin a new authority"
    )]
    Invalid {
        /// The entry.
        entry: String,
        /// What is wrong, without any of the content.
        reason: String,
    },
}

#[cfg(test)]
mod tests;
