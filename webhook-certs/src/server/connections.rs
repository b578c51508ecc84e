//! Which connection ends, and why: accounting without I/O.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use super::{counts::End, limits::Limits};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnectionId(pub(super) u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RequestId(u64);

/// What a connection is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Stay,
    /// End when its requests are answered: GOAWAY, or after the answer.
    Leave,
    End,
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Its body arrives.
    Receiving,
    /// The app has it, or has nothing more to say yet.
    AtWork,
    /// There is something for the caller to take, since then.
    Answering(Duration),
}

/// All connections.
#[derive(Debug)]
pub(super) struct Connections {
    limits: Limits,
    next: u64,
    all: BTreeMap<ConnectionId, Connection>,
    orders: Vec<(ConnectionId, Order, End)>,
}

#[derive(Debug)]
struct Connection {
    peer: IpAddr,
    stage: Stage,
    /// When it was last without a request, or began.
    since: Duration,
    has_completed: bool,
    requests: BTreeMap<RequestId, Progress>,
    /// The first byte of a request's head came then.
    head: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Handshake,
    Open,
    /// Told to, then.
    Leaving(Duration),
    /// Told to.
    Ending,
    /// The app has it, under some other protocol.
    Upgraded,
}

/// Those that may be ended for another, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Handshake,
    CompletedNothing,
    Idle,
    Unfinished,
}

/// A caller that was told to go has this long to do so.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);

