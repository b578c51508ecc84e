//! The time as the API servers say it.

use rotator_core::{Clock, ClockError, TimeBounds};

use crate::{
    api_server::ApiServer,
    fault::{Fault, Needs},
    listener::local_time,
    witness::Skew,
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
        let answers = self.api.listener().answers();
        Some(Skew::between(local_time(), witnessed, answers))
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
            Err(Fault::Unavailable { source, .. }) => Err(ClockError::new(source)),
            _ => Err(ClockError::new(NoDate)),
        }
    }
}

/// An answer without a time.
#[derive(Debug, thiserror::Error)]
#[error("the answer has no `Date` that can be read")]
struct NoDate;

#[cfg(test)]
mod tests;
