//! What one controller process has at hand: what its watches have told it, its clock, and what becomes of its calls.

use std::{
    collections::BTreeSet,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
};

use certgen::UnixTime;
use rotator_core::TimeBounds;
use serde_json::Value;
use webhook_inject::{ObjectView, Selector, TargetKind};

use crate::{chance::Chance, cluster::Cluster, fate::Fate};

#[derive(Debug)]
pub(crate) struct Desk {
    /// By target: what the watch last told.
    pub(crate) heard: Vec<Option<ObjectView>>,
    /// The cluster's revision then.
    pub(crate) heard_until: u64,
    bounds: TimeBounds,
    /// How many seconds less the clock says at each reading.
    back: i64,
    /// Whether an answer has told the time since the process began.
    pub(crate) knows_time: bool,
    pub(crate) chance: Chance,
    /// The targets that the process's flags do not name.
    pub(crate) unlisted: BTreeSet<usize>,
    /// The cluster's revision when the present step began.
    pub(crate) since: u64,
    fates: Vec<(u8, Fate)>,
    calls: u8,
    hanging: u32,
    released: u32,
}

impl Desk {
    pub(crate) fn new(chance: Chance) -> Self {
        Self {
            heard: Vec::new(),
            heard_until: 0,
            bounds: TimeBounds::exactly(UnixTime::from_secs(0)),
            back: 0,
            unlisted: BTreeSet::new(),
            knows_time: false,
            chance,
            since: 0,
            fates: Vec::new(),
            calls: 0,
            hanging: 0,
            released: 0,
        }
    }

    /// From now on the clock says this, and at each reading `back` seconds less.
    pub(crate) fn set_clock(&mut self, bounds: TimeBounds, back: i64) {
        self.bounds = bounds;
        self.back = back;
    }

    /// What the clock said last; none if it has told nothing yet.
    pub(crate) fn told(&self) -> Option<TimeBounds> {
        self.knows_time.then_some(self.bounds)
    }

    pub(crate) fn read_clock(&mut self) -> TimeBounds {
        self.bounds = shifted(self.bounds, self.back.saturating_neg());
        self.bounds
    }

    /// A step begins: its calls are counted from 0.
    pub(crate) fn begin(&mut self, fates: &[(u8, Fate)], since: u64) {
        self.fates = fates.to_vec();
        self.calls = 0;
        self.since = since;
    }

    /// Hanging calls get their answers.
    pub(crate) fn release(&mut self) {
        self.released = self.hanging;
        self.fates.clear();
    }

    /// What becomes of the next call.
    pub(crate) fn fate(&mut self) -> Option<Fate> {
        let call = self.calls;
        self.calls = self.calls.saturating_add(1);
        let fated = self.fates.iter().find(|(at, _)| *at == call);
        fated.map(|(_, fate)| *fate)
    }

    /// The watches tell how every target stands now.
    pub(crate) fn hear(&mut self, cluster: &Cluster) {
        self.heard_until = cluster.revision;
        let targets = cluster.targets.iter();
        self.heard = targets
            .map(|target| {
                target
                    .current
                    .as_ref()
                    .map(|object| view(target.kind, object))
            })
            .collect();
    }
}

/// Both bounds so many seconds later.
pub(crate) fn shifted(bounds: TimeBounds, by: i64) -> TimeBounds {
    let later = |time: UnixTime| UnixTime::from_secs(time.as_secs().saturating_add(by));
    TimeBounds::new(later(bounds.earliest()), later(bounds.latest()))
}

pub(crate) fn view(kind: TargetKind, object: &Value) -> ObjectView {
    let ours = Selector::of_service("guard-system", "guard");
    webhook_inject::view(kind, object, &ours)
        .expect("the simulated API server answers whole objects")
}

/// Shared by the ports of one controller. Never contended: a world lives in one thread.
#[derive(Clone, Debug)]
pub(crate) struct SharedDesk(Arc<Mutex<Desk>>);

impl SharedDesk {
    pub(crate) fn new(desk: Desk) -> Self {
        Self(Arc::new(Mutex::new(desk)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().expect("no thread has failed")
    }

    /// Waits until the step is told to go on.
    pub(crate) fn hang(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut desk = self.lock();
        desk.hanging += 1;
        Hang {
            desk: self.clone(),
            ticket: desk.hanging,
        }
    }
}

struct Hang {
    desk: SharedDesk,
    ticket: u32,
}

impl Future for Hang {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.desk.lock().released >= self.ticket {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
