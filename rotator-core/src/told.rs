//! Which foreign certificates a rotator has reported: each once while it is in an entry.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use certgen::{Anchor, Fingerprint, ServerNames};

use crate::{
    observation::Observation,
    observe::Loaded,
    plan::FOREIGN_CAP,
    report::{ForeignCertificate, ForeignFound, NamesDropped},
    store::RecordName,
    target::{EntryName, EntryView, TargetRef, TargetView},
};

#[derive(Debug, Default)]
pub(crate) struct Told {
    foreign: BTreeMap<TargetRef, BTreeSet<(EntryName, Fingerprint)>>,
    names: BTreeMap<RecordName, ServerNames>,
}

impl Told {
    /// The foreign certificates in entries that were not reported yet. Empty without the authority: all would be
    /// foreign.
    pub(crate) fn foreign(
        &mut self,
        loaded: &Loaded,
        observation: &Observation,
    ) -> Vec<ForeignFound> {
        let Some(authority) = observation.authority.present() else {
            return Vec::new();
        };
        let (roots, subjects) = (authority.roots(), authority.subjects());
        let targets = loaded.readable_targets();
        let new = targets.filter_map(|view| {
            let found = found(view, &roots, &subjects);
            let standing = found.iter().map(|it| (it.entry.clone(), it.fingerprint));
            let standing = standing.collect();
            let told = self.foreign.insert(view.target.clone(), standing);
            let told = told.unwrap_or_default();
            let is_new =
                |it: &ForeignCertificate| !told.contains(&(it.entry.clone(), it.fingerprint));
            let certificates: Vec<_> = found.into_iter().filter(is_new).collect();
            (!certificates.is_empty()).then(|| ForeignFound {
                target: view.target.clone(),
                certificates,
                last_writer: view.last_writer.clone(),
            })
        });
        new.collect()
    }

    /// The names of foreign leaves that no leaf of ours will carry, and that were not reported yet.
    pub(crate) fn names_dropped(&mut self, observation: &Observation) -> Vec<NamesDropped> {
        if observation.authority.present().is_none() {
            return Vec::new();
        }
        let serving = observation.serving.iter().filter_map(|serving| {
            let leaf = serving.seen.present()?.leaf.as_ref()?;
            let dropped = (leaf.generation.is_none())
                .then(|| leaf.names.without(&serving.wanted))
                .flatten();
            let record = serving.record.clone();
            let Some(names) = dropped else {
                self.names.remove(&record);
                return None;
            };
            let told = self.names.insert(record.clone(), names.clone());
            (told.as_ref() != Some(&names)).then_some(NamesDropped { record, names })
        });
        serving.collect()
    }
}

/// The foreign certificates of a target, in each entry no more than are kept there.
fn found(
    view: &TargetView,
    roots: &BTreeSet<Fingerprint>,
    subjects: &BTreeSet<Fingerprint>,
) -> Vec<ForeignCertificate> {
    let is_foreign = |anchor: &&Anchor| {
        !roots.contains(&anchor.fingerprint()) && !subjects.contains(&anchor.subject_fingerprint())
    };
    let certificates = view.entries.iter().flat_map(|entry: &EntryView| {
        let foreign = entry.bundle.anchors().iter().filter(is_foreign);
        foreign.take(FOREIGN_CAP).map(|anchor| ForeignCertificate {
            entry: entry.name.clone(),
            fingerprint: anchor.fingerprint(),
            subject: anchor.facts().subject.clone(),
            not_after: anchor.facts().not_after,
        })
    });
    certificates.collect()
}
