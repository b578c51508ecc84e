//! The terminal: runs other programs, prints results to stdout and progress to stderr.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the task runner's terminal"
)]

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    process::Command,
};

use crate::error::Error;

/// The repository's root folder.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// Runs a command to its end and shows it.
///
/// # Errors
///
/// [`Error::NotStarted`] or [`Error::Failed`].
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let line = line(command);
    progress(&format!("$ {line}"));
    let status = command
        .status()
        .map_err(|source| not_started(command, source))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Failed { command: line })
    }
}

/// Prints a result.
pub(crate) fn result(text: impl Display) {
    println!("{text}");
}

/// Says what is going on.
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}

/// Says why a task stopped.
pub(crate) fn report(error: &Error) {
    eprintln!("error: {error}");
}

fn not_started(command: &Command, source: std::io::Error) -> Error {
    Error::NotStarted {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    }
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
