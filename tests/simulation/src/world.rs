//! One simulated life: plays a script, and has everything judged after every event.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use certgen::UnixTime;
use rotator_core::{Decision, Report, TimeBounds, Why};

use crate::{
    chance::Chance,
    cluster::{SecretId, Writer},
    controller::{Controller, Ran},
    judge::{Bench, Calls, Clocks, Judge, Verdict, demand, verdict::Violation},
    ports::SharedCluster,
    readers::{Caller, Replica},
    script::{DAY, Event, Installation, Run, START, Script},
    tally::Tally,
};

/// How a simulated life went.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// What was counted until the end, or until the violation.
    pub tally: Tally,
    /// The same for the same seed, whatever the certificates' bytes are.
    pub course: u64,
    /// What was broken first, and after which event of the script.
    pub violation: Option<(usize, Violation)>,
}

/// Plays the life of `seed`.
pub fn simulate(seed: u64) -> Outcome {
    play(&crate::generate::script(seed))
}

pub(crate) fn play(script: &Script) -> Outcome {
    let mut world = World::new(script);
    let mut violation = None;
    for (number, timed) in script.events.iter().enumerate() {
        let verdict = world.happen(timed.at, &timed.event);
        world.tally.events += 1;
        if let Err(found) = verdict {
            violation = Some((number, found));
            break;
        }
    }
    if violation.is_none() {
        let last = world.calls_until(script.end);
        violation = last.err().map(|found| (script.events.len(), found));
    }
    world.conclude(violation)
}

pub(crate) struct World {
    now: i64,
    cluster: SharedCluster,
    installations: Vec<Installation>,
    controllers: Vec<Controller>,
    judge: Judge,
    bench: Bench,
    calls: Calls,
    tally: Tally,
    course: DefaultHasher,
}

impl World {
    fn new(script: &Script) -> Self {
        let setup = &script.setup;
        let cluster = SharedCluster::default();
        for kind in &setup.targets {
            cluster.lock().add_target(*kind);
        }
        for index in 0..setup.targets.len() {
            cluster.lock().create_target(index, None);
        }
        let mut chance = Chance::new(script.seed);
        let controllers = setup.controllers.iter().enumerate();
        let controllers = controllers.map(|(index, controller)| {
            let installation = &setup.installations[controller.installation];
            Controller::new(index, controller, installation, &cluster, chance.fork())
        });
        let bench = Bench {
            callers: setup
                .callers
                .iter()
                .map(|offset| Caller {
                    offset: *offset,
                    seen: vec![0; setup.targets.len()],
                })
                .collect(),
            replicas: setup
                .replicas
                .iter()
                .map(|replica| Replica::new(replica.installation, replica.record))
                .collect(),
            unwritable: std::collections::BTreeSet::new(),
            assured_until: vec![i64::MIN; setup.installations.len()],
            window: None,
        };
        let controllers = controllers.collect();
        Self {
            now: START,
            cluster,
            installations: setup.installations.clone(),
            controllers,
            judge: Judge::new(setup),
            bench,
            calls: Calls::default(),
            tally: Tally::default(),
            course: DefaultHasher::new(),
        }
    }

    /// Judges every call until then, from the last event on, and what the event does.
    fn happen(&mut self, at: i64, event: &Event) -> Verdict {
        self.calls_until(at)?;
        match event {
            Event::Run(run) => self.run(run)?,
            Event::Crash { controller } => self.crash(*controller),
            Event::Drop { controller } => {
                let index = controller % self.controllers.len();
                self.controllers[index].drop_step();
            }
            Event::Look { caller, back } => self.look(*caller, *back),
            Event::Take { replica, back } => self.take(*replica, *back),
        }
        self.judge_writes(None)
    }

    fn calls_until(&mut self, at: i64) -> Verdict {
        let before = self.now;
        self.now = at.max(before);
        self.judge
            .calls(&self.bench, (before, self.now), &mut self.calls)
    }

    fn run(&mut self, run: &Run) -> Verdict {
        let index = run.controller % self.controllers.len();
        let now = UnixTime::from_secs(self.now);
        let bounds = TimeBounds::new(
            UnixTime::from_secs(now.as_secs().saturating_sub(run.before)),
            UnixTime::from_secs(now.as_secs().saturating_add(run.after)),
        );
        self.controllers[index].set_bounds(bounds);
        if run.hears {
            self.controllers[index].hear();
        }
        for _ in 0..run.rounds {
            let ran = self.controllers[index].step(run, self.now);
            self.judge_writes(Some(index))?;
            let Ran::Through(report) = ran else {
                self.tally.count("calls that hang");
                return Ok(());
            };
            self.note(&report);
            if report.done.is_empty() {
                return self.settled(index, run, &report);
            }
        }
        demand(!run.is_clean(), "I9", || {
            "a controller does not settle".to_owned()
        })
    }

