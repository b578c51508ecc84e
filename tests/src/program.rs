//! A program under test: a process with a log that can be read and awaited.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use tokio::time::{sleep, timeout};

use crate::{ControlPlaneError, process::Process};

/// Generous: the machine may be busy.
const LIMIT: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub struct Program {
    name: String,
    process: Process,
}

impl Program {
    /// Starts a program that cargo has built in this workspace; its log is `NAME.log` in `folder`.
    ///
    /// # Errors
    ///
    /// It cannot be started: run the scenarios by `cargo xtask test`, which builds it.
    pub fn start(
        name: &str,
        program: &str,
        arguments: &[impl AsRef<str>],
        folder: &Path,
    ) -> Result<Self, ControlPlaneError> {
        let mut command = Command::new(built(program));
        command.args(arguments.iter().map(AsRef::as_ref));
        Self::command(name, command, folder)
    }

    /// Starts a program that cargo has built in this workspace, named first of `words`, with these variables set.
    ///
    /// # Errors
    ///
    /// As for [`Program::start`].
    pub fn start_with(
        name: &str,
        words: &[&str],
        variables: &[(&str, &str)],
        folder: &Path,
    ) -> Result<Self, ControlPlaneError> {
        let (program, arguments) = words.split_first().unwrap_or((&"", &[]));
        let mut command = Command::new(built(program));
        command.args(arguments).envs(variables.iter().copied());
        Self::command(name, command, folder)
    }

    /// Starts any command; its log is `NAME.log` in `folder`.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn command(name: &str, command: Command, folder: &Path) -> Result<Self, ControlPlaneError> {
        Ok(Self {
            name: name.to_owned(),
            process: Process::spawn(name, command, folder)?,
        })
    }

    /// Waits until the log says `text`, and returns the whole log.
    ///
    /// # Errors
    ///
    /// The program ended, or two minutes passed, and it did not.
    pub async fn says(&mut self, text: &str) -> Result<String, ControlPlaneError> {
        self.says_times(text, 1).await
    }

    /// Waits until the log has said `text` so many times, and returns the whole log.
    ///
    /// # Errors
    ///
    /// The program ended, or two minutes passed, and it did not.
    pub async fn says_times(
        &mut self,
        text: &str,
        times: usize,
    ) -> Result<String, ControlPlaneError> {
        let looking = async {
            loop {
                let running = self.process.still_runs();
                let log = self.process.log()?;
                if log.matches(text).count() >= times {
                    return Ok(log);
                }
                running?;
                sleep(LOOK_AGAIN).await;
            }
        };
        match timeout(LIMIT, looking).await {
            Ok(found) => found,
            Err(_) => Err(self.process.not_ready()),
        }
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    ///
    /// Two minutes passed, and it still runs.
    pub async fn end(&mut self) -> Result<ExitStatus, ControlPlaneError> {
        let looking = async {
            loop {
                if let Some(status) = self.process.ended()? {
                    return Ok(status);
                }
                sleep(LOOK_AGAIN).await;
            }
        };
        match timeout(LIMIT, looking).await {
            Ok(ended) => ended,
            Err(_) => Err(self.process.not_ready()),
        }
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, ControlPlaneError> {
        self.process.ended()
    }

    /// Sends SIGTERM, as a kubelet does.
    ///
    /// # Errors
    ///
    /// The process has ended.
    pub fn terminate(&self) -> Result<(), ControlPlaneError> {
        self.process.terminate()
    }

    /// Ends it at once, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// The process has ended.
    pub fn kill(&mut self) -> Result<(), ControlPlaneError> {
        self.process.kill()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// All that it has printed.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn log(&self) -> Result<String, ControlPlaneError> {
        self.process.log()
    }

    /// What it is called in this scenario.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A binary of this workspace, where cargo puts it: beside the folder of the running test.
pub fn built(program: &str) -> PathBuf {
    let running = env::current_exe().unwrap_or_default();
    let profile = running
        .ancestors()
        .find(|folder| folder.join(program).is_file());
    profile.map_or_else(|| program.into(), |profile| profile.join(program))
}
