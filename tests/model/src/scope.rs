//! How far a search goes.

use std::time::Duration;

use certgen::{KeyAlgorithm, UnixTime};
use rotator_core::{Durations, Policy, TimeBounds};

/// What a search covers: the policy, how long, and how much goes wrong.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever begins a search must say all of it"
)]
pub struct Scope {
    /// For the report.
    pub name: &'static str,
    /// In seconds: one second is one tick, so that each deadline is met on both sides.
    pub durations: Durations,
    /// Callers' clocks, and the bounds that a controller is told, lie this many seconds to both sides of the time.
    pub skew: u8,
    /// The last second.
    pub horizon: u8,
    /// Time stands still while something is undone that was due this many seconds ago; none: nobody need ever act.
    pub patience: Option<u8>,
    /// How many controllers are in the middle of a step at once.
    pub controllers: usize,
    /// How often somebody puts an older bundle back.
    pub reverts: u8,
    /// What an attacker may write, once.
    pub attacker: Option<Right>,
    /// Whether a controller may see a target as it stood earlier, or not at all.
    pub stale: bool,
    /// Whether each read of a step has its own moment, and the time is told at another.
    pub apart: bool,
    /// Whether it goes on until generation 3 signs.
    pub third: bool,
}

/// The one right that an attacker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Right {
    /// He may write the serving record: a leaf that his own CA signed, which the record lists.
    Serving,
    /// He may write one of the targets: his CA, or one that bears the subject of a root.
    Target,
}

/// Three roots are valid at once: a root lives ten seconds, its successor is made after three and dwells one; a leaf
/// lives three seconds and is renewed when two are left.
const THREE_ROOTS: Durations = Durations {
    ca_lifetime: Duration::from_secs(10),
    ca_renew_after: Duration::from_secs(3),
    dwell: Duration::from_secs(1),
    leaf_lifetime: Duration::from_secs(3),
    leaf_renew_before: Duration::from_secs(2),
    clock_allowance: Duration::from_secs(2),
};

/// Two roots are valid at once, so that a life is shorter.
const TWO_ROOTS: Durations = Durations {
    ca_lifetime: Duration::from_secs(7),
    ..THREE_ROOTS
};

/// Two controllers, of which some is at hand whenever something is due: until generation 1 is forgotten.
const PROMPT: Scope = Scope {
    name: "two controllers",
    durations: THREE_ROOTS,
    skew: 1,
    horizon: 14,
    patience: Some(1),
    controllers: 2,
    reverts: 0,
    attacker: None,
    stale: false,
    apart: false,
    third: true,
};

/// Each read of a step has its own moment.
const APART: Scope = Scope {
    name: "reads at different times",
    durations: TWO_ROOTS,
    skew: 0,
    horizon: 8,
    apart: true,
    third: false,
    ..PROMPT
};

/// Nobody need ever act: everything may end.
const NEGLECTED: Scope = Scope {
    name: "nobody need act",
    durations: TWO_ROOTS,
    skew: 0,
    horizon: 7,
    patience: None,
    third: false,
    ..PROMPT
};

/// As small as can be while a rotation takes place: an attacker writes once, at any moment of it.
const ATTACKED: Scope = Scope {
    name: "an attacker may write the serving record",
    durations: TWO_ROOTS,
    skew: 0,
    horizon: 8,
    attacker: Some(Right::Serving),
    third: false,
    ..PROMPT
};

impl Scope {
    /// What every change is tested with.
    pub const SAMPLE: [Self; 8] = [
        PROMPT,
        ATTACKED,
        Self {
            name: "an attacker may write one target",
            attacker: Some(Right::Target),
            ..ATTACKED
        },
        Self {
            name: "an older bundle is put back",
            skew: 0,
            reverts: 1,
            ..PROMPT
        },
        Self {
            name: "stale and failed reads",
            stale: true,
            ..PROMPT
        },
        APART,
        NEGLECTED,
        Self {
            name: "stale reads at different times",
            horizon: 5,
            stale: true,
            ..APART
        },
    ];

    /// The whole.
    pub const FULL: [Self; 8] = [
        Self {
            name: "two controllers, one of them slow",
            patience: Some(3),
            ..PROMPT
        },
        Self {
            name: "an attacker may write the serving record, until generation 3 signs",
            horizon: 12,
            third: true,
            ..ATTACKED
        },
        Self {
            name: "an attacker may write one target, until generation 3 signs",
            attacker: Some(Right::Target),
            horizon: 12,
            third: true,
            ..ATTACKED
        },
        Self {
            name: "an older bundle is put back, twice",
            durations: TWO_ROOTS,
            horizon: 12,
            reverts: 2,
            ..PROMPT
        },
        Self {
            name: "stale and failed reads, an older bundle is put back",
            stale: true,
            reverts: 1,
            ..PROMPT
        },
        Self {
            name: "reads at different times, until generation 3 signs",
            horizon: 10,
            third: true,
            ..APART
        },
        Self {
            horizon: 9,
            third: true,
            ..NEGLECTED
        },
        Self {
            name: "stale reads at different times",
            horizon: 6,
            stale: true,
            ..APART
        },
    ];

    /// The policy; keys are Ed25519, whose signatures are the same each time.
    ///
    /// # Panics
    ///
    /// If the durations contradict each other.
    pub fn policy(&self) -> Policy {
        Policy::new(self.durations, KeyAlgorithm::Ed25519).expect("durations that fit together")
    }

    /// What a controller is told about the time.
    pub(crate) fn bounds(&self, now: u8) -> TimeBounds {
        TimeBounds::around(
            UnixTime::from_secs(EPOCH.saturating_add(i64::from(now))),
            Duration::from_secs(self.skew.into()),
        )
    }

    /// The times that callers' clocks may say.
    pub(crate) fn clocks(&self, now: u8) -> impl Iterator<Item = i64> + use<> {
        let (now, skew) = (i64::from(now), i64::from(self.skew));
        now.saturating_sub(skew)..=now.saturating_add(skew)
    }

    /// The clock allowance in seconds.
    pub(crate) fn allowance(&self) -> i64 {
        i64::try_from(self.durations.clock_allowance.as_secs()).unwrap_or(i64::MAX)
    }
}

/// Second 0.
const EPOCH: i64 = 1_800_000_000;

/// So many seconds after second 0.
pub(crate) fn second(number: i64) -> i64 {
    EPOCH.saturating_add(number)
}

/// Seconds since second 0.
pub(crate) fn relative(time: UnixTime) -> i64 {
    time.as_secs().saturating_sub(EPOCH)
}