impl Connections {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            next: 0,
            all: BTreeMap::new(),
            orders: Vec::new(),
        }
    }

    /// One more has come; none if there is no room for it.
    pub(super) fn enter(&mut self, peer: IpAddr, now: Duration) -> Option<ConnectionId> {
        let most = self.limits.connections.max(1);
        if self.count(|c| c.stage == Stage::Handshake) >= (most / 2).max(1) {
            self.shed(Some(Rank::Handshake), now);
        }
        if self.count(Connection::has_place) >= most && !self.shed(None, now) {
            return None;
        }
        self.limit_leaving((most / 8).max(1), now);
        let id = ConnectionId(self.next);
        self.next = self.next.wrapping_add(1);
        let connection = Connection {
            peer,
            stage: Stage::Handshake,
            since: now,
            has_completed: false,
            requests: BTreeMap::new(),
            head: None,
        };
        self.all.insert(id, connection);
        Some(id)
    }

    /// Ends one, for want of something that all share. Whether there was one.
    pub(super) fn shed_one(&mut self, now: Duration) -> bool {
        self.shed(None, now)
    }

    /// What there is to tell since this was last asked.
    pub(super) fn take_orders(&mut self) -> Vec<(ConnectionId, Order, End)> {
        std::mem::take(&mut self.orders)
    }

    /// Its handshake is complete.
    pub(super) fn opened(&mut self, id: ConnectionId, now: Duration) {
        if let Some(connection) = self.all.get_mut(&id)
            && connection.stage == Stage::Handshake
        {
            connection.stage = Stage::Open;
            connection.since = now;
        }
    }

    /// Bytes came that may be of a request's head.
    pub(super) fn heard(&mut self, id: ConnectionId, now: Duration) {
        if let Some(connection) = self.all.get_mut(&id)
            && connection.requests.is_empty()
        {
            connection.head.get_or_insert(now);
        }
    }

    /// A request's head is complete.
    pub(super) fn begin(&mut self, id: ConnectionId) -> RequestId {
        let request = RequestId(self.next);
        self.next = self.next.wrapping_add(1);
        if let Some(connection) = self.all.get_mut(&id) {
            connection.head = None;
            connection.requests.insert(request, Progress::Receiving);
        }
        request
    }

    pub(super) fn progress(&mut self, id: ConnectionId, request: RequestId, progress: Progress) {
        if let Some(connection) = self.all.get_mut(&id) {
            let known = connection.requests.get_mut(&request);
            let _ = known.map(|known| *known = progress);
        }
    }

    /// A request is over, `completed` if its answer was given.
    pub(super) fn end(
        &mut self,
        id: ConnectionId,
        request: RequestId,
        completed: bool,
        now: Duration,
    ) {
        if let Some(connection) = self.all.get_mut(&id) {
            connection.requests.remove(&request);
            connection.has_completed |= completed;
            connection.since = now;
        }
    }

    pub(super) fn upgraded(&mut self, id: ConnectionId) {
        if let Some(connection) = self.all.get_mut(&id) {
            connection.stage = Stage::Upgraded;
        }
    }

    pub(super) fn gone(&mut self, id: ConnectionId) {
        self.all.remove(&id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Tells what is overdue to go.
    pub(super) fn sweep(&mut self, now: Duration) {
        let overdue: Vec<_> = (self.all.iter())
            .filter_map(|(id, connection)| Some((*id, connection.overdue(&self.limits, now)?)))
            .collect();
        for (id, (order, why)) in overdue {
            self.tell(id, order, why, now);
        }
    }

    /// Tells all to go when they have answered.
    pub(super) fn all_leave(&mut self, now: Duration) {
        let all: Vec<_> = self.all.keys().copied().collect();
        for id in all {
            self.tell(id, Order::Leave, End::Stopping, now);
        }
    }

    fn tell(&mut self, id: ConnectionId, order: Order, why: End, now: Duration) {
        let Some(connection) = self.all.get_mut(&id) else {
            return;
        };
        connection.stage = match (connection.stage, order) {
            (Stage::Upgraded, _) | (_, Order::Stay) => return,
            // It has no request yet, and gets none.
            (Stage::Handshake, Order::Leave) | (_, Order::End) => Stage::Ending,
            (_, Order::Leave) => Stage::Leaving(now),
        };
        let order = if connection.stage == Stage::Ending {
            Order::End
        } else {
            order
        };
        self.orders.push((id, order, why));
    }

    /// Ends the first that may be ended for another; of one rank if it is given.
    fn shed(&mut self, rank: Option<Rank>, now: Duration) -> bool {
        let mut of_peers: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for connection in self.all.values() {
            let count = of_peers.entry(connection.peer).or_default();
            *count = count.saturating_add(1);
        }
        let candidates = self.all.iter().filter_map(|(id, connection)| {
            let of = connection.rank()?;
            let count = of_peers.get(&connection.peer).copied().unwrap_or_default();
            (rank.is_none() || rank == Some(of)).then_some((
                of,
                usize::MAX - count,
                connection.since,
                *id,
            ))
        });
        let Some((rank, _, _, id)) = candidates.min() else {
            return false;
        };
        let (order, why) = match rank {
            Rank::Handshake => (Order::End, End::ShedHandshake),
            Rank::CompletedNothing => (Order::End, End::ShedWithoutRequest),
            Rank::Idle => (Order::Leave, End::ShedIdle),
            Rank::Unfinished => (Order::End, End::ShedUnfinished),
        };
        self.tell(id, order, why, now);
        true
    }

    fn count(&self, which: impl Fn(&Connection) -> bool) -> usize {
        self.all
            .values()
            .filter(|connection| which(connection))
            .count()
    }

    /// Those that were told to leave have descriptors still.
    fn limit_leaving(&mut self, most: usize, now: Duration) {
        let leaving: BTreeSet<_> = (self.all.iter())
            .filter_map(|(id, connection)| match connection.stage {
                Stage::Leaving(since) => Some((since, *id)),
                _ => None,
            })
            .collect();
        let too_many = leaving.len().saturating_sub(most);
        for (_, id) in leaving.into_iter().take(too_many) {
            self.tell(id, Order::End, End::Late, now);
        }
    }
}

impl Connection {
    fn has_place(&self) -> bool {
        !matches!(self.stage, Stage::Leaving(_) | Stage::Ending)
    }

    fn rank(&self) -> Option<Rank> {
        let is_with_app = self.requests.values().any(|at| *at == Progress::AtWork);
        match self.stage {
            Stage::Handshake => Some(Rank::Handshake),
            Stage::Open if is_with_app => None,
            Stage::Open if !self.has_completed => Some(Rank::CompletedNothing),
            Stage::Open if self.requests.is_empty() => Some(Rank::Idle),
            Stage::Open => Some(Rank::Unfinished),
            Stage::Leaving(_) | Stage::Ending | Stage::Upgraded => None,
        }
    }

    fn overdue(&self, limits: &Limits, now: Duration) -> Option<(Order, End)> {
        let is_over = |since: Duration, limit: Duration| now >= since.saturating_add(limit);
        let untaken = self.requests.values().any(|at| match at {
            Progress::Answering(since) => is_over(*since, limits.answer_stall),
            Progress::Receiving | Progress::AtWork => false,
        });
        let head = self.head.is_some_and(|since| is_over(since, limits.header));
        let is_idle = self.requests.is_empty();
        match self.stage {
            Stage::Handshake if is_over(self.since, limits.handshake) => {
                Some((Order::End, End::Handshake))
            }
            Stage::Open | Stage::Leaving(_) if untaken => Some((Order::End, End::Untaken)),
            Stage::Open if head => Some((Order::End, End::Header)),
            Stage::Open if is_idle && is_over(self.since, limits.idle) => {
                Some((Order::Leave, End::Idle))
            }
            Stage::Leaving(told) if is_idle && is_over(told, LEAVE_LIMIT) => {
                Some((Order::End, End::Late))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
