//! `cargo run --profile proof -p judges -- --case N --seed S`: one case once more.

use std::{error::Error, fs, io::Write as _, path::PathBuf};

use clap::Parser;
use judges::{Length, Matrix, mutant, replay::replay, settings::FIXED_SEED};

/// Puts one case to every judge once more. The keys of chains are new ones; all else is as it was.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which case or mutant, as a failure names it.
    #[arg(long)]
    case: usize,
    /// The seed of the run.
    #[arg(long, default_value_t = FIXED_SEED)]
    seed: u64,
    /// What to write chain and bundle, or the mutant, into.
    #[arg(long, default_value = "target/judges")]
    into: PathBuf,
    #[command(flatten)]
    run: Run,
}

/// Which run it was a case of.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag, and one is given at most"
)]
struct Run {
    /// It was a case of a fresh life.
    #[arg(long)]
    fresh: bool,
    /// It was a case of a mutated anchor.
    #[arg(long)]
    anchors: bool,
    /// It was a case of a run with `JUDGES_ALL`.
    #[arg(long)]
    all: bool,
    /// It was a mutant of a certificate.
    #[arg(long)]
    certificates: bool,
    /// It was a mutant of a bundle.
    #[arg(long)]
    bundles: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments {
        case,
        seed,
        into,
        run,
    } = Arguments::parse();
    let text = if run.certificates || run.bundles {
        let mutants = if run.certificates {
            mutant::certificates(seed, case + 1)
        } else {
            mutant::bundles(seed, case + 1)
        };
        let mutant = mutants.last().ok_or("there is no such mutant")?;
        let path = into.join("mutant");
        fs::create_dir_all(&into)?;
        fs::write(&path, &mutant.bytes)?;
        format!("{} holds a mutant of {}", path.display(), mutant.of)
    } else {
        let matrix = match (run.fresh, run.all) {
            (true, _) => Matrix::fresh(seed)?,
            (_, true) => Matrix::generate(seed, Length::Long)?,
            _ if run.anchors => Matrix::of_mutated_anchors(seed, case + 1)?,
            _ => Matrix::generate(seed, Length::Short)?,
        };
        replay(&matrix, case, &into)?
    };
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
