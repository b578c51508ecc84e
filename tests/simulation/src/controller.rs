//! One controller process around the real [`Rotator`].

use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use certgen::ServerNames;
use rotator_core::{Duty, Policy, Report, Rotator, ServingSettings, Settings, TimeBounds, plan};

use crate::{
    chance::Chance,
    cluster::SecretId,
    desk::{Desk, SharedDesk},
    ports::{Connection, SharedCluster, SimulatedPorts},
    script::{ControllerSetup, Installation, Rules, Run},
};

/// The name by which every caller calls.
pub(crate) const NAME: &str = "guard.guard-system.svc";

pub(crate) struct Controller {
    setup: ControllerSetup,
    connection: Connection,
    ports: Arc<SimulatedPorts>,
    chance: Chance,
    /// Empty while a step is under way.
    home: Rc<Cell<Option<Rotator>>>,
    step: Option<Step>,
    /// By the clock that never jumps, since the process began.
    elapsed: Duration,
    last_run: i64,
    /// Something changed since the last step began.
    has_news: bool,
}

type Step = Pin<Box<dyn Future<Output = Report>>>;

/// How a run ended.
pub(crate) enum Ran {
    /// With these steps' reports, the last first.
    Through(Report),
    /// A call hangs.
    Hangs,
}

impl Controller {
    pub(crate) fn new(
        index: usize,
        setup: &ControllerSetup,
        installation: &Installation,
        cluster: &SharedCluster,
        mut chance: Chance,
    ) -> Self {
        let desk = SharedDesk::new(Desk::new(chance.fork()));
        let connection = Connection {
            controller: index,
            cluster: cluster.clone(),
            desk,
            secrets: Arc::new(secrets(setup.installation, installation.records)),
        };
        let mut controller = Self {
            setup: setup.clone(),
            ports: Arc::new(connection.ports()),
            connection,
            chance,
            home: Rc::default(),
            step: None,
            elapsed: Duration::ZERO,
            last_run: 0,
            has_news: false,
        };
        controller.restart(installation);
        controller
    }

    pub(crate) fn installation(&self) -> usize {
        self.setup.installation
    }

    /// Which other name the next process wants.
    pub(crate) fn want(&mut self, extra: Option<u8>) {
        self.setup.extra_name = extra;
    }

    pub(crate) fn wants(&self) -> Option<u8> {
        self.setup.extra_name
    }

    /// The process ends, and another one begins, which knows nothing.
    pub(crate) fn restart(&mut self, installation: &Installation) {
        self.step = None;
        let mut desk = Desk::new(self.chance.fork());
        desk.hear(&self.connection.cluster.lock());
        desk.unlisted.clone_from(&installation.unlisted);
        self.connection.desk = SharedDesk::new(desk);
        self.ports = Arc::new(self.connection.ports());
        self.home = Rc::new(Cell::new(Some(Rotator::new(self.settings(installation)))));
        self.elapsed = Duration::ZERO;
    }

    /// The step that is under way is dropped; the process goes on.
    pub(crate) fn drop_step(&mut self) {
        self.step = None;
    }

