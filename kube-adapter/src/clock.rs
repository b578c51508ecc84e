//! The time as the API servers say it. The one file that reads a clock.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use certgen::UnixTime;
use http::{HeaderMap, header::DATE};
use jiff::fmt::rfc2822;
use rotator_core::{Clock, ClockError, TimeBounds};
use tokio::time::Instant;

use crate::{
    api_server::ApiServer,
    fault::Needs,
    witness::{Sample, Skew, Witness},
};

/// [`Clock`] from the `Date` of the API server's answers, carried forward by the monotonic clock.
///
/// Every answer that comes through the same [`ApiServer`] counts, whoever asked. The local wall clock only serves
/// to warn: see [`skew`](Self::skew).
#[derive(Clone, Debug)]
pub struct KubeClock {
    api: ApiServer,
}

impl KubeClock {
    /// A clock that hears what `api` hears.
    pub fn new(api: &ApiServer) -> Self {
        Self { api: api.clone() }
    }

    /// How the local wall clock compares; none before the first answer.
    ///
    /// Nothing is decided by it, but rustls judges the API server's own certificate by the local clock, and a
    /// machine whose clock is wrong surprises people: warn when it lies outside by more than the clock allowance.
    pub fn skew(&self) -> Option<Skew> {
        let witnessed = self.bounds()?;
        Some(Skew::between(local_time(), witnessed))
    }
}

impl Clock for KubeClock {
    fn bounds(&self) -> Option<TimeBounds> {
        self.api.listener().bounds()
    }

    /// One `GET /version`: every authenticated user may (`system:public-info-viewer`), and where not, the refusal
    /// tells the time as well.
    async fn fresh(&self) -> Result<TimeBounds, ClockError> {
        let request = http::Request::get("/version")
            .body(Vec::new())
            .map_err(ClockError::new)?;
        let heard_before = self.api.listener().answers();
        let answer = self.api.call(request, &Needs::new("get", "/version")).await;
        if self.api.listener().answers() > heard_before {
            return self.bounds().ok_or_else(|| ClockError::new(NoDate));
        }
        match answer {
            Err(crate::fault::Fault::Unavailable { source, .. }) => Err(ClockError::new(source)),
            _ => Err(ClockError::new(NoDate)),
        }
    }
}

/// An answer without a time.
#[derive(Debug, thiserror::Error)]
#[error("the answer has no `Date` that can be read")]
struct NoDate;

/// Hears the `Date` of each answer, and when it came.
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

    /// Takes the `Date` of an answer into account, if there is one that can be read.
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

    /// The bounds now; none before the first answer.
    pub(crate) fn bounds(&self) -> Option<TimeBounds> {
        let elapsed = self.elapsed();
        self.heard().witness.bounds(elapsed)
    }

    /// For people: the earliest that an API server's clock may say; before the first answer what the local one says.
    pub(crate) fn micro_time(&self) -> String {
        let now = self.bounds().map_or_else(local_time, TimeBounds::earliest);
        let second = jiff::Timestamp::from_second(now.as_secs()).unwrap_or_default();
        format!("{second:.6}")
    }

    /// How many answers told the time.
    fn answers(&self) -> u64 {
        self.heard().answers
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the local wall clock says. Nothing is decided by it: it serves to warn, and to compare two certificates.
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

/// An IMF-fixdate (RFC 9110 §5.6.7), which is a date of RFC 2822 that ends in GMT.
fn parse(date: &str) -> Option<UnixTime> {
    rfc2822::DateTimeParser::new()
        .parse_timestamp(date)
        .ok()
        .map(|timestamp| UnixTime::from_secs(timestamp.as_second()))
}

#[cfg(test)]
mod tests;
