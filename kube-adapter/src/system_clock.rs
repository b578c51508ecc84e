//! The time by the local wall clock, for use without an API server.

use std::time::Duration;

use rotator_core::{Clock, ClockError, TimeBounds};

use crate::listener::local_time;

/// A [`Clock`] that trusts the local wall clock, within an allowance.
///
/// For stores and targets without Kubernetes, demonstrations and tests. Where there is an API server, use
/// [`KubeClock`](crate::KubeClock): the API server's clock decides whether a certificate is valid.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "one parameter is all there can be"
)]
pub struct SystemClock {
    /// By how much any verifier's clock may differ from the local one; whole seconds.
    pub allowance: Duration,
}

impl Clock for SystemClock {
    fn bounds(&self) -> Option<TimeBounds> {
        Some(TimeBounds::around(local_time(), self.allowance))
    }

    async fn fresh(&self) -> Result<TimeBounds, ClockError> {
        Ok(TimeBounds::around(local_time(), self.allowance))
    }
}
