//! `cargo xtask siege`: attacks on our server and on one in Go, under admission calls, with the table of `docs/siege.md`.

use crate::{control_plane, error::Error, shell};

/// Builds what is attacked as it is shipped, and attacks it: each attack for so many seconds; those with `part` in their name;
/// `is_ours`: without the server in Go.
///
/// # Errors
///
/// Something cannot be built, or our server did not withstand.
pub(crate) fn siege(seconds: u64, part: &str, is_ours: bool) -> Result<(), Error> {
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
