//! `cargo xtask`: what this repository automates, in Rust, so that it runs wherever the product builds.

mod control_plane;
mod error;
mod shell;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Error;

/// Automation of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds etcd and kube-apiserver (once, cached) and prints their paths.
    ControlPlane,
}

fn main() -> ExitCode {
    match run(&Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            shell::report(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<(), Error> {
    match task {
        Task::ControlPlane => control_plane::build().map(|binaries| binaries.print()),
    }
}
