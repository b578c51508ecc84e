//! Signals that something may have changed.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// A counter of changes, and the last one that the caller of [`next`](Self::next) has seen.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    count: watch::Sender<u64>,
    seen: Arc<Mutex<u64>>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            count: watch::Sender::new(0),
            seen: Arc::default(),
        }
    }
}

impl Changes {
    /// Records that something may have changed.
    pub(crate) fn note(&self) {
        self.count
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Resolves when something changed since the last call returned.
    pub(crate) async fn next(&self) {
        let mut count = self.count.subscribe();
        let seen = *self.seen();
        // The sender lives as long as `self`, so this cannot fail.
        if let Ok(now) = count.wait_for(|count| *count != seen).await {
            *self.seen() = *now;
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, u64> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_change_before_the_call_counts_once() {
        let changes = Changes::default();
        changes.note();
        changes.note();
        assert!(changes.next().now_or_never().is_some());
        assert!(changes.next().now_or_never().is_none());
        changes.note();
        assert!(changes.next().now_or_never().is_some());
    }
}
