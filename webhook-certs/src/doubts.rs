//! What an administrator is told only after it was seen again some seconds later: one answer may be a mistake.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

/// What is still so after this is told.
const DOUBTED_FOR: Duration = Duration::from_secs(4);
/// What was not seen again in this time is another matter when it comes back. Longer than between two tries of anything.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(180);

/// What was seen and is not told yet, or has been told, and when it was seen first and last.
#[derive(Debug)]
pub(crate) struct Doubts<K> {
    seen: BTreeMap<K, (Instant, Instant)>,
}

impl<K> Default for Doubts<K> {
    fn default() -> Self {
        Self {
            seen: BTreeMap::new(),
        }
    }
}

impl<K: Ord> Doubts<K> {
    /// Notes that it is seen now; answers whether it was so some seconds before, too.
    pub(crate) fn is_sure(&mut self, what: K) -> bool {
        let now = Instant::now();
        let (first, last) = self.seen.entry(what).or_insert((now, now));
        if now.saturating_duration_since(*last) >= FORGOTTEN_AFTER {
            *first = now;
        }
        *last = now;
        now.saturating_duration_since(*first) >= DOUBTED_FOR
    }

    /// Forgets what is not so any more.
    pub(crate) fn retain(&mut self, is_still: impl Fn(&K) -> bool) {
        self.seen.retain(|what, _| is_still(what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn after(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_sight_is_doubted_and_the_same_some_seconds_later_is_sure() {
        let mut doubts = Doubts::default();
        assert!(!doubts.is_sure("unreadable"));
        after(3).await;
        assert!(!doubts.is_sure("unreadable") && !doubts.is_sure("refused"));
        after(1).await;
        assert!(doubts.is_sure("unreadable") && !doubts.is_sure("refused"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_well_in_between_or_long_ago_is_doubted_anew() {
        let mut doubts = Doubts::default();
        assert!(!doubts.is_sure("unreadable"));
        after(2).await;
        doubts.retain(|_| false);
        after(2).await;
        assert!(!doubts.is_sure("unreadable"));
        after(180).await;
        assert!(!doubts.is_sure("unreadable"));
    }
}
