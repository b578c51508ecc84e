//! `demo`: CA rotations under load, without a cluster, beside what happens when a bundle is replaced at once.
//!
//! The left lane is the engine of `run` with a store and targets in memory; the right lane is on the same schedule and
//! has the same callers and lags. Both are called over real TLS on loopback.

mod caller;
mod crossed;
mod history;
mod replaced;
mod replica;
mod table;
mod telling;
mod verifier;

use std::{
    io::{IsTerminal, stdout},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use certgen::KeyAlgorithm;
use rotator_core::{Durations, Policy};
use serde_json::json;
use tokio::{sync::watch, task::JoinSet};

use self::{
    caller::{Caller, Tally},
    history::History,
    table::{Progress, Table},
};
use super::{
    Failure,
    args::{DemoArgs, Output},
};

const SERVICE: &str = "guard";
const NAMESPACE: &str = "guard-system";
const SERVER_NAME: &str = "guard.guard-system.svc";
const SUBJECT: &str = "guard.guard-system";

/// The shortest demo: a rotation takes five to seven seconds, and the slowest caller sees its first bundle after
/// eleven.
const SHORTEST: Duration = Duration::from_secs(25);
const FEWEST_ROTATIONS: u64 = 3;
/// How late each caller sees a new bundle, at most; the last is always that late.
const LAGS: [Lag; 5] = [
    Lag::UpTo(Duration::from_millis(200)),
    Lag::UpTo(Duration::from_secs(1)),
    Lag::UpTo(Duration::from_secs(2)),
    Lag::UpTo(Duration::from_secs(2)),
    Lag::Always(Duration::from_secs(11)),
];
/// How long after a certificate is stored each replica takes it.
const DELAYS: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(700)];
const FRAME: Duration = Duration::from_millis(200);

/// How late one caller sees a new bundle.
#[derive(Clone, Copy, Debug)]
enum Lag {
    UpTo(Duration),
    Always(Duration),
}

const DURATIONS: Durations = Durations {
    ca_lifetime: Duration::from_secs(20),
    ca_renew_after: Duration::from_secs(5),
    dwell: Duration::from_secs(2),
    leaf_lifetime: Duration::from_secs(6),
    leaf_renew_before: Duration::from_secs(3),
    clock_allowance: Duration::from_secs(2),
};

/// Runs the demo for as long as asked, or until interrupted.
pub(super) async fn demo(args: DemoArgs) -> Result<(), Failure> {
    if args.duration < SHORTEST {
        return Err(Failure::Asked(format!(
            "--duration {} is too short for {FEWEST_ROTATIONS} rotations: give at least {}",
            humantime::format_duration(args.duration),
            humantime::format_duration(SHORTEST)
        )));
    }
    let policy = Policy::new(DURATIONS, KeyAlgorithm::P256)
        .map_err(|error| Failure::Undone(error.to_string()))?;
    let shows = args.output == Output::Table;

    let mut tasks = JoinSet::new();
    let (progress, mut news) = watch::channel(Progress::default());
    let lane = crossed::start(&mut tasks, policy, progress).await?;
    let crossed = call(&mut tasks, &lane)?;
    let lane = replaced::start(&mut tasks, news.clone()).await?;
    let replaced = call(&mut tasks, &lane)?;

    let mut table = Table::new(args.duration, shows && stdout().is_terminal());
    let end = tokio::time::sleep(args.duration);
    tokio::pin!(end);
    let mut frames = tokio::time::interval(FRAME);
    loop {
        tokio::select! {
            () = &mut end => break,
            () = crate::stop_signal() => break,
            _ = frames.tick(), if shows => {
                let progress = news.borrow_and_update().clone();
                table.show(&progress, &crossed, &replaced);
            }
        }
    }
    tasks.shutdown().await;
    let rotations = news.borrow().rotations;
    let (crossed, replaced) = (Tally::sum(&crossed), Tally::sum(&replaced));
    if shows {
        Table::end(rotations, &crossed, &replaced);
    } else {
        table::result(&json!({
            "rotations": rotations,
            "calls": crossed.calls,
            "refused": crossed.refused,
            "failed": crossed.failed,
            "without_crosses": { "calls": replaced.calls, "refused": replaced.refused },
        }));
    }
    judge(rotations, &crossed)
}

fn judge(rotations: u64, crossed: &Tally) -> Result<(), Failure> {
    if crossed.refused > 0 {
        Err(Failure::Undone(format!(
            "{} of {} calls were refused, for example: {}",
            crossed.refused, crossed.calls, crossed.example
        )))
    } else if rotations < FEWEST_ROTATIONS {
        Err(Failure::Undone(format!(
            "only {rotations} rotations: let it run for longer"
        )))
    } else {
        Ok(())
    }
}

/// What the callers of one lane use.
struct Lane {
    history: Arc<History>,
    replicas: Vec<SocketAddr>,
}

/// Starts a lane's callers.
fn call(tasks: &mut JoinSet<()>, lane: &Lane) -> Result<Vec<watch::Receiver<Tally>>, Failure> {
    let mut tallies = Vec::new();
    for lag in LAGS {
        let (caller, tally) = Caller::new(lane, lag)?;
        tasks.spawn(caller.run());
        tallies.push(tally);
    }
    Ok(tallies)
}
