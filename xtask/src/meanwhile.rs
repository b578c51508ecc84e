//! Runs one of our tasks while others wait, at a priority that does not slow them.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command},
};

use crate::{error::Error, shell, workspace::Workspace};

/// How far a task gives way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Priority {
    /// Gives way to the task that started it.
    Low,
    /// Gives way to `Low` tasks, too.
    Lowest,
}

/// Linux divides processors among sessions and control groups first, and by niceness within each: a nice task in our
/// session would take half of what a node's pods need. So this makes the task's own session nice, too, where such a
/// file exists (sched(7), "The autogroup feature").
const LAST_OF_ALL: &str = "echo 19 2> /dev/null > /proc/self/autogroup; exec nice -n 19 \"$@\"";

impl Priority {
    /// Makes the command that runs `program` at this priority. The lower one gets at most an eighth of the other's
    /// share.
    fn command(self, program: &Path) -> Command {
        let (first, rest): (_, &[&str]) = match self {
            Self::Low => ("nice", &["-n", "10"]),
            Self::Lowest => ("setsid", &["sh", "-c", LAST_OF_ALL, "sh"]),
        };
        let mut command = Command::new(first);
        command.args(rest).arg(program);
        command
    }
}

/// The path of this program, taken early: a build may later replace the file.
#[derive(Clone, Debug)]
pub(crate) struct Own(PathBuf);

impl Own {
    /// Finds the path.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub(crate) fn find() -> Result<Self, Error> {
        env::current_exe().map(Self).map_err(Error::file("xtask"))
    }
}

/// A task in the background. Dropping it kills the task; a compiler or a test that the task has started runs to its
/// end.
pub(crate) struct Meanwhile {
    command: Command,
    child: Child,
    /// The task's output, shown later: two outputs at once are unreadable.
    log: PathBuf,
}

impl Meanwhile {
    /// Starts `cargo xtask TASK`.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub(crate) fn start(own: &Own, task: &str, priority: Priority) -> Result<Self, Error> {
        let folder = Workspace::read()?.target_directory;
        let log = folder.join(format!("{task}.log"));
        let file = File::create(&log).map_err(Error::file(&log))?;
        let same = file.try_clone().map_err(Error::file(&log))?;
        let mut command = priority.command(&own.0);
        command.arg(task);
        shell::progress(&format!("meanwhile: cargo xtask {task}"));
        let started = command.stdout(file).stderr(same).spawn();
        let child = started.map_err(|source| shell::not_started(&command, source))?;
        Ok(Self {
            command,
            child,
            log,
        })
    }

    /// Waits for the task's end, and shows its output.
    ///
    /// # Errors
    ///
    /// It failed.
    pub(crate) fn join(mut self) -> Result<(), Error> {
        let ended = self.child.wait();
        let status = ended.map_err(|source| shell::not_started(&self.command, source))?;
        let said = fs::read_to_string(&self.log).map_err(Error::file(&self.log))?;
        shell::progress(&said);
        if status.success() {
            Ok(())
        } else {
            Err(shell::failed(&self.command))
        }
    }
}

impl Drop for Meanwhile {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
