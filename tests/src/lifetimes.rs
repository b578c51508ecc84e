//! A life in fast motion: the policy that scenarios run by.

use std::time::Duration;

use certgen::KeyAlgorithm;
use rotator_core::{Durations, Policy, PolicyError};

/// A rotation every ten seconds or so, a new leaf every six. A root lives 40 s.
pub const FAST: Durations = Durations {
    ca_lifetime: Duration::from_secs(40),
    ca_renew_after: Duration::from_secs(10),
    dwell: Duration::from_secs(4),
    leaf_lifetime: Duration::from_secs(12),
    leaf_renew_before: Duration::from_secs(6),
    clock_allowance: Duration::from_secs(2),
};

/// [`FAST`] so many times slower, for faults that last for seconds: what lasts as long as a leaf's reserve must cost calls.
pub fn slower(times: u32) -> Durations {
    Durations {
        ca_lifetime: FAST.ca_lifetime * times,
        ca_renew_after: FAST.ca_renew_after * times,
        dwell: FAST.dwell * times,
        leaf_lifetime: FAST.leaf_lifetime * times,
        leaf_renew_before: FAST.leaf_renew_before * times,
        clock_allowance: FAST.clock_allowance,
    }
}

/// [`FAST`] as the library takes it.
///
/// # Errors
///
/// None: the durations fit each other.
pub fn fast_policy() -> Result<Policy, PolicyError> {
    Policy::new(FAST, KeyAlgorithm::P256)
}

/// [`FAST`] as the binary takes it.
pub fn fast_flags() -> Vec<String> {
    flags(&FAST)
}

/// Any lifetimes as the binary takes them.
pub fn flags(durations: &Durations) -> Vec<String> {
    [
        ("--ca-lifetime", durations.ca_lifetime),
        ("--ca-renew-after", durations.ca_renew_after),
        ("--dwell", durations.dwell),
        ("--leaf-lifetime", durations.leaf_lifetime),
        ("--leaf-renew-before", durations.leaf_renew_before),
        ("--clock-allowance", durations.clock_allowance),
    ]
    .into_iter()
    .map(|(flag, duration)| format!("{flag}={}s", duration.as_secs()))
    .collect()
}
