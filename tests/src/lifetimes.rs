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
    [
        ("--ca-lifetime", FAST.ca_lifetime),
        ("--ca-renew-after", FAST.ca_renew_after),
        ("--dwell", FAST.dwell),
        ("--leaf-lifetime", FAST.leaf_lifetime),
        ("--leaf-renew-before", FAST.leaf_renew_before),
        ("--clock-allowance", FAST.clock_allowance),
    ]
    .into_iter()
    .map(|(flag, duration)| format!("{flag}={}s", duration.as_secs()))
    .collect()
}
