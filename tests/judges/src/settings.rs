//! How much is judged: by the environment, read in this one place.

use std::env;

use crate::life::Length;

/// The seed of every run, so that CI judges the same cases each time.
pub const FIXED_SEED: u64 = 20_260_101;

/// How much is judged.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// How long the product lives.
    pub length: Length,
    /// One in so many cases of sound chains is put to `openssl`, which answers one question in a few milliseconds.
    pub one_in: usize,
    /// How many mutants of certificates, and how many of bundles, are read.
    pub mutants: usize,
}

impl Settings {
    /// A sample, or with `JUDGES_ALL` set all of it.
    #[expect(clippy::disallowed_methods, reason = "a test takes no arguments")]
    pub fn from_environment() -> Self {
        if env::var_os("JUDGES_ALL").is_some_and(|all| !all.is_empty()) {
            Self {
                length: Length::Long,
                one_in: 1,
                mutants: 250_000,
            }
        } else {
            Self {
                length: Length::Short,
                one_in: 8,
                mutants: 40_000,
            }
        }
    }
}

/// A seed that nobody has seen before.
pub fn fresh_seed() -> u64 {
    let mut seed = [0; 8];
    // A source of randomness that fails gives the seed 0, which is printed like any other.
    let _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut seed);
    u64::from_le_bytes(seed)
}
