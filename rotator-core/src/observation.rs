//! What is: the facts that a decision rests on, as plain data without keys or certificates.

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
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever builds one must give every part"
)]
pub struct Observation {
    /// The authority record.
    pub authority: Seen<AuthorityView>,
    /// Each serving record, in the order of configuration.
    pub serving: Vec<ServingObservation>,
    /// Each target, in the order of the patcher.
    pub targets: Vec<TargetObservation>,
    /// Lanes that failed lately, and for how long they must be left alone.
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

/// The outcome of one read. Absent and unreadable are different answers: only what is absent may be made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every outcome must visit every decision"
)]
pub enum Seen<T> {
    /// There is nothing.
    Absent,
    /// There is this.
    Present(T),
    /// There may be something, but it was not read or could not be understood.
    Failed,
}

impl<T> Seen<T> {
    /// What was seen, if anything was.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Failed => None,
        }
    }
}

/// The authority record's facts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever builds one must give every part"
)]
pub struct AuthorityView {
    /// The generation that signs.
    pub active: GenerationView,
    /// Those before it, oldest first. Their keys are destroyed.
    pub superseded: Vec<GenerationView>,
    /// The one after it, if it was made.
    pub successor: Option<GenerationView>,
    /// When every target was seen to hold the active root while a foreign leaf was served.
    pub mark: Option<UnixTime>,
    /// Foreign roots that verified a foreign leaf: supplied to every entry until that leaf has ended.
    pub remembered: BTreeMap<Fingerprint, RememberedRoot>,
}

/// A foreign root in the authority record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever builds one must give every part"
)]
pub struct RememberedRoot {
    /// When the leaf that it verified ends.
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

    /// The crosses that a leaf of the active generation is served with.
    pub fn crosses_of_active(&self) -> BTreeSet<Fingerprint> {
        self.superseded
            .iter()
            .chain([&self.active])
            .filter_map(|generation| generation.cross)
            .collect()
    }

    /// The subjects of its roots: no other certificate that bears one of them is kept in a bundle.
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
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever builds one must give every part"
)]
pub struct GenerationView {
    /// Its number.
    pub number: GenerationNumber,
    /// Its root.
    pub root: Fingerprint,
    /// Its root's subject, as [`certgen::Certificate::subject_fingerprint`] has it.
    pub subject: Fingerprint,
    /// When its root starts.
    pub not_before: UnixTime,
    /// When its root ends.
    pub not_after: UnixTime,
    /// Its cross, if it joins two roots of the record.
    pub cross: Option<Fingerprint>,
}

/// One serving record: what is wanted, and what is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever builds one must give every part"
)]
pub struct ServingObservation {
    /// Which record.
    pub record: RecordName,
    /// The names its leaf must carry.
    pub wanted: ServerNames,
    /// How it stands.
    pub seen: Seen<ServingView>,
    /// How long until the record may be written again: a second after the last write.
    pub pause: Duration,
}

/// A serving record's facts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever builds one must give every part"
)]
pub struct ServingView {
    /// Its leaf; none if what stands there cannot be served (no certificate parses, or the key is another's).
    pub leaf: Option<LeafView>,
}

/// A served leaf's facts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever builds one must give every part"
)]
pub struct LeafView {
    /// Which generation's key signed it; none if the issuer is not in the authority record: a foreign leaf.
    pub generation: Option<GenerationNumber>,
    /// When it starts.
    pub not_before: UnixTime,
    /// When it ends.
    pub not_after: UnixTime,
    /// The names it carries.
    pub names: ServerNames,
    /// The algorithm of its key; none for those we never make.
    pub algorithm: Option<KeyAlgorithm>,
    /// The crosses of the record that it is served with.
    pub crosses: BTreeSet<Fingerprint>,
    /// For a foreign leaf: the certificates in readable entries and among the remembered roots which verify it, as it is
    /// served, for the Service's name.
    pub verifiers: BTreeMap<Fingerprint, Verifier>,
}

/// A certificate that verifies a foreign leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever builds one must give every part"
)]
pub struct Verifier {
    /// The first second at which it does.
    pub not_before: UnixTime,
    /// The last.
    pub not_after: UnixTime,
    /// The same for all certificates of one subject and key.
    pub issuer: Fingerprint,
    /// Its length as PEM, in bytes.
    pub size: usize,
}

/// One target and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever builds one must give every part"
)]
pub struct TargetObservation {
    /// Which target.
    pub target: TargetRef,
    /// How it stands.
    pub seen: TargetSeen,
    /// What is remembered of our last write.
    pub undone: Option<Undone>,
}

/// How a target stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every state must visit every decision"
)]
pub enum TargetSeen {
    /// It was read; its entries of ours, each with what it holds.
    Readable(BTreeMap<EntryName, EntrySeen>),
    /// It does not exist, or its kind does not.
    Absent,
    /// It exists, or may, but it was not read.
    Unreadable,
}

/// What one entry holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every state must visit every decision"
)]
pub enum EntrySeen {
    /// Nothing that a caller could verify with.
    Broken,
    /// These certificates.
    Holds(BTreeMap<Fingerprint, AnchorView>),
}

/// What counts of a certificate in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever builds one must give every part"
)]
pub struct AnchorView {
    /// When it ends.
    pub not_after: UnixTime,
    /// Its subject, as [`certgen::Certificate::subject_fingerprint`] has it.
    pub subject: Fingerprint,
    /// Its length as PEM, in bytes.
    pub size: usize,
}

/// The memory of a write: only saves writes, safety never rests on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever builds one must give every part"
)]
pub struct Undone {
    /// The certificates that the last write of ours made sure of.
    pub needed: BTreeSet<Fingerprint>,
    /// How long the next write for the same certificates must wait while what stands there can be used.
    pub wait: Duration,
    /// How long it must wait even if what stands there is unusable: a second after the last write.
    pub pause: Duration,
    /// Foreign certificates that writes of ours left out, and how often another writer put each back.
    pub returned: BTreeMap<Fingerprint, u32>,
}

impl TargetObservation {
    /// Whether an entry of ours that was read holds `certificate`.
    pub fn holds_somewhere(&self, certificate: &Fingerprint) -> bool {
        match &self.seen {
            TargetSeen::Readable(entries) => entries.values().any(|entry| match entry {
                EntrySeen::Broken => false,
                EntrySeen::Holds(anchors) => anchors.contains_key(certificate),
            }),
            TargetSeen::Absent | TargetSeen::Unreadable => false,
        }
    }

    /// Whether every entry of ours that can be read holds `root`. Absent and unreadable targets do not count.
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
