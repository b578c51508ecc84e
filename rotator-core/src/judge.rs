//! Answers questions about time, and notes when each answer will change.

use core::{cell::Cell, time::Duration};

use certgen::UnixTime;

use crate::bounds::TimeBounds;

/// Answers questions about time for one decision, and remembers the soonest moment at which one of the answers changes.
/// A decision that depends on the time in no other way stays right until then.
///
/// Every question is of the form "has this moment come?", so an answer changes once, from no to yes.
pub(crate) struct Judge {
    now: TimeBounds,
    soonest: Cell<Option<Duration>>,
}

impl Judge {
    pub(crate) fn new(now: TimeBounds) -> Self {
        Self {
            now,
            soonest: Cell::new(None),
        }
    }

    pub(crate) fn now(&self) -> TimeBounds {
        self.now
    }

    /// How long until an answer changes; `None` if none will.
    pub(crate) fn soonest(&self) -> Option<Duration> {
        self.soonest.get()
    }

    /// Notes a deadline that is not a point in time: the end of a back-off.
    pub(crate) fn note(&self, wait: Duration) {
        self.soonest.set(Some(
            self.soonest.get().map_or(wait, |soonest| soonest.min(wait)),
        ));
    }

    /// Whether some verifier's clock may already show `moment`.
    pub(crate) fn has_started(&self, moment: UnixTime) -> bool {
        self.reached(self.now.latest(), moment)
    }

    /// Whether some verifier's clock may be past `end`.
    pub(crate) fn has_ended(&self, end: UnixTime) -> bool {
        self.less_remains(end, Duration::ZERO)
    }

    /// Whether less than `span` may be left until `end`.
    pub(crate) fn less_remains(&self, end: UnixTime, span: Duration) -> bool {
        self.reached(
            self.now.latest(),
            end.saturating_sub(span).saturating_add(SECOND),
        )
    }

    /// Whether at most `span` may be left until `end`.
    pub(crate) fn at_most_remains(&self, end: UnixTime, span: Duration) -> bool {
        self.reached(self.now.latest(), end.saturating_sub(span))
    }

    /// Whether every verifier's clock shows `moment` or later.
    pub(crate) fn surely_reached(&self, moment: UnixTime) -> bool {
        self.reached(self.now.earliest(), moment)
    }

    /// Whether every verifier's clock is past `end + allowance`, so that what expired at `end` can no longer matter.
    /// Never while the time is one that no certificate could say: the clocks are wrong then.
    pub(crate) fn may_be_removed(&self, end: UnixTime, allowance: Duration) -> bool {
        self.now.latest().is_expressible()
            && self.surely_reached(end.saturating_add(allowance).saturating_add(SECOND))
    }

    fn reached(&self, clock: UnixTime, moment: UnixTime) -> bool {
        if clock >= moment {
            return true;
        }
        self.note(moment.saturating_since(clock));
        false
    }
}

const SECOND: Duration = Duration::from_secs(1);
