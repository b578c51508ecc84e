//! Rule 9: the bundles of one target.

use alloc::{collections::BTreeSet, vec::Vec};
use core::cell::OnceCell;

use certgen::Fingerprint;

use super::{Action, Decision, Publication, Urgency, Why};
use crate::{
    judge::Judge,
    observation::{EntrySeen, Observation, TargetObservation, TargetSeen},
    policy::Policy,
    target::EntryName,
};

/// What every entry of every target must hold: the same for all, so one decision asks once.
#[derive(Default)]
pub(super) struct Needs(OnceCell<Needed>);

struct Needed {
    roots: BTreeSet<Fingerprint>,
    /// Those, and every root that a served leaf may still need.
    all: BTreeSet<Fingerprint>,
}

pub(super) fn decide(
    target: &TargetObservation,
    observed: &Observation,
    policy: &Policy,
    judge: &Judge,
    needs: &Needs,
) -> Decision {
    let entries = match &target.seen {
        TargetSeen::Unreadable => return Decision::Wait(Why::ReadFailed),
        TargetSeen::Absent => return Decision::Wait(Why::TargetAbsent),
        TargetSeen::Readable(entries) => entries,
    };
    let Some(authority) = observed.authority.present() else {
        return Decision::Wait(Why::NoAuthority);
    };
    let Needed { roots, all: needed } = needs.0.get_or_init(|| {
        let roots = authority.roots();
        let all = needed(&roots, observed, policy, judge);
        Needed { roots, all }
    });
    let lacking: Vec<(&EntryName, &EntrySeen)> = entries
        .iter()
        .filter(|(_, entry)| !holds(entry, needed))
        .collect();
    if lacking.is_empty() {
        return Decision::Wait(Why::Settled);
    }
    if let Some(undone) = target
        .undone
        .as_ref()
        .filter(|undone| undone.needed == *needed && !undone.wait.is_zero())
    {
        judge.note(undone.wait);
        return Decision::Wait(Why::Undone);
    }
    let broken = lacking.iter().any(|(_, entry)| is_broken(entry, roots));
    let entries = lacking
        .into_iter()
        .map(|(name, entry)| (name.clone(), content(entry, needed, policy, judge)));
    Decision::Act(Action::Publish(Publication {
        target: target.target.clone(),
        entries: entries.collect(),
        needed: needed.clone(),
        urgency: if broken {
            Urgency::Broken
        } else {
            Urgency::Routine
        },
    }))
}

/// Every root of the record, and every root that a served leaf may still need.
fn needed(
    roots: &BTreeSet<Fingerprint>,
    observed: &Observation,
    policy: &Policy,
    judge: &Judge,
) -> BTreeSet<Fingerprint> {
    let allowance = policy.durations().clock_allowance;
    let served = observed
        .serving
        .iter()
        .filter_map(|serving| serving.seen.present())
        .flat_map(|view| &view.ca);
    let served = served
        .filter(|(_, end)| !judge.may_be_removed(**end, allowance))
        .map(|(root, _)| *root);
    roots.iter().copied().chain(served).collect()
}

/// What is needed, and everything that stood there and has not surely ended: dropping a certificate that we do not
/// know could break somebody who serves from it.
fn content(
    entry: &EntrySeen,
    needed: &BTreeSet<Fingerprint>,
    policy: &Policy,
    judge: &Judge,
) -> BTreeSet<Fingerprint> {
    let allowance = policy.durations().clock_allowance;
    let mut content = needed.clone();
    if let EntrySeen::Holds(anchors) = entry {
        content.extend(
            anchors
                .iter()
                .filter(|(_, end)| !judge.may_be_removed(**end, allowance))
                .map(|(anchor, _)| *anchor),
        );
    }
    content
}

fn holds(entry: &EntrySeen, needed: &BTreeSet<Fingerprint>) -> bool {
    match entry {
        EntrySeen::Broken => false,
        EntrySeen::Holds(anchors) => needed.iter().all(|root| anchors.contains_key(root)),
    }
}

/// Whether a caller that holds this can verify nothing of ours.
fn is_broken(entry: &EntrySeen, roots: &BTreeSet<Fingerprint>) -> bool {
    match entry {
        EntrySeen::Broken => true,
        EntrySeen::Holds(anchors) => !anchors.keys().any(|anchor| roots.contains(anchor)),
    }
}
