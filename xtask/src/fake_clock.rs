//! Provides libfaketime, with which scenarios run programs under a wrong clock.

use std::process::Command;

use crate::{error::Error, shell};

/// Installs libfaketime as root on Debian, or reports what to install. No scenario is skipped.
///
/// # Errors
///
/// [`Error::NoFakeClock`], or it cannot be installed.
pub(crate) fn ensure() -> Result<(), Error> {
    if shell::succeeds(Command::new("faketime").arg("--version")) {
        return Ok(());
    }
    let is_root = shell::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root || !shell::succeeds(Command::new("apt-get").arg("--version")) {
        return Err(Error::NoFakeClock);
    }
    shell::run(Command::new("apt-get").args(["update", "-qq"]))?;
    shell::run(Command::new("apt-get").args(["install", "-y", "-qq", "faketime"]))
}
