//! A child process that writes to a log file and does not outlive its handle.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{ControlPlaneError, Failure};

/// So many lines of a log stand in an error.
const LAST_WORDS: usize = 30;

/// How much memory a process has resident, in bytes.
///
/// # Errors
///
/// There is no such process.
pub fn resident(id: u32) -> Result<u64, Failure> {
    // proc(5): "VmRSS:     12345 kB".
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .ok_or("no VmRSS in the status of the process")?;
    Ok(kibibytes.parse::<u64>()? * 1024)
}

#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    pub(crate) fn spawn(
        name: &str,
        mut command: Command,
        folder: &Path,
    ) -> Result<Self, ControlPlaneError> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).map_err(ControlPlaneError::file(&log))?;
        let same_file = file.try_clone().map_err(ControlPlaneError::file(&log))?;
        command.stdin(Stdio::null()).stdout(file).stderr(same_file);
        let child = command.spawn().map_err(|source| ControlPlaneError::Spawn {
            name: name.to_owned(),
            source,
        })?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
        })
    }

    /// Its process id; nobody else has it before this handle is dropped.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn pause(&self) -> Result<(), ControlPlaneError> {
        self.signal(Signal::STOP)
    }

    pub(crate) fn resume(&self) -> Result<(), ControlPlaneError> {
        self.signal(Signal::CONT)
    }

    pub(crate) fn log(&self) -> Result<String, ControlPlaneError> {
        fs::read_to_string(&self.log).map_err(ControlPlaneError::file(&self.log))
    }

    /// Asks it to end, as a kubelet does.
    pub(crate) fn terminate(&self) -> Result<(), ControlPlaneError> {
        self.signal(Signal::TERM)
    }

    /// Ends it at once, and waits until it has.
    pub(crate) fn kill(&mut self) -> Result<(), ControlPlaneError> {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        ended.map(drop).map_err(|source| self.not_signalled(source))
    }

    /// # Errors
    ///
    /// It does not: says how it ended.
    pub(crate) fn still_runs(&mut self) -> Result<(), ControlPlaneError> {
        match self.child.try_wait() {
            Ok(Some(status)) => Err(ControlPlaneError::Ended {
                name: self.name.clone(),
                status,
                log: self.last_words(),
            }),
            Ok(None) => Ok(()),
            Err(source) => Err(self.not_signalled(source)),
        }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, ControlPlaneError> {
        self.child
            .try_wait()
            .map_err(|source| self.not_signalled(source))
    }

    fn not_signalled(&self, source: io::Error) -> ControlPlaneError {
        ControlPlaneError::Signal {
            name: self.name.clone(),
            source,
        }
    }

    pub(crate) fn not_ready(&self) -> ControlPlaneError {
        ControlPlaneError::NotReady {
            name: self.name.clone(),
            log: self.last_words(),
        }
    }

    fn signal(&self, signal: Signal) -> Result<(), ControlPlaneError> {
        kill_process(Pid::from_child(&self.child), signal)
            .map_err(|errno| self.not_signalled(io::Error::from(errno)))
    }

    fn last_words(&self) -> String {
        let log = self.log().unwrap_or_else(|error| error.to_string());
        let lines: Vec<&str> = log.lines().collect();
        lines
            .get(lines.len().saturating_sub(LAST_WORDS)..)
            .unwrap_or_default()
            .join("\n")
    }
}

/// Bytes as people write them.
pub fn megabytes(bytes: u64) -> String {
    let tenths = bytes / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing that it stored is kept, so there is nothing to shut down in order. Also ends a paused process.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(folder: &Path) -> Process {
        let mut command = Command::new("sleep");
        command.arg("600");
        Process::spawn("sleep", command, folder).unwrap()
    }

    #[test]
    fn a_dropped_process_has_ended_even_if_it_was_paused() {
        let folder = tempfile::tempdir().unwrap();
        let process = sleeper(folder.path());
        let pid = Pid::from_child(&process.child);
        process.pause().unwrap();
        drop(process);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }

    #[test]
    fn a_process_that_ended_is_reported_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such flag >&2; exit 3"]);
        let mut process = Process::spawn("sh", command, folder.path()).unwrap();
        process.child.wait().unwrap();
        let error = process.still_runs().unwrap_err().to_string();
        assert!(error.contains("sh ended with exit status: 3"), "{error}");
        assert!(error.contains("no such flag"), "{error}");
    }
}
