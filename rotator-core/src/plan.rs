//! The decision: what is, the policy and the time go in; what to do, and when to look again, comes out.

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

/// Decides for every lane. Total: any observation, any policy, any two points in time.
///
/// Rules are tried from the top, lane by lane; the first that matches wins. A lane yields at most one action per
/// pass and never waits for another lane. *Due* and *ended* are judged by the latest time that a verifier's clock
/// may say, *may be removed* by the earliest; age never counts, since certificates are backdated.
///
/// | lane | # | if | then |
/// |---|---|---|---|
/// | any | 0 | its read failed, or it failed lately | wait |
/// | authority | 1 | there is none | create the authority |
/// | | 1b | a mark stands, and a readable target lacks the active root or no foreign leaf is relied on | unmark |
/// | | 2 | the active root is about to end (or lies in the future), and there is no successor | create a successor |
/// | | 3 | less than a leaf's life of the active root remains (or it lies in the future) | promote, whatever the dwell |
/// | | 4 | the active root reached its age of renewal, and there is no successor | create a successor |
/// | | 5 | the successor dwelled, and every readable target holds it | promote |
/// | | 5b | a foreign root verifies the leaf in place and stands in every usable entry, or that leaf ended | remember it, or no more |
/// | | 6 | a foreign leaf is relied on, and every target is seen to hold our root | mark the time |
/// | | 7 | a superseded root ended | forget it |
/// | serving | 8 | the leaf is missing, unfit or due, and a new one would be better | issue a leaf |
/// | target | 9 | an entry lacks a root of the record or a remembered one, holds an impostor of ours, or too much | publish |
/// | all | 10 | none of these | sleep |
///
/// A foreign leaf is *relied on* while it is valid and an entry that was read, or a remembered root, verifies it for the
/// Service's name (an entry that could not be read may); otherwise it is unfit. An entry is *unusable*, and rule 9 urgent, if it
/// verifies no chain of a serving record, holds a certificate that bears a subject of ours and is no root of the record, or
/// more foreign certificates than [`FOREIGN_CAP`] and its siblings allow. Nothing gets into a bundle but the roots of the
/// authority record, those that it remembers, and what stood in that very entry.
///
/// Whatever the bounds are, `plan` answers; as long as they contain the verifiers' time, nothing that it asks for
/// can make a call fail (see `ARCHITECTURE.md` for the argument).
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

/// What each lane does now, and when to decide again though nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Plan {
    decisions: Vec<(Lane, Decision)>,
    wake_after: Option<Duration>,
}

impl Plan {
    /// Every lane's decision: the authority, the serving records, the targets.
    pub fn decisions(&self) -> &[(Lane, Decision)] {
        &self.decisions
    }

    /// The actions among them.
    pub fn actions(&self) -> impl Iterator<Item = (&Lane, &Action)> {
        self.decisions
            .iter()
            .filter_map(|(lane, decision)| match decision {
                Decision::Act(action) => Some((lane, action)),
                Decision::Wait(_) => None,
            })
    }

    /// Whether there is nothing to do: sleep.
    pub fn is_idle(&self) -> bool {
        self.actions().next().is_none()
    }

