//! Holds back what the administrator is to hear until it is seen again some seconds later: one answer may be a mistake.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

/// How long a problem must last before it is reported.
const DOUBTED_FOR: Duration = Duration::from_secs(4);
/// How long until a problem that was not seen again counts as new. Longer than between two tries of any call.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(180);

/// The problems that were seen, each with the first and the last time.
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
    /// Notes that `what` is seen now; returns whether it was seen some seconds before, too.
    pub(crate) fn is_sure(&mut self, what: K) -> bool {
        let now = Instant::now();
        let (first, last) = self.seen.entry(what).or_insert((now, now));
        if now.saturating_duration_since(*last) >= FORGOTTEN_AFTER {
            *first = now;
        }
        *last = now;
        now.saturating_duration_since(*first) >= DOUBTED_FOR
    }

    /// Forgets the problems that no longer exist.
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
