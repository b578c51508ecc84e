//! The policy as flags.

use std::time::Duration;

use certgen::KeyAlgorithm;
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};
use rotator_core::{Durations, Policy, PolicyError};

use crate::unset_if_empty::unset_if_empty;

/// The flags of the policy, for the command line of a program that manages its certificates by this library.
///
/// Flatten them into your own. Each can be an environment variable `WEBHOOK_CERTS_…` of the same name; an empty one
/// counts as unset.
#[derive(Clone, Debug)]
pub struct PolicyArgs(Flags);

#[derive(Args, Clone, Debug)]
struct Flags {
    /// Lifetime of a root
    #[arg(long, env = "WEBHOOK_CERTS_CA_LIFETIME", value_name = "D", default_value = "365d", value_parser = humantime::parse_duration)]
    ca_lifetime: Duration,
    /// Age of the signing root at which its successor is made
    #[arg(long, env = "WEBHOOK_CERTS_CA_RENEW_AFTER", value_name = "D", default_value = "182d", value_parser = humantime::parse_duration)]
    ca_renew_after: Duration,
    /// Age of a successor before it signs
    #[arg(long, env = "WEBHOOK_CERTS_DWELL", value_name = "D", default_value = "24h", value_parser = humantime::parse_duration)]
    dwell: Duration,
    /// Lifetime of a serving certificate
    #[arg(long, env = "WEBHOOK_CERTS_LEAF_LIFETIME", value_name = "D", default_value = "30d", value_parser = humantime::parse_duration)]
    leaf_lifetime: Duration,
    /// Remaining lifetime at which a serving certificate is renewed
    #[arg(long, env = "WEBHOOK_CERTS_LEAF_RENEW_BEFORE", value_name = "D", default_value = "10d", value_parser = humantime::parse_duration)]
    leaf_renew_before: Duration,
    /// How far clocks may differ
    #[arg(long, env = "WEBHOOK_CERTS_CLOCK_ALLOWANCE", value_name = "D", default_value = "1h", value_parser = humantime::parse_duration)]
    clock_allowance: Duration,
    /// Algorithm of new keys
    #[arg(long, env = "WEBHOOK_CERTS_KEY_ALGORITHM", value_enum, default_value_t = Algorithm::P256)]
    key_algorithm: Algorithm,
}

/// Derived for `Flags`; here empty variables count as unset.
impl Args for PolicyArgs {
    fn augment_args(command: Command) -> Command {
        unset_if_empty(Flags::augment_args(command))
    }

    fn augment_args_for_update(command: Command) -> Command {
        unset_if_empty(Flags::augment_args_for_update(command))
    }
}

impl FromArgMatches for PolicyArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Flags::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl PolicyArgs {
    /// Returns the policy of these flags.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if they contradict each other: it says which, and what would be valid.
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        let durations = Durations {
            ca_lifetime: self.0.ca_lifetime,
            ca_renew_after: self.0.ca_renew_after,
            dwell: self.0.dwell,
            leaf_lifetime: self.0.leaf_lifetime,
            leaf_renew_before: self.0.leaf_renew_before,
            clock_allowance: self.0.clock_allowance,
        };
        let algorithm = match self.0.key_algorithm {
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
