//! The decision: observation, policy and time go in; what to do, and when to look again, comes out.

mod authority;
mod entry;
mod foreign;
mod serving;
mod target;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::time::Duration;

use certgen::{Fingerprint, ServerNames, UnixTime};

pub use self::{
    entry::{FOREIGN_BYTES_CAP, FOREIGN_CAP, FOREIGN_SUBJECT_CAP},
    foreign::{REMEMBERED_BYTES_CAP, REMEMBERED_CAP},
};
use crate::{
    bounds::TimeBounds,
    judge::Judge,
    observation::{GenerationNumber, Lane, Observation},
    policy::Policy,
    store::RecordName,
    target::{EntryName, TargetRef},
};

/// Decides what each lane does now. Total: takes any observation, any policy and any bounds.
///
/// For each lane the rules are tried from the top, and the first that matches wins. A lane yields at most one action
/// per pass and never waits for another lane. The latest time that a verifier's clock may show decides what is *due*
/// and what has *expired*, the earliest what *may be removed*; age never counts, since certificates are backdated.
///
/// | lane | # | if | then |
/// |---|---|---|---|
/// | any | 0 | its read failed, or its last action failed and it backs off | wait |
/// | authority | 1 | there is none | create the authority |
/// | | 1b | a mark is set, and a readable target lacks the active root or no foreign leaf is relied on | unmark |
/// | | 2 | the active root is about to expire (or is not yet valid), and there is no successor | create a successor |
/// | | 3 | less than a leaf's life of the active root remains (or it is not yet valid) | promote, whatever the dwell |
/// | | 4 | the active root reached its age of renewal, and there is no successor | create a successor |
/// | | 5 | the successor dwelled, and every readable target contains it | promote |
/// | | 5b | a foreign root verifies the leaf in place and is in every usable entry, or that leaf expired | remember it, or forget it |
/// | | 6 | a foreign leaf is relied on, and every target is seen to contain our root | mark the time |
/// | | 7 | a superseded root expired | forget it |
/// | serving | 8 | the leaf is missing, unfit or due, and a new one would be better | issue a leaf |
/// | target | 9 | an entry lacks a root of the record or a remembered one, contains an impostor, or exceeds its bounds | publish |
/// | all | 10 | none of these | sleep |
///
/// A foreign leaf is *relied on* while it is valid and an entry that was read, or a remembered root, verifies it for
/// the Service's name (an entry that could not be read may); otherwise it is unfit. An entry is *unusable*, and rule 9
/// urgent, if it verifies no chain of a serving record, contains an impostor (a certificate that has a subject of ours
/// and is no root of the record), or has more foreign certificates than [`FOREIGN_CAP`] and its siblings allow. Nothing
/// gets into a bundle but the roots of the authority record, those that it remembers, and what was in that very entry.
///
/// `plan` answers for any bounds; as long as they contain the verifiers' time, no action that it asks for can make a
/// call fail (see `ARCHITECTURE.md` for the argument).
pub fn plan(observed: &Observation, policy: &Policy, now: TimeBounds) -> Plan {
    let judge = Judge::new(now);
    let expected = observed.authority.present();
    let expected =
        expected.map(|authority| entry::Expected::new(authority, observed, policy, &judge));
    let expected = expected.as_ref();
    let authority = (
        Lane::Authority,
        authority::decide(observed, expected, policy, &judge),
    );
    let serving = observed.serving.iter().map(|serving| {
        (
            Lane::Serving(serving.record.clone()),
            serving::decide(serving, observed, policy, &judge),
        )
    });
    let targets = observed.targets.iter().map(|target| {
        (
            Lane::Target(target.target.clone()),
            target::decide(target, expected, &judge),
        )
    });
    let lanes = [authority].into_iter().chain(serving).chain(targets);
    let decisions = lanes.map(|(lane, decision)| match observed.holds.get(&lane) {
        Some(wait) => {
            judge.note(*wait);
            (lane, Decision::Wait(Why::FailedLately))
        }
        None => (lane, decision),
    });
    Plan {
        decisions: decisions.collect(),
        wake_after: judge.soonest(),
    }
}

/// What each lane does now, and when to decide again if nothing changes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Plan {
    decisions: Vec<(Lane, Decision)>,
    wake_after: Option<Duration>,
}

impl Plan {
    /// Every lane's decision: the authority, then the serving records, then the targets.
    pub fn decisions(&self) -> &[(Lane, Decision)] {
        &self.decisions
    }

    /// The decisions that are actions.
    pub fn actions(&self) -> impl Iterator<Item = (&Lane, &Action)> {
        self.decisions
            .iter()
            .filter_map(|(lane, decision)| match decision {
                Decision::Act(action) => Some((lane, action)),
                Decision::Wait(_) => None,
            })
    }

    /// Whether no lane has anything to do: sleep.
    pub fn is_idle(&self) -> bool {
        self.actions().next().is_none()
    }

    /// How long these decisions stay right if nothing else changes; `None`: for ever.
    pub fn wake_after(&self) -> Option<Duration> {
        self.wake_after
    }
}

/// What one lane does now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers must handle both")]
pub enum Decision {
    /// Carry this out.
    Act(Action),
    /// Do nothing, for this reason.
    Wait(Why),
}

