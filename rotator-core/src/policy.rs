//! The six durations of a rotation, and the conditions between them.

use alloc::vec::Vec;
use core::{fmt, time::Duration};

use certgen::KeyAlgorithm;

/// How many generations a record may contain before scheduled successions wait.
pub const GENERATION_CAP: usize = 6;

/// The requested durations: the flags of the same names. All of them in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the six durations are the policy; a seventh would be another policy"
)]
pub struct Durations {
    /// `ca-lifetime`: the life of a root.
    pub ca_lifetime: Duration,
    /// `ca-renew-after`: the age of the active root at which its successor is created.
    pub ca_renew_after: Duration,
    /// `dwell`: the age of a successor at which it may sign.
    pub dwell: Duration,
    /// `leaf-lifetime`: the life of a leaf.
    pub leaf_lifetime: Duration,
    /// `leaf-renew-before`: a leaf is renewed when less than this remains.
    pub leaf_renew_before: Duration,
    /// `clock-allowance`: how far apart clocks may be; the least backdating, and the margin before a removal.
    pub clock_allowance: Duration,
}

impl Durations {
    /// A year for the root, its successor after half of it, a month for the leaf.
    ///
    /// The root outlives two successions, so that an API server, a backup or a `GitOps` tool which is half a year late
    /// still agrees; a stolen leaf is worth at most a month; in the ten days before a leaf expires an administrator can
    /// fix what prevents its renewal.
    pub const DEFAULT: Self = Self {
        ca_lifetime: days(365),
        ca_renew_after: days(182),
        dwell: days(1),
        leaf_lifetime: days(30),
        leaf_renew_before: days(10),
        clock_allowance: Duration::from_secs(3600),
    };
}

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 3600)
}

/// Durations that were checked against each other, and the algorithm for new keys. Every policy that exists works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    durations: Durations,
    algorithm: KeyAlgorithm,
}

impl Policy {
    /// Checks that a rotation with these durations can always be completed in time.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] names the flags that contradict each other, and values that would work.
    pub fn new(durations: Durations, algorithm: KeyAlgorithm) -> Result<Self, PolicyError> {
        let Durations {
            ca_lifetime,
            ca_renew_after,
            dwell,
            leaf_lifetime,
            leaf_renew_before,
            clock_allowance,
        } = durations;
        for (flag, duration) in [
            ("--ca-lifetime", ca_lifetime),
            ("--ca-renew-after", ca_renew_after),
            ("--dwell", dwell),
            ("--leaf-lifetime", leaf_lifetime),
            ("--leaf-renew-before", leaf_renew_before),
            ("--clock-allowance", clock_allowance),
        ] {
            if duration.as_secs() == 0 || duration.subsec_nanos() != 0 {
                return Err(PolicyError::NotWholeSeconds { flag, duration });
            }
            if duration > LONGEST {
                return Err(PolicyError::TooLong { flag, duration });
            }
        }
        if clock_allowance < MIN_ALLOWANCE {
            return Err(PolicyError::AllowanceTooShort { clock_allowance });
        }
        if leaf_renew_before >= leaf_lifetime {
            return Err(PolicyError::RenewBeforeTooLong {
                leaf_renew_before,
                leaf_lifetime,
            });
        }
        let needed = ca_renew_after + dwell + leaf_lifetime;
        if needed > ca_lifetime {
            return Err(PolicyError::CaLifetimeTooShort {
                ca_lifetime,
                needed,
            });
        }
        let generations = (ca_lifetime + clock_allowance)
            .as_secs()
            .div_ceil(ca_renew_after.as_secs())
            + 1;
        if generations > GENERATION_LIMIT {
            return Err(PolicyError::TooManyGenerations {
                generations,
                ca_renew_after,
                clock_allowance,
            });
        }
        Ok(Self {
            durations,
            algorithm,
        })
    }

    /// [`Durations::DEFAULT`] and ECDSA P-256, which every API server in use accepts.
    pub fn standard() -> Self {
        Self {
            durations: Durations::DEFAULT,
            algorithm: KeyAlgorithm::P256,
        }
    }

    /// The durations as checked.
    pub fn durations(&self) -> &Durations {
        &self.durations
    }

