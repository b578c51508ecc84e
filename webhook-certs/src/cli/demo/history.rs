//! The bundles of a webhook configuration, each from when it was written: a caller that is late reads further back.

use std::sync::{Arc, Mutex, PoisonError};

use certgen::{Anchor, parse_bundle};
use tokio::time::Instant;

/// Every bundle so far.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<Vec<Written>>);

/// One bundle.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) at: Instant,
    pub(super) anchors: Arc<[Anchor]>,
}

impl History {
    /// Takes down what the configuration says from now on.
    pub(super) fn write(&self, bundle: &[u8]) {
        let written = Written {
            at: Instant::now(),
            anchors: parse_bundle(bundle).anchors.into(),
        };
        self.all().push(written);
    }

    /// The first bundle after the first `seen`.
    pub(super) fn after(&self, seen: usize) -> Option<Written> {
        self.all().get(seen).cloned()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Written>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Written {
    /// The generations whose roots are trusted.
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

/// `CN=guard.guard-system webhook CA g3 0a1b2c3d` is of generation 3.
fn generation(subject: &str) -> Option<&str> {
    subject
        .split(' ')
        .filter_map(|word| word.strip_prefix('g'))
        .find(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}