/// Why a lane does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every reason is reported in words of its own"
)]
pub enum Why {
    /// The object is as it should be.
    Settled,
    /// A successor waits for its dwell to end, or for every readable target to contain its root.
    Dwelling,
    /// The object could not be read.
    ReadFailed,
    /// The last action failed: the lane backs off.
    FailedLately,
    /// There is no authority to sign with, or its record cannot be read.
    NoAuthority,
    /// Callers rely on a foreign leaf: it is served until every target has contained our root for the dwell.
    ForeignLeaf,
    /// Another writer reverts our writes: the next one waits.
    Undone,
    /// The object does not exist (yet).
    TargetAbsent,
    /// The action needs a date that X.509 cannot express: check the clocks.
    InexpressibleTime,
    /// A new leaf would not be better than the present one.
    NothingBetter,
}

/// One guarded write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "code that carries out a plan must handle every action"
)]
pub enum Action {
    /// Create generation 1, active.
    CreateAuthority(NewRoot),
    /// Remove the mark from the record: a readable target lacks our root, or no foreign leaf is relied on.
    Unmark,
    /// Create the next generation: key, root and cross in one write.
    CreateSuccessor(NewRoot),
    /// Make the successor the active generation and destroy the old key in the same write.
    Promote {
        /// The generation that becomes active.
        generation: GenerationNumber,
        /// How bad it is if no replica promotes it.
        urgency: Urgency,
    },
    /// Make the record remember exactly these foreign roots.
    Remember {
        /// Each with the expiry of the leaf that it verified.
        roots: BTreeMap<Fingerprint, UnixTime>,
    },
    /// Note in the record when every target was seen to contain our root, for a take-over.
    Mark {
        /// The time to note.
        at: UnixTime,
    },
    /// Remove expired roots from the record.
    Forget {
        /// Their generations.
        generations: Vec<GenerationNumber>,
    },
    /// Replace the leaf and chain of a serving record.
    IssueLeaf(NewLeaf),
    /// Write the bundles of a target's entries.
    Publish(Publication),
}

/// How bad it is if no replica carries an action out; a standby decides by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a standby must handle every degree"
)]
pub enum Urgency {
    /// Nothing fails for days.
    Routine,
    /// Something is broken: a standby repairs it if the leader does not within half a minute.
    Broken,
    /// Time runs out: every replica acts at once.
    Late,
}

impl Action {
    /// How bad it is if no replica carries it out.
    pub fn urgency(&self) -> Urgency {
        match self {
            Self::CreateAuthority(root) | Self::CreateSuccessor(root) => root.urgency,
            Self::Promote { urgency, .. } => *urgency,
            Self::IssueLeaf(leaf) => leaf.urgency,
            Self::Publish(publication) => publication.urgency,
            Self::Unmark | Self::Remember { .. } | Self::Mark { .. } | Self::Forget { .. } => {
                Urgency::Routine
            }
        }
    }
}

/// The root to create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "code that carries out a plan needs every part"
)]
pub struct NewRoot {
    /// Its generation.
    pub generation: GenerationNumber,
    /// When it becomes valid.
    pub not_before: UnixTime,
    /// When it expires.
    pub not_after: UnixTime,
    /// Whether it comes with a cross: always, unless the generation before expires before this one becomes valid.
    pub crossed: bool,
    /// How bad it is if no replica creates it.
    pub urgency: Urgency,
}

/// The leaf to issue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "code that carries out a plan needs every part"
)]
pub struct NewLeaf {
    /// The serving record to write.
    pub record: RecordName,
    /// The generation that signs: the active one.
    pub generation: GenerationNumber,
    /// The names it carries: the wanted ones, and those of the leaf that it replaces if we issued that one.
    pub names: ServerNames,
    /// When it expires.
    pub not_after: UnixTime,
    /// The reason, for the log.
    pub reason: LeafReason,
    /// How bad it is if no replica issues it.
    pub urgency: Urgency,
}

/// Why a leaf is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every reason is reported in words of its own"
)]
pub enum LeafReason {
    /// There is none, or the content of the record cannot be served.
    Missing,
    /// It is not yet valid.
    NotStarted,
    /// A wanted name is missing.
    Names,
    /// A newer generation is active.
    Generation,
    /// Another party issued it, and no caller relies on it or its grace period is over.
    Foreign,
    /// It is about to expire.
    Expiry,
    /// It is served without a cross of the record.
    Crosses,
}

impl LeafReason {
    /// The reason in words, for logs and Events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "there was none that could be served",
            Self::NotStarted => "its start lay in the future",
            Self::Names => "a wanted name was missing",
            Self::Generation => "a newer generation is active",
            Self::Foreign => "another party issued it",
            Self::Expiry => "it was about to end",
            Self::Crosses => "its chain lacked a cross certificate",
        }
    }
}

/// The bundles to write into one target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "code that carries out a plan needs every part"
)]
pub struct Publication {
    /// The target.
    pub target: TargetRef,
    /// The certificates that every entry contains after the write.
    pub needed: BTreeSet<Fingerprint>,
    /// The entries to write, each with all the certificates that it shall contain.
    pub entries: Vec<(EntryName, BTreeSet<Fingerprint>)>,
    /// Foreign certificates in these entries that have not expired and are not kept: they have a subject of ours, or
    /// there were too many.
    pub left_out: BTreeSet<Fingerprint>,
    /// How bad it is if no replica writes them.
    pub urgency: Urgency,
}
