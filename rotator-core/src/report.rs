//! The report of one step, for logs, Events and people.

use alloc::{string::String, vec::Vec};
use core::{fmt, time::Duration};

use certgen::{Fingerprint, ServerNames, UnixTime};

use crate::{
    observation::{GenerationNumber, Lane},
    plan::{Decision, LeafReason, Plan},
    ports::ClockError,
    step_error::StepError,
    store::RecordName,
    target::{EntryName, TargetRef},
};

/// What one step read, decided and did.
#[derive(Debug)]
#[non_exhaustive]
#[must_use]
pub struct Report {
    /// Every lane's decision.
    pub decisions: Vec<(Lane, Decision)>,
    /// What was written.
    pub done: Vec<(Lane, Event)>,
    /// What was not read or not written, and why. The rotator retries each.
    pub failed: Vec<(Lane, StepError)>,
    /// Foreign certificates that this rotator has not seen before.
    pub foreign: Vec<ForeignFound>,
    /// Foreign leaves that this rotator has not seen before, with names that no leaf of ours will carry.
    pub names_dropped: Vec<NamesDropped>,
    /// Set if no fresh time was available: nothing was signed or removed.
    pub clock: Option<ClockError>,
    /// When to call `step` again if nothing changes.
    pub wake_after: Duration,
}

/// One thing that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every event is reported in words of its own"
)]
pub enum Event {
    /// Generation 1 was created, since there was no authority.
    AuthorityCreated {
        /// When its root expires.
        not_after: UnixTime,
    },
    /// The next generation was created. It does not sign yet.
    SuccessorCreated {
        /// Its number.
        generation: GenerationNumber,
        /// When its root expires.
        not_after: UnixTime,
    },
    /// A generation began to sign; the key of the one before was destroyed.
    Promoted {
        /// Its number.
        generation: GenerationNumber,
    },
    /// The foreign roots that the record remembers changed.
    Remembered {
        /// All that it remembers now.
        roots: Vec<Fingerprint>,
    },
    /// Every target contains our root while a foreign leaf is served: the dwell before the switch began.
    Marked {
        /// When.
        at: UnixTime,
    },
    /// The dwell before the switch was cancelled.
    Unmarked,
    /// Expired roots left the record.
    Forgotten {
        /// Their generations.
        generations: Vec<GenerationNumber>,
    },
    /// A leaf was issued and stored.
    LeafIssued {
        /// In which record.
        record: RecordName,
        /// Signed by which generation.
        generation: GenerationNumber,
        /// When it expires.
        not_after: UnixTime,
        /// Why.
        reason: LeafReason,
    },
    /// Bundles of a target were written.
    Published(Published),
}

/// Writes one line for people.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AuthorityCreated { not_after } => {
                write!(f, "authority created: its root ends {not_after}")
            }
            Self::SuccessorCreated {
                generation,
                not_after,
            } => write!(
                f,
                "successor created: the root of generation {generation} is published before it signs, and ends {not_after}"
            ),
            Self::Promoted { generation } => write!(
                f,
                "generation {generation} signs now; the key before it is destroyed"
            ),
            Self::Remembered { roots } => f.write_str(match roots.len() {
                0 => "no foreign root is remembered any more",
                1 => "one foreign root is remembered, and supplied to every entry until the leaf that it verified ends",
                _ => "foreign roots are remembered, and supplied to every entry until the leaf that they verified ends",
            }),
            Self::Marked { at } => write!(
                f,
                "every target trusts us since {at}; the dwell before the take-over begins"
            ),
            Self::Unmarked => f.write_str("the dwell before the take-over is called off"),
            Self::Forgotten { generations } => {
                f.write_str("ended roots forgotten, of generation")?;
                generations
                    .iter()
                    .try_for_each(|generation| write!(f, " {generation}"))
            }
            Self::LeafIssued {
                record,
                generation,
                not_after,
                reason,
            } => write!(
                f,
                "serving certificate issued into {record} by generation {generation}, ends {not_after}: {}",
                reason.as_str()
            ),
            Self::Published(Published {
                target,
                entries,
                certificates,
                ..
            }) => {
                let roots = if *certificates == 1 { "root" } else { "roots" };
                let places = if *entries == 1 { "entry" } else { "entries" };
                write!(
                    f,
                    "bundle written in {target}: {certificates} {roots} in {entries} {places}"
                )
            }
        }
    }
}

/// What was written into a target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// Which target.
    pub target: TargetRef,
    /// How many entries.
    pub entries: usize,
    /// How many certificates the write made sure of in each of them.
    pub certificates: usize,
    /// How many foreign certificates were not kept though they have not expired: they have a subject of ours, or were
    /// too many.
    pub left_out: usize,
    /// The last writer of the object before us, if known. Every writer chooses its own name: it proves nothing.
    pub last_writer: Option<String>,
    /// Whether an entry was seen to contain all of this before, and no longer did: another writer reverted it.
    pub is_repair: bool,
    /// Set if another writer reverted our last write of the same content: how long we wait before the next, unless the
    /// bundle is unusable.
    pub truce: Option<Duration>,
}

/// Foreign certificates in one target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignFound {
    /// Which target.
    pub target: TargetRef,
    /// The certificates, in the order of entries.
    pub certificates: Vec<ForeignCertificate>,
    /// The last writer of the object, if known.
    pub last_writer: Option<String>,
}

/// A certificate in an entry that another party put there. It stays until it expires.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignCertificate {
    /// In which entry.
    pub entry: EntryName,
    /// Which one.
    pub fingerprint: Fingerprint,
    /// Its subject, safe to display.
    pub subject: String,
    /// When it expires, and leaves the bundle with the next write.
    pub not_after: UnixTime,
}

/// Names of a foreign leaf that no leaf of ours will carry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamesDropped {
    /// The record that contains the leaf.
    pub record: RecordName,
    /// The names.
    pub names: ServerNames,
}

impl Report {
    pub(crate) fn new(wake_after: Duration) -> Self {
        Self {
            decisions: Vec::new(),
            done: Vec::new(),
            failed: Vec::new(),
            foreign: Vec::new(),
            names_dropped: Vec::new(),
            clock: None,
            wake_after,
        }
    }

    /// Whether the step did anything worth a line in the log.
    pub fn is_eventful(&self) -> bool {
        !self.done.is_empty()
            || !self.failed.is_empty()
            || !self.foreign.is_empty()
            || !self.names_dropped.is_empty()
            || self.clock.is_some()
    }

    pub(crate) fn decided(&mut self, plan: &Plan) {
        self.decisions = plan.decisions().to_vec();
        if let Some(wait) = plan.wake_after() {
            self.wake_within(wait);
        }
    }

    pub(crate) fn wake_within(&mut self, wait: Duration) {
        self.wake_after = self.wake_after.min(wait);
    }

    pub(crate) fn done(&mut self, lane: Lane, event: Event) {
        self.done.push((lane, event));
    }

    pub(crate) fn failed(&mut self, lane: Lane, error: StepError) {
        self.failed.push((lane, error));
    }

    pub(crate) fn clock_failed(&mut self, error: ClockError) {
        self.clock = Some(error);
        self.wake_within(Duration::from_secs(5));
    }
}
