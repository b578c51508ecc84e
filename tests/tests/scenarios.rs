//! Scenarios on a real control plane, with the built binary and the library as processes that have the rights of
//! `deploy/` and no others. Run them by `cargo xtask e2e`.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "scenarios/all_targets.rs"]
mod all_targets;
#[path = "scenarios/callers.rs"]
mod callers;
#[path = "scenarios/clocks.rs"]
mod clocks;
#[path = "scenarios/connection.rs"]
mod connection;
#[path = "scenarios/deadlock.rs"]
mod deadlock;
#[path = "scenarios/events.rs"]
mod events;
#[path = "scenarios/files.rs"]
mod files;
#[path = "scenarios/from_nothing.rs"]
mod from_nothing;
#[path = "scenarios/interference.rs"]
mod interference;
#[path = "scenarios/limits.rs"]
mod limits;
#[path = "scenarios/nudge.rs"]
mod nudge;
#[path = "scenarios/ownership.rs"]
mod ownership;
#[path = "scenarios/rollout.rs"]
mod rollout;
#[path = "scenarios/rotation.rs"]
mod rotation;

/// One scenario at a time: the load must not be refused because the machine is busy with another.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn report(text: &str) {
    use std::io::Write;
    // Past the test harness, which hides what passing tests print.
    let _ = writeln!(std::io::stderr(), "{text}");
}
