//! The terminal: runs other programs, prints results to stdout and progress to stderr.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the task runner's terminal"
)]

use std::{
    env,
    fmt::Display,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::error::Error;

/// The repository's root folder.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// A call of cargo, from the root folder.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root());
    // Remove what the cargo that runs us sets about xtask itself: build scripts (ring's) would see a change and run
    // again.
    for (name, _) in env::vars_os() {
        let shown = name.to_string_lossy();
        if shown.starts_with("CARGO_PKG_") || shown.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command to its end and returns what it printed.
///
/// # Errors
///
/// [`Error::NotStarted`] or [`Error::Failed`].
pub(crate) fn read(command: &mut Command) -> Result<String, Error> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| not_started(command, source))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(failed(command))
    }
}

/// Whether a command exists and succeeds; what it prints is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Runs a command to its end and shows its output.
///
/// # Errors
///
/// [`Error::NotStarted`] or [`Error::Failed`].
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    progress(&format!("$ {}", line(command)));
    let status = command
        .status()
        .map_err(|source| not_started(command, source))?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(command))
    }
}

/// Prints a result.
pub(crate) fn result(text: impl Display) {
    println!("{text}");
}

/// Reports progress.
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}

/// Reports why a task stopped.
pub(crate) fn report(error: &Error) {
    eprintln!("error: {error}");
}

/// Makes the error of a command that did not start, for `map_err`.
pub(crate) fn not_started(command: &Command, source: std::io::Error) -> Error {
    Error::NotStarted {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    }
}

/// Makes the error of a command that ran and failed.
pub(crate) fn failed(command: &Command) -> Error {
    Error::Failed {
        command: line(command),
    }
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
