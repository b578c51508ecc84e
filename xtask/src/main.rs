//! `cargo xtask`: what this repository automates, in Rust, so that it runs wherever the product builds.

mod bench;
mod ci;
mod control_plane;
mod error;
mod fuzz;
mod image;
mod kind;
mod meanwhile;
mod mutants;
mod node;
mod outside;
mod packages;
mod prove;
mod purity;
mod shell;
mod siege;
mod soak;
mod test;
mod tidy;
mod words;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{error::Error, test::On};

/// Automation of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Prints the figures of the README.
    Bench,
    /// Runs every check that must pass before a change is merged.
    Ci,
    /// Builds etcd, kube-apiserver and the tests' other programs in Go (once, cached) and prints the paths of the two.
    ControlPlane {
        #[command(subcommand)]
        by_hand: Option<ByHand>,
    },
    /// Runs the scenarios on a real control plane, with the built binary.
    E2e {
        /// Where the control plane runs.
        #[arg(long, value_enum, default_value = "local")]
        on: On,
        /// Builds the binary as it is shipped.
        #[arg(long)]
        release: bool,
    },
    /// Searches for bytes that break what must hold for any bytes.
    Fuzz {
        /// Only this target.
        #[arg(long)]
        target: Option<String>,
        /// How long each target runs.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Builds the images of our programs, without a container engine, and prints where they are.
    Image,
    /// Breaks one thing at a time and checks that the named tests fail.
    Mutants {
        /// Only those with this in their name.
        #[arg(default_value = "")]
        only: String,
        /// Runs instead the mutants that cargo-mutants makes of the pure crates: takes hours.
        #[arg(long)]
        generated: bool,
    },
    /// Builds a node and its images, which `e2e --on node` does by itself.
    Node,
    /// Compiles what the README shows, as a crate outside the workspace.
    Outside,
    /// Runs every proof of `docs/proof.md` in full, and ends with a table.
    Prove {
        /// Only those with this in their name.
        #[arg(default_value = "")]
        only: String,
    },
    /// Runs the sample of the proofs, which `test` does, too.
    Sample,
    /// Compares a server with our certificates and one with cert-controller's, on one node: takes half an hour.
    SideBySide,
    /// Attacks our server and one in Go under admission calls, within the memory that is shipped: half an hour.
    Siege {
        /// Only attacks with this in their name.
        #[arg(default_value = "")]
        only: String,
        /// How long each attack lasts.
        #[arg(long, default_value_t = 12)]
        seconds: u64,
        /// Leaves out the server in Go.
        #[arg(long)]
        ours: bool,
    },
    /// Runs the product in fast motion under random faults, and prints the state at the start and at the end.
    Soak {
        /// How long to run.
        #[arg(long, default_value_t = 60)]
        minutes: u64,
        /// Repeats the faults of an earlier run.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Runs every test, scenario and example.
    Test,
    /// Checks dependencies between crates, manifests and the heads of files.
    Tidy,
}

/// A control plane for use by hand.
#[derive(Subcommand)]
enum ByHand {
    /// Starts one in the background and prints the path of its kubeconfig.
    Up {
        /// How many kube-apiservers.
        #[arg(long, default_value_t = 1)]
        apiservers: usize,
    },
    /// Stops it.
    Down,
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
    match *task {
        Task::Mutants {
            generated: true, ..
        } => mutants::generated(),
        Task::Mutants { ref only, .. } => mutants::mutants(only),
        Task::Image => image::images(),
        Task::Node => node::build(),
        Task::SideBySide => node::side_by_side(),
        Task::Outside => outside::check(),
        Task::Siege {
            ref only,
            seconds,
            ours,
        } => siege::siege(seconds, only, ours),
        Task::Prove { ref only } => prove::prove(only),
        Task::Bench => bench::bench(),
        Task::Ci => ci::ci(),
        Task::ControlPlane { by_hand: None } => {
            control_plane::build_all()?;
            control_plane::build().map(|binaries| binaries.print())
        }
        Task::ControlPlane {
            by_hand: Some(ByHand::Up { apiservers }),
        } => control_plane::up(apiservers),
        Task::ControlPlane {
            by_hand: Some(ByHand::Down),
        } => control_plane::down(),
        Task::E2e { on, release } => test::e2e(on, release),
        Task::Fuzz {
            ref target,
            seconds,
        } => fuzz::fuzz(target.as_deref(), seconds),
        Task::Sample => test::sample(),
        Task::Soak { minutes, seed } => soak::soak(minutes, seed),
        Task::Test => test::test(),
        Task::Tidy => tidy::tidy(),
    }
}
