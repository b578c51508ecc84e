//! `cargo run --profile proof -p judges -- --case N --seed S`: one case once more.

use std::{error::Error, io::Write as _, path::PathBuf};

use clap::Parser;
use judges::{Length, Matrix, replay::replay, settings::FIXED_SEED};

/// Puts one case to every judge once more. Its keys are new ones; all else is as it was.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which case, as a failure names it.
    #[arg(long)]
    case: usize,
    /// The seed of the run.
    #[arg(long, default_value_t = FIXED_SEED)]
    seed: u64,
    /// It was a case of the run with a fresh seed.
    #[arg(long)]
    fresh: bool,
    /// It was a case of a run with `JUDGES_ALL`.
    #[arg(long)]
    all: bool,
    /// Where to write chain and bundle.
    #[arg(long, default_value = "target/judges")]
    into: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let length = if arguments.all {
        Length::Long
    } else {
        Length::Short
    };
    let matrix = if arguments.fresh {
        Matrix::fresh(arguments.seed)?
    } else {
        Matrix::generate(arguments.seed, length)?
    };
    let text = replay(&matrix, arguments.case, &arguments.into)?;
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
