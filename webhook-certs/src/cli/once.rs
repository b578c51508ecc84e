//! `--once`: brings everything up to date, waits for what other parties have yet to do, and exits.

use std::{collections::BTreeMap, time::Duration};

use kube_adapter::TargetStatus;
use rotator_core::{Decision, Duty, Lane, PatchError, Report, StepError, StoreError, TargetRef};
use tokio::time::Instant;

use super::{
    Failure,
    run::{KubeKeeper, lacks},
};
use crate::{narrator::Narrator, words::in_full};

/// How often to look while waiting, and how often to log it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const TELL_AGAIN: Duration = Duration::from_secs(5);

/// Counts how long a one-off run still waits.
#[derive(Debug)]
pub(super) struct Patience {
    timeout: Duration,
    since: Instant,
    told: Option<Instant>,
}

impl Patience {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            since: Instant::now(),
            told: None,
        }
    }

    /// Starts over: something was done.
    fn progressed(&mut self) {
        self.since = Instant::now();
    }

    fn is_over(&self) -> bool {
        self.since.elapsed() >= self.timeout
    }

    /// Waits a moment, and now and then logs for what; returns whether it logged.
    ///
    /// # Errors
    ///
    /// [`Failure::TimedOut`] if the time is over.
    pub(super) async fn wait(&mut self, missing: &[String]) -> Result<bool, Failure> {
        let left = self.timeout.saturating_sub(self.since.elapsed());
        if left.is_zero() {
            return Err(Failure::TimedOut(self.gave_up(missing)));
        }
        let tells = self.told.is_none_or(|at| at.elapsed() >= TELL_AGAIN);
        if tells {
            self.told = Some(Instant::now());
            let more = match missing.len() {
                0 | 1 => String::new(),
                count => format!(", and {} more", count - 1),
            };
            let first = missing.first().map_or("", String::as_str);
            tracing::info!(
                "waiting for {} s at most: {first}{more}",
                left.as_secs_f64().ceil()
            );
        }
        tokio::time::sleep(LOOK_AGAIN.min(left)).await;
        Ok(tells)
    }

    fn gave_up(&self, missing: &[String]) -> String {
        let timeout = humantime::format_duration(self.timeout);
        match missing {
            [only] => format!("gave up after --timeout {timeout}: {only}"),
            several => format!(
                "gave up after --timeout {timeout}:\n  {}",
                several.join("\n  ")
            ),
        }
    }
}

/// Brings everything up to date. Two controllers cannot harm each other, so this takes no Lease.
pub(super) async fn settle(
    keeper: &mut KubeKeeper,
    narrator: &mut Narrator,
    timeout: Duration,
    allow_missing: bool,
) -> Result<(), Failure> {
    let mut patience = Patience::new(timeout);
    let mut unmet = Unmet::default();
    loop {
        // Reads every record each time, so that no watch is needed.
        let report = keeper.step_anew(Duty::Lead).await;
        unmet.see(&report, keeper.ports().patcher.statuses());
        let may_end = match unmet.worst() {
            None => true,
            Some(Gravity::Allowed) => allow_missing,
            Some(Gravity::Permission) => {
                allow_missing && patience.is_over() && unmet.is_of_targets()
            }
            Some(Gravity::Pending | Gravity::Hopeless) => false,
        };
        if may_end && report.done.is_empty() {
            narrator.tell(&report);
            for what in unmet.sentences() {
                tracing::warn!("{what}");
            }
            return Ok(());
        }
        if unmet.worst() == Some(Gravity::Hopeless) {
            narrator.tell(&report);
            return Err(Failure::Undone(unmet.hopeless().join("; ")));
        }
        narrator.tell_done(&report);
        if report.done.is_empty() {
            let waited = patience.wait(&unmet.sentences()).await;
            if waited? {
                // Refused lanes back off, perhaps for longer than this run waits.
                keeper.start_over();
                keeper.ports().patcher.look_again();
            }
        } else {
            patience.progressed();
        }
    }
}

