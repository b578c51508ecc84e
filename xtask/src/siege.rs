//! `cargo xtask siege`: attacks our server and one in Go, under admission calls, and prints the table of
//! `docs/siege.md`.

use crate::{control_plane, error::Error, packages, shell};

/// Builds what is attacked as it is shipped, and attacks it.
///
/// Runs each attack whose name contains `part` for so many seconds; with `is_ours`, leaves out the server in Go.
///
/// # Errors
///
/// Something cannot be built, or our server did not withstand an attack.
pub(crate) fn siege(seconds: u64, part: &str, is_ours: bool) -> Result<(), Error> {
    packages::ensure(packages::MAKE)?;
    control_plane::build()?;
    control_plane::build_certwatcher()?;
    shell::run(&mut shell::cargo([
        "build",
        "--release",
        "--locked",
        "-p",
        "siege",
        "--bins",
    ]))?;
    let mut siege = shell::cargo(["run", "--release", "--locked", "-p", "siege", "--"]);
    let servers = if is_ours { "ours" } else { "both" };
    siege.arg(seconds.to_string()).args([servers, part]);
    shell::run(&mut siege)
}
