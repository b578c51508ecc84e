//! One state of the cluster: small numbers only, the same for what is the same.

use crate::{
    behaviour::BehaviourId,
    breach::Breach,
    contents::{AuthorityId, BundleId, ServingId},
    told::{Place, Told},
};

/// A number of a set of contents.
pub(crate) type HistoryId = u32;

/// One state of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub(crate) now: u8,
    /// How often somebody may still put an older bundle back.
    pub(crate) reverts: u8,
    /// How often an attacker may still write.
    pub(crate) attacks: u8,
    pub(crate) authority: AuthorityId,
    pub(crate) serving: ServingId,
    pub(crate) targets: [BundleId; 2],
    /// Every bundle that ever stood in a target: a caller may hold any of them.
    pub(crate) bundles: HistoryId,
    /// Every chain that ever stood in the serving record and has not ended: a replica may serve any of them.
    pub(crate) chains: HistoryId,
    pub(crate) controllers: [BehaviourId; 2],
    /// What the last write broke.
    pub(crate) breach: Option<Breach>,
}

impl State {
    /// What a controller is told that finds everything as it stands.
    pub(crate) fn told(&self) -> Told {
        Told::first(self.now, self.authority, self.serving, self.targets)
    }

    /// What stands somewhere.
    pub(crate) fn holds(&self, place: Place) -> u32 {
        let [first, second] = self.targets;
        match place {
            Place::Authority => self.authority,
            Place::Serving => self.serving,
            Place::Target(0) => first,
            Place::Target(_) | Place::AllTargets | Place::Clock => second,
        }
    }

    /// All that a fair schedule of one controller depends on.
    pub(crate) fn core(&self) -> Self {
        Self {
            reverts: 0,
            attacks: 0,
            bundles: 0,
            chains: 0,
            controllers: [0; 2],
            breach: None,
            ..*self
        }
    }
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// A second passes.
    Tick,
    /// A controller reads everything and asks for the time; the number says what it will do.
    Begin(BehaviourId),
    /// A call of a controller arrives, and its answer comes back or is lost.
    Deliver {
        /// Which controller.
        controller: usize,
        /// Which of its calls.
        call: usize,
        /// Whether the answer is lost.
        lost: bool,
    },
    /// A controller stops in the middle of its step.
    Crash {
        /// Which controller.
        controller: usize,
    },
    /// Somebody puts an older bundle back.
    Revert {
        /// Into which target.
        target: usize,
        /// Which bundle.
        bundle: BundleId,
    },
    /// An attacker writes his leaf into the serving record.
    Serve {
        /// The record's content then.
        content: ServingId,
    },
    /// An attacker writes a certificate into a target, beside what stands there.
    Plant {
        /// Into which target.
        target: usize,
        /// The bundle then.
        bundle: BundleId,
    },
}
