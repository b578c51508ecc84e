//! The targets as users name them: `NAME` or `NAME/ENTRY`.

use std::collections::BTreeMap;

use kube_adapter::Target;
use webhook_inject::{Selector, TargetKind};

/// Targets by kind and name; entries named twice are one target with two entries.
#[derive(Clone, Debug)]
pub(crate) struct TargetSet {
    whole: Selector,
    targets: BTreeMap<(TargetKind, String), Selector>,
}

impl TargetSet {
    pub(crate) fn of_service(namespace: &str, service: &str) -> Self {
        Self {
            whole: Selector::of_service(namespace, service),
            targets: BTreeMap::new(),
        }
    }

    /// `NAME`, or `NAME/ENTRY` for one entry of it.
    pub(crate) fn add(&mut self, kind: TargetKind, text: &str) {
        let (name, entry) = match text.split_once('/') {
            Some((name, entry)) => (name, Some(entry)),
            None => (text, None),
        };
        let selector = self
            .targets
            .entry((kind, name.to_owned()))
            .or_insert_with(|| self.whole.clone());
        if let Some(entry) = entry {
            *selector = selector.clone().and_entry(entry);
        }
    }

    pub(crate) fn into_targets(self) -> impl Iterator<Item = Target> {
        self.targets
            .into_iter()
            .map(|((kind, name), entries)| Target {
                kind,
                name,
                entries,
            })
    }
}