/// Whether waiting may help, and whether `--allow-missing` accepts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Gravity {
    /// A target does not exist, or has no usable entry: `--allow-missing` does not wait for it.
    Allowed,
    /// A permission is missing. If it concerns a target, `--allow-missing` accepts that in the end.
    Permission,
    /// The problem may pass.
    Pending,
    /// Waiting does not help.
    Hopeless,
}

/// What keeps a one-off run from finishing, lane by lane, and why.
#[derive(Debug, Default)]
struct Unmet {
    lanes: BTreeMap<Option<Lane>, (Gravity, String)>,
}

impl Unmet {
    fn see(&mut self, report: &Report, statuses: Vec<(TargetRef, TargetStatus)>) {
        let mut before = std::mem::take(&mut self.lanes);
        if let Some(error) = &report.clock {
            self.lanes.insert(None, (Gravity::Pending, in_full(error)));
        } else if report.decisions.is_empty() {
            let nothing = "nothing was decided yet".to_owned();
            self.lanes.insert(None, (Gravity::Pending, nothing));
        }
        for (lane, decision) in &report.decisions {
            let why = match decision {
                Decision::Wait(why) => lacks(*why),
                Decision::Act(_) => Some("another writer was faster, or its turn comes later"),
            };
            if let Some(why) = why {
                let lane = Some(lane.clone());
                // A lane that backs off waits for what failed.
                let failed = before.remove(&lane);
                let now = failed.unwrap_or_else(|| (Gravity::Pending, why.to_owned()));
                self.lanes.insert(lane, now);
            }
        }
        for (lane, error) in &report.failed {
            if !error.is_conflict() {
                let now = (gravity(error), in_full(error));
                self.lanes.insert(Some(lane.clone()), now);
            }
        }
        for (lane, _) in &report.done {
            self.lanes.remove(&Some(lane.clone()));
        }
        for (target, status) in statuses {
            let gravity = match &status {
                TargetStatus::Managed { .. } | TargetStatus::Unknown => continue,
                TargetStatus::Forbidden { .. } => Gravity::Permission,
                TargetStatus::Absent
                | TargetStatus::NotInstalled
                | TargetStatus::NoUsableEntry(_) => Gravity::Allowed,
            };
            let why = format!("not injected: {status}");
            self.lanes
                .insert(Some(Lane::Target(target)), (gravity, why));
        }
    }

    fn worst(&self) -> Option<Gravity> {
        self.lanes.values().map(|(gravity, _)| *gravity).max()
    }

    fn is_of_targets(&self) -> bool {
        let mut lanes = self.lanes.keys();
        lanes.all(|lane| matches!(lane, Some(Lane::Target(_))))
    }

    fn sentences(&self) -> Vec<String> {
        self.lanes.iter().map(sentence).collect()
    }

    fn hopeless(&self) -> Vec<String> {
        let lanes = self.lanes.iter();
        let hopeless = lanes.filter(|(_, (gravity, _))| *gravity == Gravity::Hopeless);
        hopeless.map(sentence).collect()
    }
}

fn sentence((lane, (_, why)): (&Option<Lane>, &(Gravity, String))) -> String {
    match lane {
        Some(lane) => format!("{lane}: {why}"),
        None => why.clone(),
    }
}

fn gravity(error: &StepError) -> Gravity {
    match error {
        StepError::TargetForbidden { .. }
        | StepError::Read(StoreError::Forbidden { .. })
        | StepError::Store(StoreError::Forbidden { .. })
        | StepError::Patch(PatchError::Forbidden { .. }) => Gravity::Permission,
        // A quota that is not counted yet, or a policy whose server has not started, may refuse.
        StepError::Store(StoreError::Refused { .. })
        | StepError::Patch(PatchError::Refused { .. }) => Gravity::Pending,
        error if error.is_transient() => Gravity::Pending,
        _ => Gravity::Hopeless,
    }
}
