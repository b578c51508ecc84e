//! Records the `Date` of each answer of an API server, and when it came. The only file that reads the time of day.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use certgen::UnixTime;
use http::{HeaderMap, header::DATE};
use jiff::fmt::rfc2822;
use rotator_core::TimeBounds;
use tokio::time::Instant;

use crate::witness::{Sample, Witness};

/// Collects the `Date` of each answer, and when it came.
#[derive(Debug)]
pub(crate) struct Listener {
    since: Instant,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    witness: Witness,
    answers: u64,
}

impl Listener {
    pub(crate) fn new() -> Self {
        Self {
            since: Instant::now(),
            heard: Mutex::default(),
        }
    }

    /// The monotonic clock, since this listener was made.
    pub(crate) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// Takes the `Date` of an answer into account, if it can be read.
    pub(crate) fn hear(&self, headers: &HeaderMap, sent: Duration) {
        let Some(date) = headers
            .get(DATE)
            .and_then(|date| parse(date.to_str().ok()?))
        else {
            return;
        };
        let received = self.elapsed();
        let mut heard = self.heard();
        heard.answers += 1;
        heard.witness.hear(Sample {
            date,
            sent,
            received,
        });
    }

    /// Returns the bounds now; none before the first answer.
    pub(crate) fn bounds(&self) -> Option<TimeBounds> {
        let elapsed = self.elapsed();
        self.heard().witness.bounds(elapsed)
    }

    /// Returns the time for people: the earliest by the API servers' clocks, or the local time before the first answer.
    pub(crate) fn micro_time(&self) -> String {
        self.micro_time_before(Duration::ZERO)
    }

    /// Returns the same for a moment so long ago.
    pub(crate) fn micro_time_before(&self, ago: Duration) -> String {
        let now = self.bounds().map_or_else(local_time, TimeBounds::earliest);
        let ago = i64::try_from(ago.as_secs()).unwrap_or(i64::MAX);
        let then = now.as_secs().saturating_sub(ago);
        let second = jiff::Timestamp::from_second(then).unwrap_or_default();
        format!("{second:.6}")
    }

    /// Returns how many answers told the time.
    pub(crate) fn answers(&self) -> u64 {
        self.heard().answers
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the local wall clock's time. No decision uses it: it serves to warn, and to compare two certificates.
pub fn local_time() -> UnixTime {
    #[expect(clippy::disallowed_methods, reason = "this is the clock adapter")]
    let now = SystemTime::now();
    let seconds = match now.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs())
            .unwrap_or(i64::MAX)
            .saturating_neg(),
    };
    UnixTime::from_secs(seconds)
}

/// Parses an IMF-fixdate (RFC 9110 §5.6.7), which is a date of RFC 2822 that ends in GMT.
fn parse(date: &str) -> Option<UnixTime> {
    rfc2822::DateTimeParser::new()
        .parse_timestamp(date)
        .ok()
        .map(|timestamp| UnixTime::from_secs(timestamp.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_date_of_http_only() {
        assert_eq!(
            parse("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(UnixTime::from_secs(784_111_777))
        );
        for bad in ["", "0", "Sun, 06 Nov 1994", "1994-11-06T08:49:37Z"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
