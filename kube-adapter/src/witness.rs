//! Bounds on the API servers' clocks, from the `Date` headers of their answers. Pure: reads no clock.

use std::{collections::VecDeque, time::Duration};

use certgen::UnixTime;
use rotator_core::TimeBounds;

/// One `Date` header, and when the request was sent and answered by a monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// The API server's time, cut to whole seconds (RFC 9110 §5.6.7).
    pub(crate) date: UnixTime,
    /// When the request left, counted from a fixed moment.
    pub(crate) sent: Duration,
    /// When the answer had come, counted from the same moment.
    pub(crate) received: Duration,
}

/// The earliest and latest times heard in the last hour, carried forward by a monotonic clock.
///
/// API servers behind one address may differ, and the next answer may come from any of them: hence the extremes, not
/// the newest. The local wall clock is not used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness {
    minutes: VecDeque<Minute>,
}

/// The extremes of one minute, in nanoseconds: the API server's time minus the monotonic clock's.
#[derive(Clone, Copy, Debug)]
struct Minute {
    number: u64,
    least: i128,
    most: i128,
}

const HOUR_IN_MINUTES: u64 = 60;
const SECOND: i128 = 1_000_000_000;

impl Witness {
    /// Takes one answer into account.
    pub(crate) fn hear(&mut self, sample: Sample) {
        let date = i128::from(sample.date.as_secs()) * SECOND;
        let said = Minute {
            number: minute(sample.received),
            least: date - nanoseconds(sample.received),
            most: date + SECOND - nanoseconds(sample.sent),
        };
        match self.minutes.back_mut() {
            Some(last) if last.number >= said.number => {
                last.least = last.least.min(said.least);
                last.most = last.most.max(said.most);
            }
            _ => self.minutes.push_back(said),
        }
        self.minutes.retain(|heard| is_recent(heard, said.number));
    }

    /// Returns the bounds when the monotonic clock says `elapsed`; none before the first answer.
    ///
    /// After an hour of silence the last answer still counts: there is nothing better.
    pub(crate) fn bounds(&self, elapsed: Duration) -> Option<TimeBounds> {
        let last = self.minutes.back()?;
        let (least, most) = self
            .minutes
            .iter()
            .filter(|heard| is_recent(heard, minute(elapsed)))
            .fold((last.least, last.most), |(least, most), heard| {
                (least.min(heard.least), most.max(heard.most))
            });
        // One second on each side for the error of a monotonic clock's rate and a leap second: NTP changes the rate by
        // up to 500 millionths, which is less than a second in half an hour.
        Some(TimeBounds::new(
            unix_time(least + nanoseconds(elapsed) - SECOND),
            unix_time(most + nanoseconds(elapsed) + SECOND),
        ))
    }
}

/// By how much the local wall clock disagrees with the API servers' clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skew {
    /// What the local wall clock says.
    pub local: UnixTime,
    /// What the API servers' clocks may say.
    pub witnessed: TimeBounds,
    /// How far the local wall clock lies outside these bounds; zero if inside.
    pub by: Duration,
    /// How many answers have told the time so far.
    pub answers: u64,
}

impl Skew {
    /// Compares the two.
    pub(crate) fn between(local: UnixTime, witnessed: TimeBounds, answers: u64) -> Self {
        let before = witnessed.earliest().saturating_since(local);
        let after = local.saturating_since(witnessed.latest());
        Self {
            local,
            witnessed,
            by: before.max(after),
            answers,
        }
    }
}

impl std::fmt::Display for Skew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            local,
            witnessed,
            by,
            answers: _,
        } = self;
        write!(
            f,
            "it says {local}, the API servers say {} to {}: {} s apart",
            witnessed.earliest(),
            witnessed.latest(),
            by.as_secs()
        )
    }
}

fn is_recent(heard: &Minute, now: u64) -> bool {
    heard.number.saturating_add(HOUR_IN_MINUTES) >= now
}

fn minute(elapsed: Duration) -> u64 {
    elapsed.as_secs() / 60
}

fn nanoseconds(length: Duration) -> i128 {
    i128::try_from(length.as_nanos()).unwrap_or(i128::MAX / 4)
}

fn unix_time(nanoseconds: i128) -> UnixTime {
    let seconds = nanoseconds.div_euclid(SECOND);
    UnixTime::from_secs(i64::try_from(seconds).unwrap_or(if seconds < 0 {
        i64::MIN
    } else {
        i64::MAX
    }))
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;
