//! One step of a rotation: observe, decide, carry out.
//!
//! How to use it:
//!
//! 1. Make a [`Rotator`] from [`Settings`], and [`Ports`] to the outside.
//! 2. Call [`Rotator::step`]. It reads what changed, decides by [`plan`], carries out at most one action per lane,
//!    all lanes at once, and reports.
//! 3. Log the report. Call `step` again after [`Report::wake_after`], or as soon as `changed()` of a port resolves:
//!    then call [`Rotator::invalidate`] first.
//!
//! A step may be dropped at any await, and is then as if the process had stopped between two writes. The next decision
//! is right without anything that a rotator remembers between steps; that only saves requests and log lines.

use alloc::{collections::BTreeMap, vec::Vec};
use core::time::Duration;

use futures_util::future::join_all;

use crate::{
    bounds::TimeBounds,
    carry_out,
    memory::Memory,
    observation::{Lane, Observation},
    observe::{self, Loaded},
    plan::{Action, Plan, Urgency, plan},
    ports::{Clock, Entropy, Ports, SecretStore, WebhookPatcher},
    report::{Event, Report},
    settings::Settings,
    step_error::StepError,
    target::PatchError,
    told::Told,
};

/// Which actions to carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers choose one of the two")]
pub enum Duty {
    /// Every action.
    Lead,
    /// Only what the leader did not do: what is late at once, what is broken after half a minute.
    StandBy,
}

/// Keeps the certificates of one installation.
#[derive(Debug)]
pub struct Rotator {
    settings: Settings,
    memory: Memory,
    told: Told,
    known: Option<Observation>,
    /// When it was read, by the caller's monotonic clock.
    known_at: Duration,
}

/// The longest sleep: a clock may jump, and no deadline notices.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// When to read everything again: a store need not signal changes, and a watch may miss some.
const READ_AGAIN: Duration = Duration::from_secs(300);
/// How long a standby leaves something broken to the leader.
const PATIENCE: Duration = Duration::from_secs(30);

