//! Decides how much memory request bodies may take, and which unfinished one to drop when there is no more: accounting
//! without I/O.

use std::{collections::BTreeMap, time::Duration};

use super::{connections::ConnectionId, limits::Limits};

/// What a request with a body takes besides the body.
const OVERHEAD: usize = 4096;
/// How long a body may take before it can count as slow.
const GRACE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BodyId(u64);

/// All bodies of requests that are not answered yet.
#[derive(Debug)]
pub(super) struct Bodies {
    most: usize,
    most_of_one: usize,
    most_at_work: usize,
    next: u64,
    all: BTreeMap<BodyId, Body>,
    /// The bodies dropped since the last call of [`take_dropped`](Self::take_dropped).
    dropped: Vec<BodyId>,
}

#[derive(Debug)]
struct Body {
    connection: ConnectionId,
    /// Reserved memory, which is more than was received.
    held: usize,
    received: usize,
    since: Duration,
    stage: Stage,
    /// Whether the caller's address has taken an answer on an existing connection.
    is_known: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Arriving,
    /// Complete, and not with the app yet.
    Waiting,
    AtWork,
}

/// Why there is no room for a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// Not yet: ask again when another body has ended.
    Yet,
    /// The body was dropped.
    Dropped,
}

impl Bodies {
    pub(super) fn new(limits: &Limits) -> Self {
        let longest = limits.longest_body().saturating_add(OVERHEAD);
        Self {
            most: limits.bodies.max(longest),
            most_of_one: limits.connection_bodies,
            most_at_work: limits.bodies_at_work,
            next: 0,
            all: BTreeMap::new(),
            dropped: Vec::new(),
        }
    }

    /// Registers a body that begins to arrive on `connection`.
    ///
    /// `is_known`: whether its caller's address is [known](Connections::is_known). Reserve room before keeping any of
    /// it.
    pub(super) fn begin(
        &mut self,
        connection: ConnectionId,
        is_known: bool,
        now: Duration,
    ) -> BodyId {
        let id = BodyId(self.next);
        self.next = self.next.wrapping_add(1);
        let body = Body {
            connection,
            held: OVERHEAD,
            received: 0,
            since: now,
            stage: Stage::Arriving,
            is_known,
        };
        self.all.insert(id, body);
        id
    }

    /// Reserves `memory` bytes for a body of which `received` bytes have arrived.
    ///
    /// Others may be [dropped](Self::take_dropped) for it.
    pub(super) fn grow(
        &mut self,
        id: BodyId,
        (received, memory): (usize, usize),
        now: Duration,
    ) -> Result<(), NoRoom> {
        let held = memory.saturating_add(OVERHEAD);
        let (before, connection) = match self.all.get_mut(&id) {
            Some(body) => {
                body.received = received;
                (body.held, body.connection)
            }
            None => return Err(NoRoom::Dropped),
        };
        if self.is_long(held) && !self.is_long(before) {
            self.make_way(id, now)?;
        }
        if let Some(body) = self.all.get_mut(&id) {
            body.held = held;
        }
        while self.of_connection(connection) > self.most_of_one {
            let short = self.most_of_one;
            let of_it = |body: &Body| body.connection == connection && body.held <= short;
            self.drop_slowest(of_it, now);
        }
        while self.unfinished() > self.most {
            self.drop_slowest(|_| true, now);
        }
        if self.all.contains_key(&id) {
            Ok(())
        } else {
            Err(NoRoom::Dropped)
        }
    }

    /// Whether the app may have this complete body now. If not, ask again when another has ended.
    pub(super) fn may_work(&mut self, id: BodyId) -> Result<(), NoRoom> {
        let Some(body) = self.all.get_mut(&id) else {
            return Err(NoRoom::Dropped);
        };
        if body.stage == Stage::Arriving {
            body.stage = Stage::Waiting;
        }
        let held = body.held;
        let waiting = self.all.iter().filter(|(_, b)| b.stage == Stage::Waiting);
        let first = waiting.min_by_key(|(id, body)| (body.held, **id));
        let at_work = self.at_work();
        let has_room = at_work == 0 || at_work.saturating_add(held) <= self.most_at_work;
        if !has_room || first.is_some_and(|(first, _)| *first != id) {
            return Err(NoRoom::Yet);
        }
        if let Some(body) = self.all.get_mut(&id) {
            body.stage = Stage::AtWork;
        }
        Ok(())
    }

