//! `soak MINUTES [SEED]`: a life in fast motion under random faults, by `cargo xtask soak`.
//!
//! Two controllers at once, both behind proxies that fail; one of them is killed now and then. Two replicas that only
//! serve, and calls all the time. Ends with a table of how things stood at the start and at the end, and with a failure if
//! one call was refused for a certificate reason.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

mod chance;
mod figures;
mod trouble;
mod world;

use std::{env, process::ExitCode, time::Duration};

use kube_adapter::SystemEntropy;
use rotator_core::Entropy;
use scenarios::Failure;
use tokio::time::{Instant, sleep};

use self::{chance::Chance, figures::Figures, trouble::Trouble, world::World};

/// What belongs to the start has settled by then.
const WARM_UP: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match soak(&arguments).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(refused) => {
            eprintln!("{refused} calls were refused for a certificate reason");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns how many calls were refused.
async fn soak(arguments: &[String]) -> Result<u64, Failure> {
    let (minutes, seed) = match arguments {
        [minutes] => (minutes, fresh_seed()?),
        [minutes, seed] => (minutes, seed.parse()?),
        _ => return Err("usage: soak MINUTES [SEED]".into()),
    };
    let life = Duration::from_secs(60 * minutes.parse::<u64>()?);
    println!("seed {seed}");
    let mut world = World::new().await?;
    sleep(WARM_UP).await;
    let first = Figures::of(&world).await?;
    let (began, mut chance, mut troubles) = (Instant::now(), Chance::new(seed), 0);
    while began.elapsed() < life {
        let trouble = Trouble::any(&mut chance);
        troubles += 1;
        println!("{:>5} s  {trouble}", began.elapsed().as_secs());
        trouble.make(&mut world, &mut chance).await?;
        world.recovered().await?;
        if world.outcome().refused() > 0 {
            break;
        }
    }
    let last = Figures::of(&world).await?;
    let outcome = world.end();
    println!("\n{troubles} faults, seed {seed}: {outcome}\n");
    println!("{}", figures::table(&first, &last));
    Ok(outcome.refused())
}

fn fresh_seed() -> Result<u64, Failure> {
    let tail = SystemEntropy::new().serial()?.tail();
    Ok(u64::from(u32::from_be_bytes(tail)))
}
