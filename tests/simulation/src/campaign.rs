//! Many simulated lives, on every core.

use std::{
    fmt,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{judge::verdict::Violation, tally::Tally, world::simulate};

/// What many lives came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Findings {
    /// The sum of what was counted.
    pub tally: Tally,
    /// The lives in which something was broken, by seed.
    pub failures: Vec<Failure>,
    /// How long it took.
    pub took: Duration,
}

/// A life in which something was broken.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Replay it by this.
    pub seed: u64,
    /// After how many events of the script.
    pub event: usize,
    /// What was broken.
    pub violation: Violation,
}

/// Plays the lives of these seeds; when a few of them failed, no more are begun.
///
/// # Panics
///
/// If the simulation contradicts itself.
pub fn campaign(seeds: Range<u64>) -> Findings {
    #[expect(clippy::disallowed_methods, reason = "only to say how long it took")]
    let began = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut findings = Findings {
        tally: Tally::default(),
        failures: Vec::new(),
        took: Duration::ZERO,
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|_| scope.spawn(|| lives(&next, seeds.end)))
            .collect();
        for worker in workers {
            let (tally, failures) = worker
                .join()
                .expect("a life panicked: its seed was printed");
            findings.tally.add(&tally);
            findings.failures.extend(failures);
        }
    });
    findings.failures.sort_by_key(|failure| failure.seed);
    findings.took = began.elapsed();
    findings
}

/// More failures on one core tell nothing new.
const ENOUGH: usize = 3;

fn lives(next: &AtomicU64, end: u64) -> (Tally, Vec<Failure>) {
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return (tally, failures);
        }
        let outcome = simulate(seed);
        tally.add(&outcome.tally);
        if let Some((event, violation)) = outcome.violation {
            if failures.len() >= ENOUGH {
                next.store(end, Ordering::Relaxed);
            }
            failures.push(Failure {
                seed,
                event,
                violation,
            });
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.tally)?;
        let took = self.took.as_secs_f64();
        #[expect(
            clippy::as_conversions,
            clippy::cast_precision_loss,
            reason = "a figure for people"
        )]
        let pace = self.tally.years() as f64 / took.max(0.001);
        writeln!(f, "{took:.1} s, {pace:.1} simulated years a second")?;
        for failure in &self.failures {
            writeln!(f, "{failure}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            event,
            violation,
        } = self;
        write!(
            f,
            "seed {seed}, after event {event}: {violation}\n  replay: cargo run --profile proof -p simulation -- --seed {seed} --least"
        )
    }
}
