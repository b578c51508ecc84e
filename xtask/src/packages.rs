//! Programs of Debian's packages that builds and scenarios need.

use std::process::Command;

use crate::{error::Error, shell};

/// By which scenarios run programs under a wrong clock.
pub(crate) const FAKE_CLOCK: &str = "faketime";
/// By which jemalloc is built.
pub(crate) const MAKE: &str = "make";

/// Makes sure of a program whose package has its name: installs it as root on Debian, and says elsewhere what to install.
///
/// # Errors
///
/// [`Error::Missing`], or it cannot be installed.
pub(crate) fn ensure(program: &str) -> Result<(), Error> {
    if shell::succeeds(Command::new(program).arg("--version")) {
        return Ok(());
    }
    let is_root = shell::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root || !shell::succeeds(Command::new("apt-get").arg("--version")) {
        let missing = format!("{program}: on Debian `apt-get install {program}`");
        return Err(Error::Missing {
            missing: vec![missing],
        });
    }
    shell::run(Command::new("apt-get").args(["update", "-qq"]))?;
    shell::run(Command::new("apt-get").args(["install", "-y", "-qq", program]))
}
