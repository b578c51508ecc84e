//! `simulation`: plays simulated lives and prints what was counted, or one life with its events.
#![expect(clippy::print_stdout, reason = "it is there to print")]

use std::process::ExitCode;

use simulation::Told;

const USAGE: &str = "simulation [--seeds N] [--first S] | --seed S [--events | --least]";

fn main() -> ExitCode {
    match Order::parse(std::env::args().skip(1)) {
        None => {
            println!("{USAGE}");
            ExitCode::FAILURE
        }
        Some(Order::Many { first, seeds }) => {
            let findings = simulation::campaign(first..first.saturating_add(seeds));
            println!("{findings}");
            exit_code(findings.failures.is_empty())
        }
        Some(Order::One { seed, told }) => {
            let replay = simulation::replay(seed, told);
            println!("{replay}");
            exit_code(replay.violation.is_none())
        }
    }
}

fn exit_code(is_well: bool) -> ExitCode {
    if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

enum Order {
    Many { first: u64, seeds: u64 },
    One { seed: u64, told: Told },
}

impl Order {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let (mut first, mut seeds, mut seed, mut told) = (0, 100, None, Told::Figures);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--events" => told = Told::Events,
                "--least" => told = Told::Least,
                "--first" => first = arguments.next()?.parse().ok()?,
                "--seeds" => seeds = arguments.next()?.parse().ok()?,
                "--seed" => seed = Some(arguments.next()?.parse().ok()?),
                _ => return None,
            }
        }
        Some(match seed {
            Some(seed) => Self::One { seed, told },
            None => Self::Many { first, seeds },
        })
    }
}
