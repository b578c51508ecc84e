//! The observation: the facts that a decision rests on, as plain data without keys or certificates.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::time::Duration;

use certgen::{Fingerprint, KeyAlgorithm, ServerNames, UnixTime};

use crate::{
    store::RecordName,
    target::{EntryName, TargetRef},
};

/// A generation's number: 1 for the first, one more for each successor.
pub type GenerationNumber = u32;

/// Everything a decision rests on. Plain data: tests and model checkers build it by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a caller must give every part")]
pub struct Observation {
    /// The authority record.
    pub authority: Seen<AuthorityView>,
    /// Each serving record, in the order of configuration.
    pub serving: Vec<ServingObservation>,
    /// Each target, in the order of the patcher.
    pub targets: Vec<TargetObservation>,
    /// Lanes that back off, and for how much longer.
    pub holds: BTreeMap<Lane, Duration>,
}

/// The rules of one object. Lanes never wait for each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every lane must visit every decision"
)]
pub enum Lane {
    /// The authority record.
    Authority,
    /// One serving record.
    Serving(RecordName),
    /// One target.
    Target(TargetRef),
}

impl core::fmt::Display for Lane {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Authority => f.write_str("authority"),
            Self::Serving(name) => write!(f, "serving record {name}"),
            Self::Target(target) => write!(f, "target {target}"),
        }
    }
}

/// The outcome of one read. Absent and unreadable are different answers: only what is absent may be created.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every outcome must visit every decision"
)]
pub enum Seen<T> {
    /// It does not exist.
    Absent,
    /// It exists and was read.
    Present(T),
    /// It may exist, but was not read or could not be understood.
    Failed,
}

impl<T> Seen<T> {
    /// The content, if it was read.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Failed => None,
        }
    }
}

/// The authority record's facts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a caller must give every part")]
pub struct AuthorityView {
    /// The generation that signs leaves.
    pub active: GenerationView,
    /// The generations before it, oldest first. Their keys are destroyed.
    pub superseded: Vec<GenerationView>,
    /// The generation after it, if there is one.
    pub successor: Option<GenerationView>,
    /// When every target was seen to contain the active root while a foreign leaf was served.
    pub mark: Option<UnixTime>,
    /// Foreign roots that verified a foreign leaf: every entry gets them until that leaf has expired.
    pub remembered: BTreeMap<Fingerprint, RememberedRoot>,
}

/// A foreign root in the authority record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a caller must give every part")]
pub struct RememberedRoot {
    /// When the leaf that it verified expires.
    pub until: UnixTime,
    /// The same for all certificates of one subject and key.
    pub issuer: Fingerprint,
    /// Its length as PEM, in bytes.
    pub size: usize,
}

impl AuthorityView {
    /// Every generation of the record, oldest first.
    pub fn generations(&self) -> impl Iterator<Item = &GenerationView> {
        self.superseded
            .iter()
            .chain([&self.active])
            .chain(&self.successor)
    }

    /// The newest generation, whether it signs or not.
    pub fn newest(&self) -> &GenerationView {
        self.successor.as_ref().unwrap_or(&self.active)
    }

    /// The crosses that belong to the chain of a leaf of the active generation.
    pub fn crosses_of_active(&self) -> BTreeSet<Fingerprint> {
        self.superseded
            .iter()
            .chain([&self.active])
            .filter_map(|generation| generation.cross)
            .collect()
    }

    /// The subjects of its roots: a bundle keeps no other certificate with one of them.
    pub fn subjects(&self) -> BTreeSet<Fingerprint> {
        self.generations()
            .map(|generation| generation.subject)
            .collect()
    }

    /// Every root of the record.
    pub fn roots(&self) -> BTreeSet<Fingerprint> {
        self.generations()
            .map(|generation| generation.root)
            .collect()
    }
}

/// One generation's facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a caller must give every part")]
pub struct GenerationView {
    /// Its number.
    pub number: GenerationNumber,
    /// Its root.
    pub root: Fingerprint,
    /// Its root's subject, as [`certgen::Certificate::subject_fingerprint`] has it.
    pub subject: Fingerprint,
    /// When its root becomes valid.
    pub not_before: UnixTime,
    /// When its root expires.
    pub not_after: UnixTime,
    /// Its cross, if it joins two roots of the record.
    pub cross: Option<Fingerprint>,
}