impl Rotator {
    /// Makes a rotator that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            memory: Memory::default(),
            told: Told::default(),
            known: None,
            known_at: Duration::ZERO,
        }
    }

    /// The settings that it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Forgets what was observed: the next step reads everything.
    pub fn invalidate(&mut self) {
        self.known = None;
    }

    /// The last observation, until it is invalidated.
    pub fn known(&self) -> Option<&Observation> {
        self.known.as_ref()
    }

    /// Makes one pass over all lanes. `elapsed` is the time since any fixed moment by a monotonic clock.
    pub async fn step<A, S, P, C, E>(
        &mut self,
        ports: &Ports<A, S, P, C, E>,
        duty: Duty,
        elapsed: Duration,
    ) -> Report
    where
        A: SecretStore,
        S: SecretStore,
        P: WebhookPatcher,
        C: Clock,
        E: Entropy,
    {
        let mut report = Report::new(LONGEST_SLEEP);
        // Asks for the time only if it is unknown so far, or something is due.
        let mut loaded = None;
        let is_old = elapsed.saturating_sub(self.known_at) >= READ_AGAIN;
        if is_old || self.memory.read_again_at().is_some_and(|at| elapsed >= at) {
            self.known = None;
        }
        if self.known.is_none() {
            loaded = Some(self.observe(ports, elapsed, &mut report).await);
        }
        if let (Some(known), Some(now)) = (&self.known, ports.clock.bounds()) {
            let plan = plan(&self.remembered(known, elapsed), &self.settings.policy, now);
            if self.due(&plan, duty, elapsed).is_empty() {
                return self.asleep(&plan, duty, elapsed, report);
            }
        }
        let now = match ports.clock.fresh().await {
            Ok(now) => now,
            Err(error) => {
                report.clock_failed(error);
                return report;
            }
        };
        let loaded = match loaded {
            Some(loaded) => loaded,
            None => self.observe(ports, elapsed, &mut report).await,
        };
        let Some(known) = &self.known else {
            return report;
        };
        let plan = plan(&self.remembered(known, elapsed), &self.settings.policy, now);
        let actions = self.due(&plan, duty, elapsed);
        if actions.is_empty() {
            return self.asleep(&plan, duty, elapsed, report);
        }
        let outcomes = carry_out_all(&self.settings, ports, &loaded, &actions, now).await;
        self.conclude(&plan, outcomes, elapsed, &mut report);
        report
    }

    /// Reads targets first, serving records next, the authority last, so that a decision never combines an old
    /// authority with a newer record.
    async fn observe<A, S, P, C, E>(
        &mut self,
        ports: &Ports<A, S, P, C, E>,
        elapsed: Duration,
        report: &mut Report,
    ) -> Loaded
    where
        A: SecretStore,
        S: SecretStore,
        P: WebhookPatcher,
    {
        let memory = &self.memory;
        let may_read = |lane: &Lane| !memory.must_not_read(lane, elapsed);
        let mut loaded = observe::load(&self.settings, ports, may_read).await;
        let observation = loaded.observation(&self.settings);
        self.memory.saw(&observation);
        report.foreign = self.told.foreign(&loaded, &observation);
        report.names_dropped = self.told.names_dropped(&observation);
        self.known = Some(observation);
        self.known_at = elapsed;
        for lane in loaded.read_records() {
            self.memory.read(&lane);
        }
        for (lane, error) in loaded.failures.drain(..) {
            self.memory.not_read(&lane, error.retry_after(), elapsed);
            report.failed(lane, StepError::Read(error));
        }
        for (lane, error) in loaded.unread_targets() {
            report.failed(lane, error);
        }
        loaded
    }

    fn remembered(&self, known: &Observation, elapsed: Duration) -> Observation {
        let mut observation = known.clone();
        self.memory.recall(&mut observation, elapsed);
        observation
    }

    /// The actions that this replica carries out now.
    fn due(&mut self, plan: &Plan, duty: Duty, elapsed: Duration) -> Vec<(Lane, Action)> {
        let pending: BTreeMap<Lane, Action> = plan
            .actions()
            .map(|(lane, action)| (lane.clone(), action.clone()))
            .collect();
        self.memory.pending(pending.keys(), elapsed);
        let due = |lane: &Lane, action: &Action| match (duty, action.urgency()) {
            (Duty::Lead, _) | (Duty::StandBy, Urgency::Late) => true,
            (Duty::StandBy, Urgency::Broken) => self.memory.pending_for(lane, elapsed) >= PATIENCE,
            (Duty::StandBy, Urgency::Routine) => false,
        };
        pending
            .into_iter()
            .filter(|(lane, action)| due(lane, action))
            .collect()
    }

    fn asleep(&self, plan: &Plan, duty: Duty, elapsed: Duration, mut report: Report) -> Report {
        report.decided(plan);
        if let Some(at) = self.memory.read_again_at() {
            report.wake_within(at.saturating_sub(elapsed));
        }
        if duty == Duty::StandBy
            && plan
                .actions()
                .any(|(_, action)| action.urgency() > Urgency::Routine)
        {
            report.wake_within(PATIENCE);
        }
        report
    }

    /// Marks a write that repaired an earlier one, since an administrator must make the other writer stop.
    fn remember_write(
        &mut self,
        action: &Action,
        mut event: Event,
        known: Option<&Observation>,
        elapsed: Duration,
    ) -> Event {
        match (action, &mut event) {
            (Action::Publish(publication), Event::Published(published)) => {
                let authority = known.and_then(|known| known.authority.present());
                published.is_repair =
                    authority.is_some_and(|it| self.memory.is_repair(publication, &it.roots()));
                let again = self.memory.published(publication, elapsed);
                let truce = self.memory.truce(&published.target);
                published.truce = truce.filter(|_| again && published.is_repair);
            }
            (Action::IssueLeaf(leaf), _) => self.memory.issued(&leaf.record, elapsed),
            _ => {}
        }
        event
    }

    fn conclude(
        &mut self,
        plan: &Plan,
        outcomes: Vec<(Lane, Action, Result<Event, StepError>)>,
        elapsed: Duration,
        report: &mut Report,
    ) {
        report.decided(plan);
        report.wake_within(Duration::ZERO);
        let known = self.known.take();
        for (lane, action, outcome) in outcomes {
            match outcome {
                Ok(event) => {
                    self.memory.succeeded(&lane);
                    let event = self.remember_write(&action, event, known.as_ref(), elapsed);
                    report.done(lane, event);
                }
                Err(StepError::Patch(PatchError::Paced { wait })) => {
                    let mut targets = known.iter().flat_map(|known| &known.targets);
                    let seen = targets.find(|it| Lane::Target(it.target.clone()) == lane);
                    if let Some(seen) = seen {
                        self.memory.paced(seen, wait, elapsed);
                    }
                }
                Err(error) => {
                    self.memory.failed(&lane, error.retry_after(), elapsed);
                    report.failed(lane, error);
                }
            }
        }
    }
}

async fn carry_out_all<A, S, P, C, E>(
    settings: &Settings,
    ports: &Ports<A, S, P, C, E>,
    loaded: &Loaded,
    actions: &[(Lane, Action)],
    now: TimeBounds,
) -> Vec<(Lane, Action, Result<Event, StepError>)>
where
    A: SecretStore,
    S: SecretStore,
    P: WebhookPatcher,
    C: Clock,
    E: Entropy,
{
    let carried_out = actions.iter().map(|(lane, action)| async move {
        let outcome = carry_out::carry_out(settings, ports, loaded, action, now).await;
        (lane.clone(), action.clone(), outcome)
    });
    join_all(carried_out).await
}
