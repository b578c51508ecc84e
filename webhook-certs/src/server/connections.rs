//! Decides which connection to end, and why: accounting without I/O.

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

/// What to tell a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Stay,
    /// End when its requests are answered: by GOAWAY, or after the response.
    Leave,
    End,
}

/// The progress of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Its body is arriving.
    Receiving,
    /// The app is working on it, or has nothing more to send yet.
    AtWork,
    /// There is something for the caller to take, since this time; so many bytes of it are known.
    Answering(Duration, usize),
}

/// All connections of a server.
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
    /// When it began, or last had no request.
    since: Duration,
    /// How many requests it completed.
    completed: u32,
    requests: BTreeMap<RequestId, Progress>,
    /// When the first byte of a request's head came.
    head: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No byte has come yet.
    Silent,
    Handshake,
    Open,
    /// Told to leave, at this time.
    Leaving(Duration),
    /// Told to end.
    Ending,
    /// The app has it, under another protocol.
    Upgraded,
}

/// Connections that may be ended for another, in this order.
///
/// States that an API server's connection passes only briefly come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Silent,
    OldHandshake,
    OldCompletedNothing,
    Idle,
    /// The handshake is complete, and no request has begun.
    YoungOpen,
    /// None of the above yet.
    YoungHandshake,
    YoungRequest,
    Unfinished,
}