    /// One step, or the rest of the one that hangs.
    pub(crate) fn step(&mut self, run: &Run, now: i64) -> Ran {
        if self.step.is_none() {
            self.begin(run, now);
        } else {
            self.connection.desk.lock().release();
        }
        let step = self.step.as_mut().expect("begun above");
        match step.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Ran::Hangs,
            Poll::Ready(report) => {
                self.step = None;
                Ran::Through(report)
            }
        }
    }

    pub(crate) fn hangs(&self) -> bool {
        self.step.is_some()
    }

    /// From now on its clock says this, and at each reading `back` seconds less.
    pub(crate) fn set_clock(&self, bounds: TimeBounds, back: i64) {
        self.connection.desk.lock().set_clock(bounds, back);
    }

    /// What its clock said last; none if it has told nothing yet.
    pub(crate) fn told(&self) -> Option<TimeBounds> {
        self.connection.desk.lock().told()
    }

    /// How long until the next decision, as far as the controller knows.
    pub(crate) fn wait(&self, bounds: TimeBounds) -> Option<Duration> {
        let rotator = self.home.take()?;
        let policy = &rotator.settings().policy;
        let wait = rotator
            .known()
            .and_then(|known| plan(known, policy, bounds).wake_after());
        self.home.set(Some(rotator));
        wait
    }

    /// The watches tell of every change.
    pub(crate) fn hear(&mut self) {
        let cluster = self.connection.cluster.lock();
        let mut desk = self.connection.desk.lock();
        if desk.heard_until == cluster.revision {
            return;
        }
        desk.hear(&cluster);
        drop(cluster);
        drop(desk);
        self.has_news = true;
    }

    fn begin(&mut self, run: &Run, now: i64) {
        let passed = now.saturating_sub(self.last_run).max(0).unsigned_abs();
        let passed = Duration::from_secs(passed);
        self.elapsed += if run.slept { passed.min(NAP) } else { passed };
        self.last_run = now;
        let since = self.connection.cluster.lock().revision;
        self.connection.desk.lock().begin(&run.fates, since);
        let duty = if run.stands_by {
            Duty::StandBy
        } else {
            Duty::Lead
        };
        let mut borrowed = Borrowed::take(&self.home);
        if std::mem::take(&mut self.has_news) {
            borrowed.rotator().invalidate();
        }
        let ports = Arc::clone(&self.ports);
        let elapsed = self.elapsed;
        self.step = Some(Box::pin(async move {
            borrowed.rotator().step(&*ports, duty, elapsed).await
        }));
    }

    fn settings(&self, installation: &Installation) -> Settings {
        let number = self.setup.installation;
        let serving = (0..installation.records).map(|record| ServingSettings {
            record: SecretId::Serving {
                installation: number,
                record,
            }
            .name(),
            names: names(self.setup.extra_name),
        });
        let Rules {
            durations,
            algorithm,
        } = installation.rules;
        Settings {
            subject: format!("guard-{number}.guard-system"),
            authority: SecretId::Authority {
                installation: number,
            }
            .name(),
            serving: serving.collect(),
            policy: Policy::new(durations, algorithm).expect("scripts have valid policies"),
        }
    }
}

impl fmt::Debug for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controller")
            .field("setup", &self.setup)
            .field("hangs", &self.hangs())
            .finish_non_exhaustive()
    }
}

/// How much of a sleep the clock that never jumps notices.
const NAP: Duration = Duration::from_secs(60);

fn names(extra: Option<u8>) -> ServerNames {
    let extra = extra.map(|number| format!("guard-{number}.guard-system.svc"));
    let dns = [NAME.to_owned()].into_iter().chain(extra);
    ServerNames::new(dns.map(|name| name.parse().expect("a DNS name")), []).expect("not empty")
}

fn secrets(installation: usize, records: usize) -> BTreeMap<rotator_core::RecordName, SecretId> {
    let serving = (0..records).map(|record| SecretId::Serving {
        installation,
        record,
    });
    [SecretId::Authority { installation }]
        .into_iter()
        .chain(serving)
        .map(|id| (id.name(), id))
        .collect()
}

/// A rotator on loan to a step: it goes home when the step ends, or is dropped.
struct Borrowed {
    rotator: Option<Rotator>,
    home: Rc<Cell<Option<Rotator>>>,
}

impl Borrowed {
    fn take(home: &Rc<Cell<Option<Rotator>>>) -> Self {
        Self {
            rotator: home.take(),
            home: Rc::clone(home),
        }
    }

    fn rotator(&mut self) -> &mut Rotator {
        self.rotator.as_mut().expect("one step at a time")
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        self.home.set(self.rotator.take());
    }
}
