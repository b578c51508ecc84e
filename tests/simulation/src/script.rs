//! What happens in one simulated life, as data: a script can be printed, cut down and played again.
//!
//! Events name what they concern by numbers that are taken modulo what there is, so that a script stays playable whatever is
//! cut out of it.

use certgen::KeyAlgorithm;
use rotator_core::Durations;
use webhook_inject::TargetKind;

use crate::fate::Fate;

/// Points in time are seconds, as in certificates.
pub(crate) const START: i64 = 1_800_000_000;
pub(crate) const DAY: i64 = 86_400;
pub(crate) const YEAR: i64 = 365 * DAY;

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) setup: Setup,
    pub(crate) events: Vec<Timed>,
    pub(crate) end: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) installations: Vec<Installation>,
    pub(crate) controllers: Vec<ControllerSetup>,
    pub(crate) targets: Vec<TargetKind>,
    /// How far each caller's clock is from the true time.
    pub(crate) callers: Vec<i64>,
    pub(crate) replicas: Vec<ReplicaSetup>,
    /// How far the bounds reach to both sides of the true time; every caller's clock lies within.
    pub(crate) margin: i64,
}

/// One authority with its serving records.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    pub(crate) rules: Rules,
    pub(crate) records: usize,
}

/// What an installation's flags say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) durations: Durations,
    pub(crate) algorithm: KeyAlgorithm,
}

#[derive(Clone, Debug)]
pub(crate) struct ControllerSetup {
    pub(crate) installation: usize,
    /// The version of the program wants one more name than the others.
    pub(crate) extra_name: Option<u8>,
}

#[derive(Clone, Debug)]
pub(crate) struct ReplicaSetup {
    pub(crate) installation: usize,
    pub(crate) record: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Timed {
    pub(crate) at: i64,
    pub(crate) event: Event,
}

#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A controller takes some steps, until it has nothing to do.
    Run(Run),
    /// A controller's process ends, wherever it is, and a new one begins.
    Crash { controller: usize },
    /// A controller's step is dropped where it waits; the process lives on.
    Drop { controller: usize },
    /// A caller looks at every target: as it stands (0), or at one of the versions between the last look and now.
    Look { caller: usize, back: usize },
    /// A replica is shown its serving record: as it stands (0), or an earlier version that it has not seen.
    Take { replica: usize, back: usize },
}

#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) controller: usize,
    pub(crate) rounds: u8,
    /// Whether its watches have told it of every change.
    pub(crate) hears: bool,
    /// Whether the machine slept since the last run: the clock that never jumps then stood still.
    pub(crate) slept: bool,
    pub(crate) stands_by: bool,
    /// How far the bounds reach before and after the true time.
    pub(crate) before: i64,
    pub(crate) after: i64,
    /// Which of the calls do not simply succeed.
    pub(crate) fates: Vec<(u8, Fate)>,
}

impl Run {
    /// A leader's run in which nothing goes wrong, until it settles.
    pub(crate) fn clean(controller: usize, margin: i64) -> Self {
        Self {
            controller,
            rounds: 12,
            hears: true,
            slept: false,
            stands_by: false,
            before: margin,
            after: margin,
            fates: Vec::new(),
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.hears && !self.stands_by && self.fates.is_empty() && self.rounds >= 12
    }
}
