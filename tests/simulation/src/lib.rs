//! A simulated cluster in virtual time, deterministic by seed.
//!
//! The real [`Rotator`](rotator_core::Rotator) runs against one simulated API server. Callers look at bundles late, replicas take
//! chains late, controllers crash between any two writes. An independent judge looks at the whole after every event.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a simulation that contradicts itself must stop at once"
)]

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod all_at_once;
#[cfg(test)]
mod any_clock;
mod attack;
mod campaign;
mod chance;
mod cluster;
mod controller;
mod counted;
mod desk;
mod fate;
mod flags;
mod generate;
mod judge;
mod keys;
#[cfg(test)]
mod leaderless;
mod ports;
mod rare;
mod readers;
mod replay;
mod residuals;
mod script;
mod shrink;
mod taken_over;
mod tally;
mod world;

pub use crate::{
    campaign::{Failure, Findings, campaign},
    judge::verdict::Violation,
    replay::{Replay, Told, replay},
    tally::Tally,
    world::{Outcome, simulate},
};
