//! `cargo xtask soak`: runs the product in fast motion under random faults.

use crate::{control_plane, error::Error, shell};

/// Runs for so many minutes; `seed` repeats the faults of an earlier run.
///
/// # Errors
///
/// Something cannot be built, or a call was refused for a certificate reason.
pub(crate) fn soak(minutes: u64, seed: Option<u64>) -> Result<(), Error> {
    control_plane::build()?;
    let programs = [
        "build",
        "--locked",
        "-p",
        "webhook-certs",
        "-p",
        "scenarios",
    ];
    shell::run(shell::cargo(programs).arg("--bins"))?;
    let run = ["run", "--locked", "-p", "scenarios", "--bin", "soak", "--"];
    let mut soak = shell::cargo(run);
    soak.arg(minutes.to_string());
    soak.args(seed.map(|seed| seed.to_string()));
    shell::run(&mut soak)
}
