//! The bundles of a webhook configuration over time: a late caller reads an earlier one.

use std::sync::{Arc, Mutex, PoisonError};

use certgen::{Anchor, parse_bundle};
use tokio::time::Instant;

/// Every bundle so far.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<Vec<Written>>);

/// One bundle, and when it was written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) at: Instant,
    pub(super) anchors: Arc<[Anchor]>,
}

impl History {
    /// Records the configuration's new bundle.
    pub(super) fn write(&self, bundle: &[u8]) {
        let written = Written {
            at: Instant::now(),
            anchors: parse_bundle(bundle).anchors.into(),
        };
        self.all().push(written);
    }

    /// Returns the first bundle after the first `seen`.
    pub(super) fn after(&self, seen: usize) -> Option<Written> {
        self.all().get(seen).cloned()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Written>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Written {
    /// Names the generations whose roots the bundle contains.
    pub(super) fn generations(&self) -> String {
        let subjects = self
            .anchors
            .iter()
            .map(|anchor| &anchor.certificate().facts().subject);
        let mut generations: Vec<&str> =
            subjects.filter_map(|subject| generation(subject)).collect();
        generations.sort_unstable();
        generations.join(" ")
    }
}

/// Reads the generation of a subject: `CN=guard.guard-system webhook CA g3 0a1b2c3d` has generation 3.
fn generation(subject: &str) -> Option<&str> {
    subject
        .split(' ')
        .filter_map(|word| word.strip_prefix('g'))
        .find(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}
