//! A clock in memory, which stands still until it is set: for tests, examples and the demo.

use alloc::sync::Arc;

use spin::Mutex;

use crate::{
    bounds::TimeBounds,
    ports::{Clock, ClockError},
};

/// A [`Clock`] that says what it was last set to. Clones share it.
#[derive(Clone, Debug)]
pub struct MemoryClock(Arc<Mutex<TimeBounds>>);

impl MemoryClock {
    /// A clock that says `now`.
    pub fn new(now: TimeBounds) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// Sets it, forwards or backwards.
    pub fn set(&self, now: TimeBounds) {
        *self.0.lock() = now;
    }
}

impl Clock for MemoryClock {
    fn bounds(&self) -> Option<TimeBounds> {
        Some(*self.0.lock())
    }

    async fn fresh(&self) -> Result<TimeBounds, ClockError> {
        Ok(*self.0.lock())
    }
}
