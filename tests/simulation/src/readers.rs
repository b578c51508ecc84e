//! Who reads what the controllers wrote, each as late as it likes: callers look at bundles, replicas take chains.

use crate::judge::{BundleId, ChainId, Shelf};

/// An API server: for each entry of each target, the version of the bundle that it saw last.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Its clock minus the true time.
    pub(crate) offset: i64,
    /// By target: which version was seen last.
    pub(crate) seen: Vec<usize>,
    /// When it last saw all as it stood.
    pub(crate) looked_at: i64,
}

impl Caller {
    /// Looks at a target with so many versions: at the newest, or at one that is `back` before it and not seen yet.
    pub(crate) fn look(&mut self, target: usize, versions: usize, back: usize) {
        let newest = versions - 1;
        let unseen = newest - self.seen[target];
        self.seen[target] = newest - back % (unseen + 1);
    }
}

/// One version of a target: a bundle per entry, or nothing while the object does not exist.
#[derive(Clone, Debug)]
pub(crate) struct TargetVersion {
    pub(crate) bundles: Option<Vec<BundleId>>,
    pub(crate) is_foreign: bool,
    /// An attacker wrote it, or a tool wrote back what he had written, and no controller has found it well since.
    pub(crate) is_attack: bool,
    /// When it became the present one.
    pub(crate) since: i64,
}

/// A webhook server.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    pub(crate) installation: usize,
    pub(crate) record: usize,
    seen: usize,
    /// When it was last shown the record as it stood.
    pub(crate) shown_at: i64,
    /// When it last took the chain that the record held.
    pub(crate) took_at: i64,
    pub(crate) in_hand: Option<ChainId>,
    /// Whether it is called: once its first chain was verified under every target's bundle.
    pub(crate) is_ready: bool,
}

impl Replica {
    pub(crate) fn new(installation: usize, record: usize) -> Self {
        Self {
            installation,
            record,
            seen: 0,
            shown_at: i64::MIN,
            took_at: i64::MIN,
            in_hand: None,
            is_ready: false,
        }
    }

    /// Is shown the serving record: takes the chain, unless that has ended by its clock and ends before the one in hand.
    pub(crate) fn take(
        &mut self,
        versions: &[Option<ChainId>],
        back: usize,
        shelf: &Shelf,
        now: i64,
    ) {
        let Some(newest) = versions.len().checked_sub(1) else {
            return;
        };
        self.seen = newest - back % (newest - self.seen + 1);
        if back == 0 {
            self.shown_at = now;
        }
        let Some(offered) = versions[self.seen] else {
            return;
        };
        let end = |chain: ChainId| shelf.leaf(chain).not_after;
        let ends_before = self
            .in_hand
            .is_some_and(|in_hand| end(offered) < end(in_hand));
        if !(end(offered) < now && ends_before) {
            self.in_hand = Some(offered);
            if back == 0 {
                self.took_at = now;
            }
        }
    }
}
