//! The policy as flags.

use std::time::Duration;

use certgen::KeyAlgorithm;
use clap::{Args, ValueEnum};
use rotator_core::{Durations, Policy, PolicyError};

/// The flags of the policy, for the command line of a program that keeps its certificates by this library: flatten them
/// into your own. Each can be an environment variable `WEBHOOK_CERTS_…` of the same name.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct PolicyArgs {
    /// Life of a root
    #[arg(long, env = "WEBHOOK_CERTS_CA_LIFETIME", value_name = "D", default_value = "365d", value_parser = humantime::parse_duration)]
    ca_lifetime: Duration,
    /// Age of the root that signs at which its successor is made
    #[arg(long, env = "WEBHOOK_CERTS_CA_RENEW_AFTER", value_name = "D", default_value = "182d", value_parser = humantime::parse_duration)]
    ca_renew_after: Duration,
    /// Age of a successor before it signs
    #[arg(long, env = "WEBHOOK_CERTS_DWELL", value_name = "D", default_value = "24h", value_parser = humantime::parse_duration)]
    dwell: Duration,
    /// Life of a serving certificate
    #[arg(long, env = "WEBHOOK_CERTS_LEAF_LIFETIME", value_name = "D", default_value = "30d", value_parser = humantime::parse_duration)]
    leaf_lifetime: Duration,
    /// A serving certificate is renewed when less than this remains
    #[arg(long, env = "WEBHOOK_CERTS_LEAF_RENEW_BEFORE", value_name = "D", default_value = "10d", value_parser = humantime::parse_duration)]
    leaf_renew_before: Duration,
    /// How far clocks may lie apart
    #[arg(long, env = "WEBHOOK_CERTS_CLOCK_ALLOWANCE", value_name = "D", default_value = "1h", value_parser = humantime::parse_duration)]
    clock_allowance: Duration,
    /// Algorithm of new keys
    #[arg(long, env = "WEBHOOK_CERTS_KEY_ALGORITHM", value_enum, default_value_t = Algorithm::P256)]
    key_algorithm: Algorithm,
}

impl PolicyArgs {
    /// The policy that they name.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if they contradict each other: it says which, and what would do.
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        let durations = Durations {
            ca_lifetime: self.ca_lifetime,
            ca_renew_after: self.ca_renew_after,
            dwell: self.dwell,
            leaf_lifetime: self.leaf_lifetime,
            leaf_renew_before: self.leaf_renew_before,
            clock_allowance: self.clock_allowance,
        };
        let algorithm = match self.key_algorithm {
            Algorithm::P256 => KeyAlgorithm::P256,
            Algorithm::P384 => KeyAlgorithm::P384,
            Algorithm::Ed25519 => KeyAlgorithm::Ed25519,
        };
        Policy::new(durations, algorithm)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Algorithm {
    P256,
    P384,
    Ed25519,
}
