//! What is known about the time: the earliest and the latest that any verifier's clock may say.

use core::time::Duration;

use certgen::UnixTime;

/// The earliest and latest time that any verifier's clock may say, both included.
///
/// What is *due* or *expired* is judged by [`latest`](Self::latest), what *may be removed* and where a validity
/// starts by [`earliest`](Self::earliest). Any two values make bounds; decisions on wide or wrong bounds are
/// cautious or late, never a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeBounds {
    earliest: UnixTime,
    latest: UnixTime,
}

impl TimeBounds {
    /// Bounds between two points in time, in either order.
    pub fn new(one: UnixTime, other: UnixTime) -> Self {
        Self {
            earliest: one.min(other),
            latest: one.max(other),
        }
    }

    /// Bounds that hold one point in time.
    pub fn exactly(time: UnixTime) -> Self {
        Self::new(time, time)
    }

    /// Bounds `margin` (whole seconds) to both sides of `time`.
    pub fn around(time: UnixTime, margin: Duration) -> Self {
        Self::new(time.saturating_sub(margin), time.saturating_add(margin))
    }

    /// No verifier's clock says less.
    pub fn earliest(self) -> UnixTime {
        self.earliest
    }

    /// No verifier's clock says more.
    pub fn latest(self) -> UnixTime {
        self.latest
    }

    /// The same bounds after `elapsed` (whole seconds).
    #[must_use]
    pub fn after(self, elapsed: Duration) -> Self {
        Self::new(
            self.earliest.saturating_add(elapsed),
            self.latest.saturating_add(elapsed),
        )
    }
}