    /// Returns the bodies that were dropped for others. Free their memory at once.
    pub(super) fn take_dropped(&mut self) -> Vec<BodyId> {
        std::mem::take(&mut self.dropped)
    }

    /// Removes a body that is answered, or whose caller is gone.
    pub(super) fn end(&mut self, id: BodyId) {
        self.all.remove(&id);
    }

    /// Returns how many bytes unfinished bodies take.
    pub(super) fn unfinished(&self) -> usize {
        self.sum(|body| body.stage != Stage::AtWork)
    }

    /// Returns how many bytes the bodies with the app take.
    pub(super) fn at_work(&self) -> usize {
        self.sum(|body| body.stage == Stage::AtWork)
    }

    fn is_long(&self, held: usize) -> bool {
        held > self.most_of_one
    }

    /// Allows one long body at a time: drops the other one if it is slower, else waits for it.
    fn make_way(&mut self, id: BodyId, now: Duration) -> Result<(), NoRoom> {
        let rate = |body: &Body| body.rate(now);
        let ours = self.all.get(&id).map(rate);
        let others = self.all.iter().filter(|(other, _)| **other != id);
        let Some((other, body)) = others.into_iter().find(|(_, b)| self.is_long(b.held)) else {
            return Ok(());
        };
        let is_slower =
            body.stage == Stage::Arriving && body.is_slow(now) && Some(rate(body)) < ours;
        if !is_slower {
            return Err(NoRoom::Yet);
        }
        let other = *other;
        self.all.remove(&other);
        self.dropped.push(other);
        Ok(())
    }

    fn of_connection(&self, connection: ConnectionId) -> usize {
        self.sum(|body| {
            body.connection == connection && body.stage != Stage::AtWork && !self.is_long(body.held)
        })
    }

    fn sum(&self, which: impl Fn(&Body) -> bool) -> usize {
        let some = self.all.values().filter(|body| which(body));
        some.map(|body| body.held).fold(0, usize::saturating_add)
    }

    fn drop_slowest(&mut self, which: impl Fn(&Body) -> bool, now: Duration) {
        let some = self.all.iter();
        let some = some.filter(|(_, body)| body.stage != Stage::AtWork && which(body));
        let slowest = some.min_by_key(|(_, body)| body.worth(now));
        if let Some(slowest) = slowest.map(|(id, _)| *id) {
            self.all.remove(&slowest);
            self.dropped.push(slowest);
        }
    }
}

impl Body {
    fn is_slow(&self, now: Duration) -> bool {
        now.saturating_sub(self.since) >= GRACE
    }

    /// Returns the speed in bytes a second.
    fn rate(&self, now: Duration) -> u128 {
        let millis = now.saturating_sub(self.since).as_millis().max(1);
        u128::try_from(self.received).unwrap_or(u128::MAX) * 1000 / millis
    }

    /// Ranks bodies: the lowest is dropped first.
    ///
    /// Bodies of addresses that have taken no answer come before others. Of these, arriving bodies come before those
    /// that wait for the app; of the arriving, the slowest of those that have been slow for a second, else the one that
    /// takes most; of the waiting, the one that takes most.
    fn worth(&self, now: Duration) -> (bool, bool, bool, u128) {
        let is_complete = self.stage != Stage::Arriving;
        let is_slow = !is_complete && self.is_slow(now);
        let value = if is_slow {
            self.rate(now)
        } else {
            u128::MAX - u128::try_from(self.held).unwrap_or(u128::MAX)
        };
        (self.is_known, is_complete, !is_slow, value)
    }
}

#[cfg(test)]
mod tests;
