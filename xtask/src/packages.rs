//! Debian's packages that builds and scenarios need.

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
    if is_root() && has_installer() {
        return install(&[program]);
    }
    Err(Error::Missing {
        missing: vec![format!("{program}: on Debian `apt-get install {program}`")],
    })
}

pub(crate) fn is_root() -> bool {
    shell::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

pub(crate) fn has_installer() -> bool {
    shell::succeeds(Command::new("apt-get").arg("--version"))
}

/// Installs packages, without what they only recommend.
///
/// # Errors
///
/// One cannot be installed.
pub(crate) fn install(packages: &[&str]) -> Result<(), Error> {
    shell::run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]);
    shell::run(install.args(packages))
}
