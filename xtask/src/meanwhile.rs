//! A task of ours that works while others wait, at a priority that they do not notice.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command},
};

use crate::{error::Error, shell, workspace::Workspace};

/// What gives way to what.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Priority {
    /// Gives way to whoever started it.
    Low,
    /// Gives way to those, too.
    Lowest,
}

/// Linux shares processors out among sessions and control groups first, and by niceness within each: what is nice in our
/// session would take half of what a node's pods need. So the session of its own is made nice, too, where there is such a file
/// (sched(7), "The autogroup feature").
const LAST_OF_ALL: &str = "echo 19 2> /dev/null > /proc/self/autogroup; exec nice -n 19 \"$@\"";

impl Priority {
    /// What runs `program` so. The lower gets an eighth of what the other gets, at most.
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

/// This program, by the path that it had when asked: a build may put another in its place.
#[derive(Clone, Debug)]
pub(crate) struct Own(PathBuf);

impl Own {
    /// # Errors
    ///
    /// The system does not say.
    pub(crate) fn find() -> Result<Self, Error> {
        env::current_exe().map(Self).map_err(Error::file("xtask"))
    }
}

/// Ends with whoever no longer waits for it; a compiler or a test that it has started goes on to its end.
pub(crate) struct Meanwhile {
    command: Command,
    child: Child,
    /// What it says, for later: two at once nobody can read.
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

    /// Waits for its end, and shows what it said.
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
