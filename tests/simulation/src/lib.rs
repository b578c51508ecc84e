//! A simulated cluster in virtual time, deterministic by seed.
//!
//! The real [`Rotator`](rotator_core::Rotator) runs against one simulated API server. Callers look at bundles late, replicas take
//! chains late, controllers crash between any two writes. An independent judge looks at the whole after every event.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a simulation that contradicts itself must stop at once"
)]

mod campaign;
mod chance;
mod cluster;
mod controller;
mod desk;
mod fate;
mod generate;
mod judge;
mod keys;
mod ports;
mod readers;
mod replay;
mod script;
mod tally;
mod world;

pub use crate::{
    campaign::{Failure, Findings, campaign},
    judge::verdict::Violation,
    replay::{Replay, replay},
    tally::Tally,
    world::{Outcome, simulate},
};
