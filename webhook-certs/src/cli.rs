//! The program `webhook-certs`. Not part of the library's public API.

use std::{io::Write, process::ExitCode};

mod args;
mod demo;
mod disown;
mod follow;
mod health;
mod installation;
mod logs;
mod once;
mod run;
mod values;

use args::{Arguments, Command};

/// Why a command failed. The text is one sentence for the user.
#[derive(Debug)]
enum Failure {
    /// The request is not possible: change the flags. Exit code 2.
    Asked(String),
    /// The command failed: the text says why. Exit code 1.
    Undone(String),
    /// Waiting took longer than `--timeout`: the text says what is missing. Exit code 124, as of timeout(1).
    TimedOut(String),
}

/// Runs the command that the arguments name. The exit codes are in `args::EXIT_CODES`.
pub fn main() -> ExitCode {
    let arguments = Arguments::of_this_process();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return end(Err(Failure::Undone(format!("no threads: {error}")))),
    };
    let outcome = runtime.block_on(async {
        match arguments.command {
            Command::Run(args) => run::run(*args).await,
            Command::Follow(args) => follow::follow(args).await,
            Command::Disown(args) => disown::disown(*args).await,
            Command::Demo(args) => demo::demo(args).await,
        }
    });
    end(outcome)
}

/// Runs `work`; never resolves if there is none.
async fn if_asked(work: Option<impl Future<Output = ()>>) {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

fn end(outcome: Result<(), Failure>) -> ExitCode {
    let (code, text) = match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Undone(text)) => (1, text),
        Err(Failure::Asked(text)) => (2, text),
        Err(Failure::TimedOut(text)) => (124, text),
    };
    // If even this cannot be written, the exit code still tells.
    let _ = writeln!(std::io::stderr(), "error: {text}");
    ExitCode::from(code)
}