    /// After a run in which nothing went wrong, all that may be written is as it should be.
    fn settled(&mut self, index: usize, run: &Run, report: &Report) -> Verdict {
        let held = |decision: &Decision| {
            matches!(decision, Decision::Wait(Why::FailedLately | Why::Undone))
        };
        let is_held = report.decisions.iter().any(|(_, decision)| held(decision));
        if !run.is_clean() || is_held || report.clock.is_some() {
            return Ok(());
        }
        let number = self.controllers[index].installation();
        let installation = &self.installations[number];
        let durations = installation.rules.durations;
        let reserve = i64::try_from(durations.leaf_renew_before.as_secs() / 2).expect("fits");
        self.bench.assured_until[number] = self.now + reserve;
        for record in 0..installation.records {
            let id = SecretId::Serving {
                installation: number,
                record,
            };
            let newest = self.judge.newest(id);
            let end = newest.map(|chain| self.judge.shelf.leaf(chain).not_after);
            let is_well = end.is_some_and(|end| end >= self.now + reserve);
            demand(
                is_well || self.bench.unwritable.contains(&id),
                "availability",
                || {
                    format!(
                        "a controller settled at {} with a leaf that ends at {end:?}",
                        self.now
                    )
                },
            )?;
        }
        Ok(())
    }

    fn crash(&mut self, controller: usize) {
        let index = controller % self.controllers.len();
        let number = self.controllers[index].installation();
        self.controllers[index].restart(&self.installations[number]);
        self.tally.count("crashes");
    }

    fn look(&mut self, caller: usize, back: usize) {
        let index = caller % self.bench.callers.len();
        for (target, history) in self.judge.targets.iter().enumerate() {
            self.bench.callers[index].look(target, history.versions.len(), back);
        }
    }

    fn take(&mut self, replica: usize, back: usize) {
        let index = replica % self.bench.replicas.len();
        let replica = &mut self.bench.replicas[index];
        let id = SecretId::Serving {
            installation: replica.installation,
            record: replica.record,
        };
        let Some(history) = self.judge.serving.get(&id) else {
            return;
        };
        replica.take(&history.versions, back, &self.judge.shelf, self.now);
        if let (Some(chain), false) = (replica.in_hand, replica.is_ready) {
            replica.is_ready = self.judge.is_trusted(chain, self.now);
        }
    }

    fn judge_writes(&mut self, by: Option<usize>) -> Verdict {
        let changes = std::mem::take(&mut self.cluster.lock().changes);
        for change in changes {
            let installation = match change.by {
                Writer::Controller(index) => self.controllers[index].installation(),
                Writer::Foreign => 0,
            };
            let rules = self.installations[installation].rules;
            let offsets = self.bench.callers.iter().map(|caller| caller.offset);
            let clocks = Clocks {
                slowest: self.now + offsets.clone().min().unwrap_or_default(),
                fastest: self.now + offsets.max().unwrap_or_default(),
                allowance: i64::try_from(rules.durations.clock_allowance.as_secs()).expect("fits"),
                lied: false,
            };
            self.judge.saw(&change, clocks)?;
            (self.now, by).hash(&mut self.course);
        }
        Ok(())
    }

    fn note(&mut self, report: &Report) {
        for (lane, event) in &report.done {
            (self.now, lane.to_string(), event.to_string()).hash(&mut self.course);
        }
        for (lane, error) in &report.failed {
            (self.now, lane.to_string(), error.to_string()).hash(&mut self.course);
            self.tally.count("failed reads and writes");
        }
    }

    fn conclude(mut self, violation: Option<(usize, Violation)>) -> Outcome {
        let writes = self.judge.writes;
        for (what, count) in [
            ("authority records written", writes.authorities),
            ("promotions", writes.promotions),
            ("leaves issued", writes.leaves),
            ("bundles published", writes.bundles),
        ] {
            self.tally.counted.insert(what, count);
        }
        self.tally.seeds = 1;
        self.tally.days = (self.now - START).unsigned_abs() / DAY.unsigned_abs();
        self.tally.verified = self.calls.verified;
        self.tally.signatures = self.judge.shelf.signatures;
        let refused = self.calls.refused.iter();
        self.tally.refused = refused
            .map(|(reason, count)| (format!("{reason:?}"), *count))
            .collect();
        (self.calls.verified, &self.tally.refused).hash(&mut self.course);
        Outcome {
            tally: self.tally,
            course: self.course.finish(),
            violation,
        }
    }
}