/// One serving record: the names that it needs, and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a caller must give every part")]
pub struct ServingObservation {
    /// Which record.
    pub record: RecordName,
    /// The names its leaf must carry.
    pub wanted: ServerNames,
    /// Its state.
    pub seen: Seen<ServingView>,
    /// How long until the record may be written again: a second after the last write.
    pub pause: Duration,
}

/// A serving record's facts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a caller must give every part")]
pub struct ServingView {
    /// Its leaf; `None` if the content cannot be served (no certificate parses, or the key is another's).
    pub leaf: Option<LeafView>,
}

/// A served leaf's facts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a caller must give every part")]
pub struct LeafView {
    /// The generation whose key signed it; `None` if the issuer is not in the authority record: a foreign leaf.
    pub generation: Option<GenerationNumber>,
    /// When it becomes valid.
    pub not_before: UnixTime,
    /// When it expires.
    pub not_after: UnixTime,
    /// The names it carries.
    pub names: ServerNames,
    /// The algorithm of its key; `None` for those that this product never makes.
    pub algorithm: Option<KeyAlgorithm>,
    /// The crosses of the record that it is served with.
    pub crosses: BTreeSet<Fingerprint>,
    /// For a foreign leaf: the certificates in readable entries and among the remembered roots that verify it, as it is
    /// served, for the Service's name.
    pub verifiers: BTreeMap<Fingerprint, Verifier>,
}

/// A certificate that verifies a foreign leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a caller must give every part")]
pub struct Verifier {
    /// The first second at which it verifies the leaf.
    pub not_before: UnixTime,
    /// The last second at which it does.
    pub not_after: UnixTime,
    /// The same for all certificates of one subject and key.
    pub issuer: Fingerprint,
    /// Its length as PEM, in bytes.
    pub size: usize,
}

/// One target and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a caller must give every part")]
pub struct TargetObservation {
    /// Which target.
    pub target: TargetRef,
    /// Its state.
    pub seen: TargetSeen,
    /// What the rotator remembers of our last write.
    pub undone: Option<Undone>,
}

/// The state of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every state must visit every decision"
)]
pub enum TargetSeen {
    /// It was read; its entries of ours, each with its content.
    Readable(BTreeMap<EntryName, EntrySeen>),
    /// It does not exist, or its kind does not.
    Absent,
    /// It exists, or may, but it was not read.
    Unreadable,
}

/// The content of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every state must visit every decision"
)]
pub enum EntrySeen {
    /// No certificate that a caller could verify with.
    Broken,
    /// These certificates.
    Holds(BTreeMap<Fingerprint, AnchorView>),
}

/// The facts about a certificate in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a caller must give every part")]
pub struct AnchorView {
    /// When it expires.
    pub not_after: UnixTime,
    /// Its subject, as [`certgen::Certificate::subject_fingerprint`] has it.
    pub subject: Fingerprint,
    /// Its length as PEM, in bytes.
    pub size: usize,
}

/// What is remembered of a write: it only saves writes, safety never rests on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a caller must give every part")]
pub struct Undone {
    /// The certificates that our last write made sure of.
    pub needed: BTreeSet<Fingerprint>,
    /// How long the next write for the same certificates must wait while the present bundle can be used.
    pub wait: Duration,
    /// How long it must wait even if the present bundle is unusable: a second after the last write.
    pub pause: Duration,
    /// Foreign certificates that our writes left out, and how often another writer put each back.
    pub returned: BTreeMap<Fingerprint, u32>,
}

impl TargetObservation {
    /// Whether an entry of ours that was read contains `certificate`.
    pub fn holds_somewhere(&self, certificate: &Fingerprint) -> bool {
        match &self.seen {
            TargetSeen::Readable(entries) => entries.values().any(|entry| match entry {
                EntrySeen::Broken => false,
                EntrySeen::Holds(anchors) => anchors.contains_key(certificate),
            }),
            TargetSeen::Absent | TargetSeen::Unreadable => false,
        }
    }

    /// Whether every entry of ours that can be read contains `root`. Absent and unreadable targets do not count.
    pub fn holds_if_readable(&self, root: &Fingerprint) -> bool {
        match &self.seen {
            TargetSeen::Readable(entries) => entries.values().all(|entry| match entry {
                EntrySeen::Broken => false,
                EntrySeen::Holds(anchors) => anchors.contains_key(root),
            }),
            TargetSeen::Absent | TargetSeen::Unreadable => true,
        }
    }
}
