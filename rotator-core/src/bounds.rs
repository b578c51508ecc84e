//! The bounds of time: the earliest and the latest that any verifier's clock may show.

use core::time::Duration;

use certgen::UnixTime;

/// The earliest and latest time that any verifier's clock may show, both included.
///
/// [`latest`](Self::latest) decides what is *due* or *expired*; [`earliest`](Self::earliest) decides what *may be
/// removed*, and where a validity period starts. Any two values make bounds; wide or wrong bounds make decisions
/// cautious or late, never a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeBounds {
    earliest: UnixTime,
    latest: UnixTime,
}

impl TimeBounds {
    /// Makes bounds from two points in time, in either order.
    pub fn new(one: UnixTime, other: UnixTime) -> Self {
        Self {
            earliest: one.min(other),
            latest: one.max(other),
        }
    }

    /// Makes bounds of a single point in time.
    pub fn exactly(time: UnixTime) -> Self {
        Self::new(time, time)
    }

    /// Makes bounds `margin` (whole seconds) to both sides of `time`.
    pub fn around(time: UnixTime, margin: Duration) -> Self {
        Self::new(time.saturating_sub(margin), time.saturating_add(margin))
    }

    /// The earliest time: no verifier's clock shows less.
    pub fn earliest(self) -> UnixTime {
        self.earliest
    }

    /// The latest time: no verifier's clock shows more.
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
