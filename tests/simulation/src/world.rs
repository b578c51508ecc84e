//! One simulated life: plays a script, and has everything judged after every event.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash as _},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use certgen::UnixTime;
use rotator_core::{Decision, Lane, Report, TargetRef, TimeBounds, Why};

use crate::{
    attack::Attacker,
    chance::Chance,
    cluster::{Change, Content, Entries, SecretId, Writer},
    controller::{Controller, Ran},
    desk::shifted,
    judge::{Bench, Calls, Clocks, Judge, Verdict, demand, verdict::Violation},
    ports::SharedCluster,
    readers::{Caller, Replica},
    residuals::{accounted_by, accounted_from_the_start, ends_the_promise, promise},
    script::{DAY, Event, Installation, Lie, Run, START, Script, Timed},
    taken_over,
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

/// Plays a script and tells each event, and what came of it.
pub(crate) fn tell(script: &Script) -> (Outcome, Vec<String>) {
    let mut world = World::new(script);
    world.story = Some(Vec::new());
    let violation = world.live(script);
    let story = world.story.take().unwrap_or_default();
    (world.conclude(violation), story)
}

/// The calls of the life of `seed`, one of each `each`.
#[cfg(test)]
pub(crate) fn calls(seed: u64, each: u64) -> Vec<crate::judge::Call> {
    let script = crate::generate::script(seed);
    let mut world = World::new(&script);
    world.calls.keep_each = each;
    world.live(&script);
    world.calls.kept
}

/// Plays a script. Code that panics, on whatever clock value, breaks a promise like any other.
pub(crate) fn play(script: &Script) -> Outcome {
    let mut world = World::new(script);
    let lived = catch_unwind(AssertUnwindSafe(|| world.live(script)));
    let violation = lived.unwrap_or_else(|_| {
        let event = usize::try_from(world.tally.events).expect("fits");
        Some((event, Violation::new("total", "the program panicked")))
    });
    world.conclude(violation)
}

pub(crate) struct World {
    pub(crate) now: i64,
    pub(crate) cluster: SharedCluster,
    pub(crate) installations: Vec<Installation>,
    pub(crate) controllers: Vec<Controller>,
    pub(crate) judge: Judge,
    pub(crate) bench: Bench,
    /// By installation: every authority record that a controller wrote.
    pub(crate) backups: Vec<Vec<Entries>>,
    /// What happens as soon as a rotation is in progress.
    pub(crate) waiting: Vec<Event>,
    pub(crate) is_strict: bool,
    pub(crate) attacker: Option<Attacker>,
    /// Whether a controller may hold the Lease.
    pub(crate) is_led: bool,
    pub(crate) calls: Calls,
    pub(crate) tally: Tally,
    pub(crate) course: DefaultHasher,
    /// What happened, in words; none if nobody wants to know.
    story: Option<Vec<String>>,
}

impl Bench {
    fn new(script: &Script) -> Self {
        let setup = &script.setup;
        Self {
            callers: setup
                .callers
                .iter()
                .map(|offset| Caller {
                    offset: *offset,
                    seen: vec![0; setup.targets.len()],
                    looked_at: i64::MIN,
                })
                .collect(),
            replicas: setup
                .replicas
                .iter()
                .map(|replica| Replica::new(replica.installation, replica.record))
                .collect(),
            unwritable: BTreeSet::new(),
            fought: BTreeMap::new(),
            forbidden: BTreeSet::new(),
            assured_until: BTreeMap::new(),
            promise: promise(script),
            unlisted: setup
                .installations
                .iter()
                .map(|installation| installation.unlisted.clone())
                .collect(),
            accounted: accounted_from_the_start(setup),
            was_leaderless: false,
            lied_since: None,
            misled: BTreeSet::new(),
            sane_since: Some(i64::MIN),
        }
    }
}

impl World {
    /// Plays the script to its end, or until something is broken.
    pub(crate) fn live(&mut self, script: &Script) -> Option<(usize, Violation)> {
        let mut violation = None;
        for (number, timed) in script.events.iter().enumerate() {
            let next = script.events.get(number + 1);
            let next = next.map_or(script.end, |timed| timed.at);
            let at = self.moment(timed, next);
            if let Some(story) = &mut self.story {
                story.push(line(at, &timed.event));
            }
            let verdict = self.happen(at, &timed.event);
            self.tally.events += 1;
            if let Err(found) = verdict {
                violation = Some((number, found));
                break;
            }
        }
        if violation.is_none() {
            let last = self.calls_until(script.end);
            violation = last.err().map(|found| (script.events.len(), found));
        }
        self.count_life(script);
        violation
    }

    pub(crate) fn new(script: &Script) -> Self {
        let setup = &script.setup;
        let cluster = SharedCluster::default();
        for kind in &setup.targets {
            cluster.lock().add_target(*kind);
        }
        for index in 0..setup.targets.len() {
            cluster.lock().create_target(index, None);
        }
        let mut chance = Chance::new(script.seed);
        let judge = Judge::new(setup);
        if let Some(left) = setup.taken_over {
            taken_over::prepare(&cluster, left, &mut chance);
        }
        let controllers = setup.controllers.iter().enumerate();
        let controllers = controllers.map(|(index, controller)| {
            let installation = &setup.installations[controller.installation];
            Controller::new(index, controller, installation, &cluster, chance.fork())
        });
        let controllers = controllers.collect();
        let mut world = Self {
            now: START,
            cluster,
            installations: setup.installations.clone(),
            controllers,
            judge,
            bench: Bench::new(script),
            backups: vec![Vec::new(); setup.installations.len()],
            waiting: Vec::new(),
            is_strict: setup.is_strict,
            attacker: None,
            is_led: true,
            calls: Calls::default(),
            tally: Tally::default(),
            course: DefaultHasher::new(),
            story: None,
        };
        world
            .judge_writes(None)
            .expect("only others have written yet");
        if setup.taken_over.is_some() {
            world.judge.acknowledge_stranger(taken_over::SERVING);
        }
        world
    }

    /// When an event happens: a run that aims waits for the controller's next decision, but not beyond `next`.
    fn moment(&self, timed: &Timed, next: i64) -> i64 {
        let Event::Run(run) = &timed.event else {
            return timed.at;
        };
        let index = run.controller % self.controllers.len();
        let due = run.aim.and_then(|aim| {
            let (bounds, _) = self.clock(run);
            let wait = self.controllers[index].wait(bounds)?;
            Some(self.now.saturating_add(seconds(wait)).saturating_add(aim))
        });
        due.map_or(timed.at, |due| due.clamp(timed.at, next.max(timed.at)))
    }

    /// What the controller's clock says in this run, and how much less at each reading.
    fn clock(&self, run: &Run) -> (TimeBounds, i64) {
        let time = UnixTime::from_secs;
        let truth = TimeBounds::new(
            time(self.now.saturating_sub(run.before)),
            time(self.now.saturating_add(run.after)),
        );
        let controller = &self.controllers[run.controller % self.controllers.len()];
        let told = || controller.told().unwrap_or(truth);
        match run.lie {
            None => (truth, 0),
            Some(Lie::Says(one, other)) => (TimeBounds::new(time(one), time(other)), 0),
            Some(Lie::Due(late)) => {
                let wait = controller.wait(told()).map_or(0, seconds);
                (shifted(told(), wait.saturating_add(late)), 0)
            }
            Some(Lie::Back(back)) => (told(), back),
        }
    }

    /// Judges every call until then, from the last event on, and what the event does.
    fn happen(&mut self, at: i64, event: &Event) -> Verdict {
        self.calls_until(at)?;
        self.act(event)?;
        self.carry_out_what_waits()
    }

    pub(crate) fn act(&mut self, event: &Event) -> Verdict {
        self.bench.accounted.extend(accounted_by(event));
        if ends_the_promise(event) {
            self.bench.promise = None;
        }
        self.count(event);
        match event {
            Event::Run(run) => self.run(run)?,
            Event::Crash { controller } => self.crash(*controller),
            Event::Drop { controller } => {
                let index = controller % self.controllers.len();
                self.controllers[index].drop_step();
            }
            Event::Look { caller, back } => self.look(*caller, *back),
            Event::Take { replica, back } => self.take(*replica, *back),
            Event::Rules { .. }
            | Event::Names { .. }
            | Event::Delist { .. }
            | Event::Enlist { .. } => self.restart_with_other_flags(event),
            Event::InMidRotation(event) => self.waiting.push(Event::clone(event)),
            _ => self.interfere(event),
        }
        self.judge_writes(None)
    }

    fn calls_until(&mut self, at: i64) -> Verdict {
        let before = self.now;
        self.now = at.max(before);
        if self.bench.promise.is_some() {
            self.judge.note_whole(self.now, self.is_strict);
        }
        self.judge
            .calls(&self.bench, (before, self.now), &mut self.calls)
    }

    fn run(&mut self, run: &Run) -> Verdict {
        let stands_by = run.stands_by || !self.is_led;
        let run = &Run {
            stands_by,
            ..run.clone()
        };
        let index = run.controller % self.controllers.len();
        let number = self.controllers[index].installation();
        let targets = 0..self.judge.targets.len();
        self.judge.unreachable = targets
            .filter(|target| self.bench.is_unattended(*target, number))
            .collect();
        let (bounds, back) = self.clock(run);
        self.controllers[index].set_clock(bounds, back);
        self.count_run(run);
        if run.lie.is_some() {
            self.bench.sane_since = None;
            self.bench.misled.insert(number);
            self.bench.lied_since.get_or_insert(self.now);
        }
        if run.hears {
            self.controllers[index].hear();
        }
        for _ in 0..run.rounds {
            let goes_on = self.controllers[index].hangs();
            let ran = self.controllers[index].step(run, self.now);
            self.judge_writes(Some(run))?;
            self.fight_back();
            self.judge_writes(None)?;
            let Ran::Through(report) = ran else {
                self.tally.count("steps that hang");
                return Ok(());
            };
            self.note(&report);
            if report.done.is_empty() && !goes_on {
                return self.settled(index, run, &report);
            }
        }
        // At each step another time, perhaps before the newest root starts: there is always something to do.
        let runs_backwards = matches!(run.lie, Some(Lie::Back(1..)));
        let may_go_on = run.rounds < 12
            || !run.fates.is_empty()
            || !self.bench.fought.is_empty()
            || runs_backwards;
        demand(may_go_on, "I9", || {
            "a controller does not settle".to_owned()
        })
    }

    /// After a run in which nothing went wrong, all that may be written is as it should be.
    fn settled(&mut self, index: usize, run: &Run, report: &Report) -> Verdict {
        let number = self.controllers[index].installation();
        let records = self.installations[number].records;
        let is_well = |lane: &Lane| {
            let decided = report.decisions.iter().find(|(decided, _)| decided == lane);
            let waits_well = decided.is_some_and(|(_, decision)| is_good_wait(decision));
            waits_well && report.failed.iter().all(|(failed, _)| failed != lane)
        };
        if !run.is_clean() || report.clock.is_some() || !is_well(&Lane::Authority) {
            return Ok(());
        }
        self.bench.misled.remove(&number);
        if self.bench.sane_since.is_none() && self.bench.misled.is_empty() {
            self.bench.sane_since = Some(self.now);
            self.judge.recovered();
        }
        for record in 0..records {
            let id = SecretId::Serving {
                installation: number,
                record,
            };
            if is_well(&Lane::Serving(id.name())) && !self.bench.unwritable.contains(&id) {
                self.leaf_is_well(id, number)?;
                // Where a target cannot be read, its callers may rely on any leaf.
                if self.judge.unreachable.is_empty() {
                    self.judge.record_is_repaired(id, self.now)?;
                }
            }
        }
        for target in 0..self.judge.targets.len() {
            let name = self.target_name(target);
            if is_well(&Lane::Target(name)) && !self.judge.unreachable.contains(&target) {
                self.judge.holds_every_root(target, number)?;
                self.judge.is_repaired(target, number)?;
            }
        }
        Ok(())
    }

    fn leaf_is_well(&mut self, id: SecretId, installation: usize) -> Verdict {
        let durations = self.installations[installation].rules.durations;
        let reserve = seconds(durations.leaf_renew_before) / 2;
        self.bench.assured_until.insert(id, self.now + reserve);
        let newest = self.judge.newest(id);
        let end = newest.map(|chain| self.judge.shelf.leaf(chain).not_after);
        demand(
            end.is_some_and(|end| end >= self.now + reserve),
            "availability",
            || {
                format!(
                    "a controller settled at {} with a leaf that ends at {end:?}",
                    self.now
                )
            },
        )
    }

    fn target_name(&self, index: usize) -> TargetRef {
        let cluster = self.cluster.lock();
        let target = &cluster.targets[index];
        TargetRef::new(target.kind.as_str(), &target.name)
    }

    pub(crate) fn crash(&mut self, controller: usize) {
        let index = controller % self.controllers.len();
        let number = self.controllers[index].installation();
        self.controllers[index].restart(&self.installations[number]);
    }

    /// What stands in a target after it was emptied is an attacker's doing until a controller comes.
    pub(crate) fn is_emptied_after_an_attack(&mut self, target: usize) {
        self.judge_writes(None)
            .expect("nothing is demanded of others");
        if let Some(present) = self.judge.targets[target].versions.last_mut() {
            present.is_attack = true;
        }
    }

    fn look(&mut self, caller: usize, back: usize) {
        let index = caller % self.bench.callers.len();
        if back == 0 {
            self.bench.callers[index].looked_at = self.now;
        }
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
            let unlisted = &self.bench.unlisted[replica.installation];
            replica.is_ready = self.judge.is_trusted(chain, self.now, unlisted);
        }
    }

    fn judge_writes(&mut self, by: Option<&Run>) -> Verdict {
        let changes = std::mem::take(&mut self.cluster.lock().changes);
        for change in changes {
            let clocks = self.clocks(&change, by);
            self.judge.saw(&change, clocks)?;
            if let (Content::Secret(SecretId::Authority { installation }, Some(entries)), Some(_)) =
                (&change.content, by)
            {
                self.backups[*installation].push(Arc::clone(entries));
            }
            (self.now, by.is_some()).hash(&mut self.course);
        }
        Ok(())
    }

    fn clocks(&self, change: &Change, by: Option<&Run>) -> Clocks {
        let installation = match change.by {
            Writer::Controller(index) => self.controllers[index].installation(),
            Writer::Foreign | Writer::Attacker => 0,
        };
        let durations = self.installations[installation].rules.durations;
        let offsets = self.bench.callers.iter().map(|caller| caller.offset);
        Clocks {
            now: self.now,
            slowest: self.now + offsets.clone().min().unwrap_or_default(),
            fastest: self.now + offsets.max().unwrap_or_default(),
            allowance: seconds(durations.clock_allowance),
            latest: self.now.saturating_add(by.map_or(0, |run| run.after)),
            dwell: seconds(durations.dwell),
            reserve: seconds(durations.leaf_renew_before) / 2,
            is_deaf: by.is_some_and(|run| !run.hears),
            lied: self.bench.sane_since.is_none(),
        }
    }

    fn note(&mut self, report: &Report) {
        if let Some(story) = &mut self.story {
            let done = report.done.iter().map(|(_, event)| format!("    {event}"));
            let failed = report.failed.iter().map(|(lane, error)| {
                let source = std::error::Error::source(error).map(ToString::to_string);
                format!("    {lane}: {error}: {}", source.unwrap_or_default())
            });
            story.extend(done.chain(failed));
        }
        for (lane, event) in &report.done {
            (self.now, lane.to_string(), event.to_string()).hash(&mut self.course);
        }
        for (lane, error) in &report.failed {
            (self.now, lane.to_string(), error.to_string()).hash(&mut self.course);
            self.tally.count("failed reads and writes");
        }
    }
}

fn line(at: i64, event: &Event) -> String {
    let passed = at - START;
    let (day, second) = (passed / DAY, passed % DAY);
    format!("day {day:5} + {second:5} s: {event:?}")
}

pub(crate) fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

/// Whether a lane waits because there is nothing to do.
fn is_good_wait(decision: &Decision) -> bool {
    match decision {
        Decision::Act(_) => false,
        Decision::Wait(why) => matches!(
            why,
            Why::Settled | Why::Dwelling | Why::ForeignLeaf | Why::NothingBetter
        ),
    }
}
