//! The accounts of connections and bodies, shared by all tasks of one server.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, oneshot, watch},
    time::Instant,
};

use super::{
    bodies::{Bodies, BodyId, NoRoom},
    connections::{ConnectionId, Connections, Order, Progress, RequestId},
    counts::Counts,
    limits::Limits,
};

/// Shared by all tasks of one server.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) limits: Limits,
    pub(super) counts: Counts,
    began: Instant,
    connections: Mutex<Desk<Connections, ConnectionId, watch::Sender<Order>>>,
    bodies: Mutex<Desk<Bodies, BodyId, oneshot::Sender<()>>>,
    /// Notified when a connection is gone.
    gone: Notify,
    /// Notified when a body has ended.
    ended: Notify,
}

/// An account, and how to reach the tasks of its members.
#[derive(Debug)]
struct Desk<A, I, T> {
    account: A,
    tell: BTreeMap<I, T>,
}

impl Gate {
    pub(super) fn new(limits: Limits, counts: Counts) -> Arc<Self> {
        Arc::new(Self {
            connections: Mutex::new(Desk {
                account: Connections::new(&limits),
                tell: BTreeMap::new(),
            }),
            bodies: Mutex::new(Desk {
                account: Bodies::new(&limits),
                tell: BTreeMap::new(),
            }),
            limits,
            counts,
            began: Instant::now(),
            gone: Notify::new(),
            ended: Notify::new(),
        })
    }

    /// Returns the monotonic time since this was made.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Takes a place for a connection; none if all are busy.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<(Seat, watch::Receiver<Order>)> {
        let (sender, orders) = watch::channel(Order::Stay);
        let entered = self.with_connections(|desk, now| {
            let id = desk.account.enter(peer, now)?;
            desk.tell.insert(id, sender);
            Some(id)
        });
        let Some(id) = entered else {
            self.counts.count(|counts| &mut counts.refused);
            return None;
        };
        let seat = Seat {
            gate: Arc::clone(self),
            id,
        };
        Some((seat, orders))
    }

    /// Whether a further connection should wait a little.
    pub(super) fn is_crowded(&self) -> bool {
        self.with_connections(|desk, now| desk.account.is_crowded(now))
    }

    /// Ends a connection for lack of a shared resource.
    pub(super) fn shed_one(&self) {
        self.with_connections(|desk, now| desk.account.shed_one(now));
    }

    /// Tells overdue connections to go.
    pub(super) fn sweep(&self) {
        self.with_connections(|desk, now| desk.account.sweep(now));
    }

    /// Resolves when every connection has answered and is gone.
    pub(super) async fn close(&self) {
        self.with_connections(|desk, now| desk.account.all_leave(now));
        loop {
            let gone = self.gone.notified();
            tokio::pin!(gone);
            gone.as_mut().enable();
            if self.with_connections(|desk, _| desk.account.is_empty()) {
                return;
            }
            gone.await;
        }
    }

    /// Returns how many bytes unfinished bodies take.
    #[cfg(test)]
    pub(super) fn unfinished(&self) -> usize {
        lock(&self.bodies).account.unfinished()
    }

    #[cfg(test)]
    pub(super) fn at_work(&self) -> usize {
        lock(&self.bodies).account.at_work()
    }

    #[cfg(test)]
    pub(super) fn connections(&self) -> usize {
        lock(&self.connections).tell.len()
    }

    pub(super) fn has_connections(&self) -> bool {
        !lock(&self.connections).account.is_empty()
    }

    fn with_connections<T>(
        &self,
        act: impl FnOnce(&mut Desk<Connections, ConnectionId, watch::Sender<Order>>, Duration) -> T,
    ) -> T {
        let now = self.now();
        let mut desk = lock(&self.connections);
        let outcome = act(&mut desk, now);
        for (id, order, why) in desk.account.take_orders() {
            self.counts.end(why);
            if let Some(tell) = desk.tell.get(&id) {
                tell.send_replace(order);
            }
        }
        outcome
    }

    fn with_bodies<T>(
        &self,
        act: impl FnOnce(&mut Desk<Bodies, BodyId, oneshot::Sender<()>>, Duration) -> T,
    ) -> T {
        let now = self.now();
        let mut desk = lock(&self.bodies);
        let outcome = act(&mut desk, now);
        for id in desk.account.take_dropped() {
            self.counts.count(|counts| &mut counts.bodies_dropped);
            if let Some(tell) = desk.tell.remove(&id) {
                let _ = tell.send(());
            }
        }
        outcome
    }
}

