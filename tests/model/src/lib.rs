//! A model checker over the real decision and step.
#![expect(clippy::expect_used, reason = "a proof fails by panicking")]

mod behaviour;
mod breach;
mod chance;
mod cluster;
mod contents;
mod fair_run;
mod go_rules;
mod interned;
mod memo;
mod replay;
mod scope;
mod search;
mod state;
mod told;

pub use crate::{
    breach::Breach,
    cluster::Cluster,
    scope::{FULL, SAMPLE, Scope},
    search::{Found, search},
    state::{Action, State},
};
