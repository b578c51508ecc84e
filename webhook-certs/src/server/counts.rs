//! Counts how often a limit was reached.

use std::sync::{Arc, Mutex, PoisonError};

use super::body::NoBody;

/// How often each of the [`Limits`](crate::Limits) was reached since the server began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitCounts {
    /// Bodies that were too long: answered by 413.
    pub bodies_too_long: u64,
    /// Bodies that stalled or took too long: answered by 408.
    pub bodies_late: u64,
    /// Bodies dropped for lack of room: answered by 503.
    pub bodies_dropped: u64,
    /// Handshakes that took too long.
    pub handshakes_late: u64,
    /// Heads of requests that took too long.
    pub headers_late: u64,
    /// Connections whose caller did not take an answer.
    pub answers_untaken: u64,
    /// Connections that had no request for too long.
    pub idle: u64,
    /// Connections that had been told to leave and did not.
    pub left_late: u64,
    /// Unfinished handshakes ended for another connection.
    pub shed_handshakes: u64,
    /// Connections without a completed request ended for another.
    pub shed_without_request: u64,
    /// Idle connections ended for another.
    pub shed_idle: u64,
    /// Connections with unfinished requests only, ended for another.
    pub shed_unfinished: u64,
    /// Connections ended because untaken answers took too much memory.
    pub shed_answers: u64,
    /// Connections refused because no other could end for them.
    pub refused: u64,
    /// Errors of `accept`, such as a lack of descriptors.
    pub accept_errors: u64,
}

/// The counts of one server, shared by its tasks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(Arc<Mutex<LimitCounts>>);

impl Counts {
    pub(crate) fn now(&self) -> LimitCounts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self, field: impl Fn(&mut LimitCounts) -> &mut u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let field = field(&mut counts);
        *field = field.saturating_add(1);
    }

    pub(super) fn no_body(&self, why: NoBody) {
        match why {
            NoBody::TooLong { .. } => self.count(|counts| &mut counts.bodies_too_long),
            NoBody::Late => self.count(|counts| &mut counts.bodies_late),
            // Counted where it happens.
            NoBody::Dropped | NoBody::Broken => {}
        }
    }

    pub(super) fn end(&self, why: End) {
        match why {
            End::Handshake => self.count(|counts| &mut counts.handshakes_late),
            End::Header => self.count(|counts| &mut counts.headers_late),
            End::Untaken => self.count(|counts| &mut counts.answers_untaken),
            End::Idle => self.count(|counts| &mut counts.idle),
            End::Late => self.count(|counts| &mut counts.left_late),
            End::ShedHandshake => self.count(|counts| &mut counts.shed_handshakes),
            End::ShedWithoutRequest => self.count(|counts| &mut counts.shed_without_request),
            End::ShedIdle => self.count(|counts| &mut counts.shed_idle),
            End::ShedUnfinished => self.count(|counts| &mut counts.shed_unfinished),
            End::ShedAnswers => self.count(|counts| &mut counts.shed_answers),
            End::Stopping => {}
        }
    }
}

/// Why a connection is told to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Handshake,
    Header,
    Untaken,
    Idle,
    Late,
    ShedHandshake,
    ShedWithoutRequest,
    ShedIdle,
    ShedUnfinished,
    ShedAnswers,
    Stopping,
}
