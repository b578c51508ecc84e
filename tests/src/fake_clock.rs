//! Programs under a clock that is wrong, or jumps: libfaketime, loaded before the C library.
//!
//! Their monotonic clock stays real, as on a machine whose clock is set.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{ControlPlaneError, Program};

/// A clock that runs as fast as the real one, and may be set.
#[derive(Debug)]
pub struct FakeClock {
    library: PathBuf,
    file: PathBuf,
}

/// Why there is no such clock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FakeClockError {
    /// The library is not there.
    #[error(
        "there is no libfaketime: install it, on Debian by `apt-get install faketime`; `cargo xtask test` does so for root"
    )]
    NotInstalled,
    /// The clock cannot be set.
    #[error("cannot write {}", path.display())]
    File {
        /// The file that says how wrong the clock is.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Where distributions put it. The variant for threads.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
const FOLDERS: &[&str] = &["/usr/lib", "/usr/lib64", "/usr/local/lib"];

impl FakeClock {
    /// A clock that is ahead by so many seconds; behind if they are negative. `name` is its own in `folder`.
    ///
    /// # Errors
    ///
    /// [`FakeClockError`].
    pub fn new(name: &str, ahead: i64, folder: &Path) -> Result<Self, FakeClockError> {
        let clock = Self {
            library: library()?,
            file: folder.join(format!("{name}.clock")),
        };
        clock.set(ahead)?;
        Ok(clock)
    }

    /// Lets it jump: it is ahead by so many seconds from now on.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set(&self, ahead: i64) -> Result<(), FakeClockError> {
        let file = |source| FakeClockError::File {
            path: self.file.clone(),
            source,
        };
        // Who reads it sees the old line or the new one.
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{ahead:+}\n")).map_err(file)?;
        fs::rename(&new, &self.file).map_err(file)
    }

    /// Starts a program of this workspace, named first of `words`, under this clock; its log is `NAME.log` in `folder`.
    ///
    /// # Errors
    ///
    /// As for [`Program::start`].
    pub fn start(
        &self,
        name: &str,
        words: &[&str],
        folder: &Path,
    ) -> Result<Program, ControlPlaneError> {
        let variables = [
            ("LD_PRELOAD", &*self.library.to_string_lossy()),
            ("FAKETIME_TIMESTAMP_FILE", &*self.file.to_string_lossy()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ];
        Program::start_with(name, words, &variables, folder)
    }
}

/// Directly below one of the folders, or below that of an architecture.
fn library() -> Result<PathBuf, FakeClockError> {
    let folders = FOLDERS.iter().map(PathBuf::from);
    let nested = folders.clone().flat_map(|folder| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path())
    });
    folders
        .chain(nested)
        .map(|folder| folder.join(LIBRARY))
        .find(|path| path.is_file())
        .ok_or(FakeClockError::NotInstalled)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// The seconds that a program under this clock reads.
    fn read(clock: &FakeClock) -> i64 {
        let mut date = Command::new("date");
        date.arg("+%s")
            .env("LD_PRELOAD", &clock.library)
            .env("FAKETIME_TIMESTAMP_FILE", &clock.file)
            .env("FAKETIME_NO_CACHE", "1");
        let output = date.output().unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    #[test]
    fn a_program_reads_what_the_clock_was_set_to() {
        let folder = tempfile::tempdir().unwrap();
        let clock = FakeClock::new("wrong", 7200, folder.path()).unwrap();
        for ahead in [7200, -315_360_000, 0] {
            clock.set(ahead).unwrap();
            let before = kube_adapter::local_time().as_secs();
            let read = read(&clock);
            let after = kube_adapter::local_time().as_secs();
            assert!((before + ahead..=after + ahead).contains(&read), "{read}");
        }
    }
}