/// The place of a connection, freed when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    gate: Arc<Gate>,
    id: ConnectionId,
}

impl Seat {
    pub(super) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Notes the first byte of the handshake.
    pub(super) fn spoke(&self) {
        (self.gate).with_connections(|desk, _| desk.account.spoke(self.id));
    }

    pub(super) fn opened(&self) {
        (self.gate).with_connections(|desk, now| desk.account.opened(self.id, now));
    }

    pub(super) fn heard(&self) {
        (self.gate).with_connections(|desk, now| desk.account.heard(self.id, now));
    }

    pub(super) fn upgraded(&self) {
        (self.gate).with_connections(|desk, _| desk.account.upgraded(self.id));
    }

    /// Notes a complete head of a request.
    pub(super) fn begin(self: &Arc<Self>) -> Call {
        let id = self
            .gate
            .with_connections(|desk, _| desk.account.begin(self.id));
        Call {
            seat: Arc::clone(self),
            id,
            is_completed: false,
        }
    }

    /// Registers the body of a request.
    pub(super) fn body(&self) -> Room {
        let (sender, dropped) = oneshot::channel();
        let is_known = (self.gate).with_connections(|desk, _| desk.account.is_known(self.id));
        let id = self.gate.with_bodies(|desk, now| {
            let id = desk.account.begin(self.id, is_known, now);
            desk.tell.insert(id, sender);
            id
        });
        Room {
            gate: Arc::clone(&self.gate),
            id,
            dropped,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.gate.with_connections(|desk, _| {
            desk.account.gone(self.id);
            desk.tell.remove(&self.id);
        });
        self.gate.gone.notify_waiters();
    }
}

/// A request, until its answer is taken.
#[derive(Debug)]
pub(super) struct Call {
    seat: Arc<Seat>,
    id: RequestId,
    is_completed: bool,
}

impl Call {
    pub(super) fn seat(&self) -> &Seat {
        &self.seat
    }

    pub(super) fn at_work(&self) {
        self.progress(|_| Progress::AtWork);
    }

    /// Notes that the caller can take something, so many bytes as far as known.
    pub(super) fn answering(&self, held: usize) {
        self.progress(|now| Progress::Answering(now, held));
    }

    pub(super) fn completed(&mut self) {
        self.is_completed = true;
    }

    fn progress(&self, of: impl FnOnce(Duration) -> Progress) {
        let (id, gate) = (self.seat.id, &self.seat.gate);
        gate.with_connections(|desk, now| {
            desk.account.progress(id, self.id, of(now), now);
        });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let (id, gate) = (self.seat.id, &self.seat.gate);
        gate.with_connections(|desk, now| {
            desk.account.end(id, self.id, self.is_completed, now);
        });
    }
}

/// The room of one body, freed when this is dropped.
#[derive(Debug)]
pub(super) struct Room {
    gate: Arc<Gate>,
    id: BodyId,
    /// Resolves if this body is dropped for others.
    pub(super) dropped: oneshot::Receiver<()>,
}

impl Room {
    /// Resolves when a body of which `received` bytes have arrived may take `memory` bytes; false if it was dropped.
    pub(super) async fn grow(&mut self, received: usize, memory: usize) -> bool {
        let grow = |bodies: &mut Bodies, id, now| bodies.grow(id, (received, memory), now);
        self.until_allowed(grow).await
    }

    /// Resolves when the app may have the body; false if it was dropped.
    pub(super) async fn may_work(&mut self) -> bool {
        self.until_allowed(|bodies, id, _| bodies.may_work(id))
            .await
    }

    async fn until_allowed(
        &mut self,
        ask: impl Fn(&mut Bodies, BodyId, Duration) -> Result<(), NoRoom>,
    ) -> bool {
        let gate = Arc::clone(&self.gate);
        loop {
            let ended = gate.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            match gate.with_bodies(|desk, now| ask(&mut desk.account, self.id, now)) {
                Ok(()) => return true,
                Err(NoRoom::Dropped) => return false,
                Err(NoRoom::Yet) => {}
            }
            tokio::select! {
                () = ended => {}
                _ = &mut self.dropped => return false,
            }
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.gate.with_bodies(|desk, _| {
            desk.account.end(self.id);
            desk.tell.remove(&self.id);
        });
        self.gate.ended.notify_waiters();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
