//! The time by the API servers' clocks.

use rotator_core::{Clock, ClockError, TimeBounds};

use crate::{
    api_server::ApiServer,
    fault::{Fault, Needs},
    listener::local_time,
    witness::Skew,
};

/// [`Clock`] from the `Date` of the API server's answers, carried forward by the monotonic clock.
///
/// Every answer received through the same [`ApiServer`] counts, whichever component sent the request. The local wall
/// clock only serves to warn: see [`skew`](Self::skew).
#[derive(Clone, Debug)]
pub struct KubeClock {
    api: ApiServer,
}

impl KubeClock {
    /// Makes a clock from the answers that `api` receives.
    pub fn new(api: &ApiServer) -> Self {
        Self { api: api.clone() }
    }

    /// Compares the local wall clock with the API servers'; none before the first answer.
    ///
    /// No decision uses it. But rustls verifies the API server's own certificate by the local clock, and administrators
    /// do not expect a wrong one: warn when it lies outside the bounds by more than the clock allowance.
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

    /// Sends one `GET /version`.
    ///
    /// Every authenticated user is permitted to (`system:public-info-viewer`); where not, the refusal carries the time
    /// as well.
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

/// An answer whose `Date` is absent or cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the answer has no `Date` that can be read")]
struct NoDate;

#[cfg(test)]
mod tests;