/// How long a handshake, or a connection without a completed request, counts as young.
const GRACE: Duration = Duration::from_secs(2);
/// How soon a real caller sends something, in its handshake and after it.
const PROMPT: Duration = Duration::from_millis(500);
/// How long the server may take to read what a connection sent.
const UNHEARD: Duration = Duration::from_millis(100);
/// Up to how many connections of one rank an address does not count as having many: one API server may have as many.
const FEW: usize = 8;
/// After how many completed requests a connection counts as regular.
const REGULAR: u32 = 16;
/// How long a caller may take nothing of its answer when answers fill half of their room.
const SLOW_TO_TAKE: Duration = Duration::from_secs(1);
/// How long a caller that was told to leave has to do so.
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

    /// Whether accepting one more would end a connection that may be an API server's: then let it wait a little.
    pub(super) fn is_crowded(&self, now: Duration) -> bool {
        let new = self.all.values().filter(|connection| connection.is_new());
        let (count, protected) = new.fold((0_usize, 0_usize), |(count, protected), connection| {
            let is_protected = usize::from(connection.is_protected(now));
            (
                count.saturating_add(1),
                protected.saturating_add(is_protected),
            )
        });
        count >= self.most_new() && count == protected
    }

    fn most_new(&self) -> usize {
        (self.limits.connections / 2).max(1)
    }

    /// Registers a new connection; none if there is no room for it.
    pub(super) fn enter(&mut self, peer: IpAddr, now: Duration) -> Option<ConnectionId> {
        let most = self.limits.connections.max(1);
        if self.count(Connection::is_new) >= self.most_new() {
            self.shed(Connection::is_new, now);
        }
        if self.count(Connection::has_place) >= most && !self.shed_one(now) {
            return None;
        }
        self.limit_leaving((most / 8).max(1), now);
        let id = ConnectionId(self.next);
        self.next = self.next.wrapping_add(1);
        let connection = Connection {
            peer,
            stage: Stage::Silent,
            since: now,
            completed: 0,
            requests: BTreeMap::new(),
            head: None,
        };
        self.all.insert(id, connection);
        Some(id)
    }

    /// Ends one connection for lack of a shared resource. Returns whether there was one.
    pub(super) fn shed_one(&mut self, now: Duration) -> bool {
        self.shed(|_| true, now)
    }

    /// Returns the orders since the last call.
    pub(super) fn take_orders(&mut self) -> Vec<(ConnectionId, Order, End)> {
        std::mem::take(&mut self.orders)
    }

    /// Notes the first byte of a handshake.
    pub(super) fn spoke(&mut self, id: ConnectionId) {
        if let Some(connection) = self.all.get_mut(&id)
            && connection.stage == Stage::Silent
        {
            connection.stage = Stage::Handshake;
        }
    }

    /// Notes a complete handshake.
    pub(super) fn opened(&mut self, id: ConnectionId, now: Duration) {
        if let Some(connection) = self.all.get_mut(&id)
            && matches!(connection.stage, Stage::Silent | Stage::Handshake)
        {
            connection.stage = Stage::Open;
            connection.since = now;
        }
    }

    /// Notes bytes that may be of a request's head.
    pub(super) fn heard(&mut self, id: ConnectionId, now: Duration) {
        if let Some(connection) = self.all.get_mut(&id)
            && connection.requests.is_empty()
        {
            connection.head.get_or_insert(now);
        }
    }

    /// Notes a complete head of a request.
    pub(super) fn begin(&mut self, id: ConnectionId) -> RequestId {
        let request = RequestId(self.next);
        self.next = self.next.wrapping_add(1);
        if let Some(connection) = self.all.get_mut(&id) {
            connection.head = None;
            connection.requests.insert(request, Progress::Receiving);
        }
        request
    }

    pub(super) fn progress(
        &mut self,
        id: ConnectionId,
        request: RequestId,
        progress: Progress,
        now: Duration,
    ) {
        if let Some(connection) = self.all.get_mut(&id)
            && let Some(known) = connection.requests.get_mut(&request)
        {
            *known = progress;
        }
        if matches!(progress, Progress::Answering(_, held) if held > 0) {
            self.bound_answers(now);
        }
    }

    /// Ends the connections that take least of their answers while answers take too much memory.
    ///
    /// The last one may keep its answer.
    fn bound_answers(&mut self, now: Duration) {
        let most = self.limits.answers;
        let mut holders: Vec<_> = (self.all.iter())
            .filter(|(_, connection)| !matches!(connection.stage, Stage::Ending | Stage::Upgraded))
            .filter_map(|(id, connection)| {
                let (since, held) = connection.untaken()?;
                Some((since, *id, held))
            })
            .collect();
        holders.sort_unstable();
        let sum = |held: usize, holder: &(_, _, usize)| held.saturating_add(holder.2);
        let mut held = holders.iter().fold(0, sum);
        let last = holders.len().saturating_sub(1);
        for (since, id, of_it) in holders.into_iter().take(last) {
            let is_slow = now >= since.saturating_add(SLOW_TO_TAKE);
            if held <= most / 2 || (held <= most && !is_slow) {
                return;
            }
            held = held.saturating_sub(of_it);
            self.tell(id, Order::End, End::ShedAnswers, now);
        }
    }

    /// Notes the end of a request, `completed` if its answer was given.
    pub(super) fn end(
        &mut self,
        id: ConnectionId,
        request: RequestId,
        completed: bool,
        now: Duration,
    ) {
        if let Some(connection) = self.all.get_mut(&id) {
            connection.requests.remove(&request);
            connection.completed = (connection.completed).saturating_add(completed.into());
            connection.since = now;
        }
    }

    /// Whether the caller's address has taken an answer on any existing connection. API servers keep theirs open.
    pub(super) fn is_known(&self, id: ConnectionId) -> bool {
        let peer = self.all.get(&id).map(|connection| connection.peer);
        let of_peer = |connection: &Connection| Some(connection.peer) == peer;
        (self.all.values()).any(|connection| of_peer(connection) && connection.completed > 0)
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

    /// Tells overdue connections to go.
    pub(super) fn sweep(&mut self, now: Duration) {
        let overdue: Vec<_> = (self.all.iter())
            .filter_map(|(id, connection)| Some((*id, connection.overdue(&self.limits, now)?)))
            .collect();
        for (id, (order, why)) in overdue {
            self.tell(id, order, why, now);
        }
    }

    /// Tells all connections to leave when they have answered.
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
            (Stage::Silent | Stage::Handshake, Order::Leave) | (_, Order::End) => Stage::Ending,
            (_, Order::Leave) => Stage::Leaving(now),
        };
        let order = if connection.stage == Stage::Ending {
            Order::End
        } else {
            order
        };
        self.orders.push((id, order, why));
    }

    /// Ends the first of the selected connections that may be ended for another.
    fn shed(&mut self, which: impl Fn(&Connection) -> bool, now: Duration) -> bool {
        let mut of_peers: BTreeMap<(Rank, IpAddr), usize> = BTreeMap::new();
        let mut candidates = Vec::new();
        for (id, connection) in self.all.iter().filter(|(_, c)| which(c)) {
            let Some(rank) = connection.rank(now) else {
                continue;
            };
            let count = of_peers.entry((rank, connection.peer)).or_default();
            *count = count.saturating_add(1);
            candidates.push((rank, connection, *id));
        }
        let first = candidates.into_iter().min_by_key(|(rank, connection, id)| {
            let count = of_peers.get(&(*rank, connection.peer)).copied();
            let count = count.unwrap_or_default().max(FEW);
            let completed = connection.completed.min(REGULAR);
            let is_protected = connection.is_protected(now);
            (
                is_protected,
                *rank,
                usize::MAX - count,
                completed,
                connection.since,
                *id,
            )
        });
        let Some((rank, _, id)) = first else {
            return false;
        };
        let (order, why) = match rank {
            Rank::Silent | Rank::OldHandshake | Rank::YoungHandshake => {
                (Order::End, End::ShedHandshake)
            }
            Rank::OldCompletedNothing | Rank::YoungOpen | Rank::YoungRequest => {
                (Order::End, End::ShedWithoutRequest)
            }
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

    /// Ends the oldest leaving connections beyond `most`: they still have descriptors.
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

    fn is_with_app(&self) -> bool {
        self.requests.values().any(|at| *at == Progress::AtWork)
    }

    /// Whether it has completed no request, and the app has none of it.
    fn is_new(&self) -> bool {
        match self.stage {
            Stage::Silent | Stage::Handshake => true,
            Stage::Open => self.completed == 0 && !self.is_with_app(),
            Stage::Leaving(_) | Stage::Ending | Stage::Upgraded => false,
        }
    }

    /// Whether it began a moment ago, so that it may be an API server's: it ends only if no other can.
    fn is_protected(&self, now: Duration) -> bool {
        let limit = if self.stage == Stage::Silent {
            UNHEARD
        } else {
            PROMPT
        };
        self.is_new() && now < self.since.saturating_add(limit)
    }

    fn rank(&self, now: Duration) -> Option<Rank> {
        let is_young = now < self.since.saturating_add(GRACE);
        match self.stage {
            Stage::Silent => Some(Rank::Silent),
            Stage::Handshake if is_young => Some(Rank::YoungHandshake),
            Stage::Handshake => Some(Rank::OldHandshake),
            Stage::Open if self.is_with_app() => None,
            Stage::Open if self.completed == 0 && !is_young => Some(Rank::OldCompletedNothing),
            Stage::Open if self.completed == 0 && self.requests.is_empty() => Some(Rank::YoungOpen),
            Stage::Open if self.completed == 0 => Some(Rank::YoungRequest),
            Stage::Open if self.requests.is_empty() => Some(Rank::Idle),
            Stage::Open => Some(Rank::Unfinished),
            Stage::Leaving(_) | Stage::Ending | Stage::Upgraded => None,
        }
    }

    /// Returns since when its caller has taken nothing, and how many bytes wait; none if there is nothing to take.
    fn untaken(&self) -> Option<(Duration, usize)> {
        let held = self.requests.values().filter_map(|at| match at {
            Progress::Answering(since, held) if *held > 0 => Some((*since, *held)),
            _ => None,
        });
        held.reduce(|(since, sum), (other, held)| (since.min(other), sum.saturating_add(held)))
    }

    fn overdue(&self, limits: &Limits, now: Duration) -> Option<(Order, End)> {
        let is_over = |since: Duration, limit: Duration| now >= since.saturating_add(limit);
        let untaken = self.requests.values().any(|at| match at {
            Progress::Answering(since, _) => is_over(*since, limits.answer_stall),
            Progress::Receiving | Progress::AtWork => false,
        });
        let head = self.head.is_some_and(|since| is_over(since, limits.header));
        let is_idle = self.requests.is_empty();
        match self.stage {
            Stage::Silent | Stage::Handshake if is_over(self.since, limits.handshake) => {
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
