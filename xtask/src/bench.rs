//! `cargo xtask bench`: the figures of the README.

use crate::{control_plane, error::Error, shell};

/// Builds what is measured as it is shipped, and measures it.
///
/// # Errors
///
/// Something cannot be built, or a ratio is not what the README says.
pub(crate) fn bench() -> Result<(), Error> {
    control_plane::build()?;
    let packages = [
        "build",
        "--release",
        "--locked",
        "-p",
        "webhook-certs",
        "-p",
        "bench",
    ];
    shell::run(&mut shell::cargo(packages))?;
    shell::run(&mut shell::cargo([
        "run",
        "--release",
        "--locked",
        "-p",
        "bench",
    ]))
}