    /// With nothing else changing, the same decisions are right until this much time has passed; `None`: for ever.
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
#[expect(clippy::exhaustive_enums, reason = "every reason is shown to somebody")]
pub enum Why {
    /// It is as it should be.
    Settled,
    /// A successor waits for its dwell to end, or for every readable target to hold its root.
    Dwelling,
    /// It could not be read.
    ReadFailed,
    /// Its last action failed: it is tried again after a while.
    FailedLately,
    /// There is no authority to sign with, or it cannot be read.
    NoAuthority,
    /// A foreign leaf that callers rely on is served until every target has held our root for the dwell.
    ForeignLeaf,
    /// Another writer undoes our writes: the next one waits.
    Undone,
    /// The object does not exist (yet).
    TargetAbsent,
    /// What is due would need a date that X.509 cannot write: look at the clocks.
    InexpressibleTime,
    /// A new leaf would not be better than the one in hand.
    NothingBetter,
}

/// One guarded write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever carries out a plan must handle every action"
)]
pub enum Action {
    /// Make generation 1, active.
    CreateAuthority(NewRoot),
    /// Drop the mark.
    Unmark,
    /// Make the next generation: key, root and cross in one write.
    CreateSuccessor(NewRoot),
    /// Make the successor the active generation and destroy the old key in the same write.
    Promote {
        /// The generation that is active from then on.
        generation: GenerationNumber,
        /// How bad it is if nobody does it.
        urgency: Urgency,
    },
    /// Have the record remember exactly these foreign roots.
    Remember {
        /// Each with the end of the leaf that it verified.
        roots: BTreeMap<Fingerprint, UnixTime>,
    },
    /// Note the time in the record.
    Mark {
        /// The time to note.
        at: UnixTime,
    },
    /// Drop ended roots from the record.
    Forget {
        /// Their generations.
        generations: Vec<GenerationNumber>,
    },
    /// Replace the leaf and chain of a serving record.
    IssueLeaf(NewLeaf),
    /// Write the bundles of a target's entries.
    Publish(Publication),
}

/// How bad it is if nobody carries an action out: what a replica that does not lead goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever stands by must handle every degree"
)]
pub enum Urgency {
    /// Nothing fails for days.
    Routine,
    /// Something is broken: whoever can mends it, if the leader does not within half a minute.
    Broken,
    /// Time runs out: whoever can does it at once.
    Late,
}

impl Action {
    /// How bad it is if nobody carries it out.
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

/// The root to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever carries out a plan needs every part"
)]
pub struct NewRoot {
    /// Its generation.
    pub generation: GenerationNumber,
    /// When it starts.
    pub not_before: UnixTime,
    /// When it ends.
    pub not_after: UnixTime,
    /// Whether it comes with a cross: always, unless the generation before ended before this one starts.
    pub crossed: bool,
    /// How bad it is if nobody makes it.
    pub urgency: Urgency,
}

/// The leaf to make.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever carries out a plan needs every part"
)]
pub struct NewLeaf {
    /// The serving record to write.
    pub record: RecordName,
    /// The generation that signs: the active one.
    pub generation: GenerationNumber,
    /// The names it carries: the wanted ones, and those of the leaf it replaces if that is ours.
    pub names: ServerNames,
    /// When it ends.
    pub not_after: UnixTime,
    /// Why, for the log.
    pub reason: LeafReason,
    /// How bad it is if nobody makes it.
    pub urgency: Urgency,
}

/// Why a leaf is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every reason is shown to somebody")]
pub enum LeafReason {
    /// There is none, or what stands there cannot be served.
    Missing,
    /// It lies in the future.
    NotStarted,
    /// A wanted name is missing.
    Names,
    /// A newer generation is active.
    Generation,
    /// Another party issued it, and no caller relies on it or its time of grace is over.
    Foreign,
    /// It is about to end.
    Expiry,
    /// It is served without a cross of the record.
    Crosses,
}

impl LeafReason {
    /// For logs and Events.
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
    reason = "whoever carries out a plan needs every part"
)]
pub struct Publication {
    /// The target.
    pub target: TargetRef,
    /// What every entry is made sure to hold.
    pub needed: BTreeSet<Fingerprint>,
    /// The entries to write, each with all the certificates it shall hold.
    pub entries: Vec<(EntryName, BTreeSet<Fingerprint>)>,
    /// Foreign certificates that stood in one of them, have not ended, and are not kept: they bear a subject of ours, or
    /// there were too many.
    pub left_out: BTreeSet<Fingerprint>,
    /// How bad it is if nobody writes.
    pub urgency: Urgency,
}