    /// The algorithm of every key made from now on.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// How long before the earliest possible time a first root becomes valid: the clock allowance, and at least a
    /// fiftieth of the root's life, so that an API server whose clock is days slow still accepts a new generation.
    pub fn backdating(&self) -> Duration {
        self.durations.clock_allowance.max(Duration::from_secs(
            self.durations.ca_lifetime.as_secs() / 50,
        ))
    }

    /// Settings that are allowed but worth a line in the log.
    pub fn warnings(&self) -> Vec<PolicyWarning> {
        let Durations {
            dwell,
            leaf_renew_before,
            ..
        } = self.durations;
        if dwell >= leaf_renew_before / 2 {
            [PolicyWarning::DwellNearRenewal {
                dwell,
                leaf_renew_before,
            }]
            .into()
        } else {
            Vec::new()
        }
    }
}

/// `Date` headers have whole seconds.
const MIN_ALLOWANCE: Duration = Duration::from_secs(2);
/// Longer than X.509 can express, short enough that sums do not overflow.
const LONGEST: Duration = days(366 * 8000);
const GENERATION_LIMIT: u64 = 6;

/// Durations that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A duration is zero, or has a fraction of a second.
    #[error("{flag} is {duration:?}: give at least one second, in whole seconds")]
    NotWholeSeconds {
        /// The flag to change.
        flag: &'static str,
        /// Its value.
        duration: Duration,
    },
    /// A duration is longer than certificates can express.
    #[error("{flag} is {}: certificates end with the year 9999", Words(*duration))]
    TooLong {
        /// The flag to change.
        flag: &'static str,
        /// Its value.
        duration: Duration,
    },
    /// The clock allowance is less than the witness can tell.
    #[error("--clock-allowance is {}: the API server tells the time in whole seconds, give at least 2s", Words(*clock_allowance))]
    AllowanceTooShort {
        /// Its value.
        clock_allowance: Duration,
    },
    /// A leaf would be due as soon as it is issued.
    #[error("--leaf-renew-before is {} but --leaf-lifetime only {}: renew later, or let leaves live longer", Words(*leaf_renew_before), Words(*leaf_lifetime))]
    RenewBeforeTooLong {
        /// Its value.
        leaf_renew_before: Duration,
        /// Its value.
        leaf_lifetime: Duration,
    },
    /// A root would expire before the last leaf that it signed.
    #[error("--ca-lifetime is {} but --ca-renew-after, --dwell and --leaf-lifetime add up to {}: give at least that", Words(*ca_lifetime), Words(*needed))]
    CaLifetimeTooShort {
        /// Its value.
        ca_lifetime: Duration,
        /// The least value that works.
        needed: Duration,
    },
    /// The record and the bundles would grow too large.
    #[error(
        "{generations} generations of the CA would be alive at once, more than 6: give a longer --ca-renew-after (it is {}), a shorter --ca-lifetime or a shorter --clock-allowance (it is {})",
        Words(*ca_renew_after),
        Words(*clock_allowance)
    )]
    TooManyGenerations {
        /// How many there would be.
        generations: u64,
        /// Its value.
        ca_renew_after: Duration,
        /// Its value.
        clock_allowance: Duration,
    },
}

/// A setting that is allowed, but worth a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyWarning {
    /// A take-over may switch the leaf before the dwell is over.
    DwellNearRenewal {
        /// The dwell.
        dwell: Duration,
        /// When leaves are renewed.
        leaf_renew_before: Duration,
    },
}

impl fmt::Display for PolicyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DwellNearRenewal {
                dwell,
                leaf_renew_before,
            } => write!(
                f,
                "--dwell is {} and --leaf-renew-before {}: a take-over of a leaf about to end may switch before the \
                 dwell is over; a dwell under half of --leaf-renew-before avoids it",
                Words(*dwell),
                Words(*leaf_renew_before)
            ),
        }
    }
}

/// Writes a duration as people do: `1d 2h 3m 4s`, without the parts that are zero.
struct Words(Duration);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_secs();
        let parts = [
            (secs / 86_400, "d"),
            (secs / 3600 % 24, "h"),
            (secs / 60 % 60, "m"),
            (secs % 60, "s"),
        ];
        if secs == 0 {
            return f.write_str("0s");
        }
        let mut separator = "";
        for (count, unit) in parts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{separator}{count}{unit}")?;
            separator = " ";
        }
        Ok(())
    }
}
