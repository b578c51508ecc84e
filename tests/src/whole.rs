//! How much is run: one scenario of each kind, or all.

/// Whether to run `scenario`, which one of its kind stands for otherwise: with `SCENARIOS_ALL=1`, as `cargo xtask prove` has it.
/// Says so if not.
#[expect(
    clippy::disallowed_methods,
    reason = "how much is run is the caller's choice, read in this one place"
)]
pub fn is_whole(scenario: &str) -> bool {
    use std::io::Write;
    let is_whole = std::env::var("SCENARIOS_ALL").is_ok_and(|value| value == "1");
    if !is_whole {
        // Past the test harness, which hides what passing tests print.
        let _ = writeln!(std::io::stderr(), "{scenario}: only with SCENARIOS_ALL=1");
    }
    is_whole
}
