//! Rule 9: the bundles of one target.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{Action, Decision, Publication, Urgency, Why, entry::Expected};
use crate::{
    judge::Judge,
    observation::{EntrySeen, TargetObservation, TargetSeen},
    target::EntryName,
};

pub(super) fn decide(
    target: &TargetObservation,
    expected: Option<&Expected<'_>>,
    judge: &Judge,
) -> Decision {
    let entries = match &target.seen {
        TargetSeen::Unreadable => return Decision::Wait(Why::ReadFailed),
        TargetSeen::Absent => return Decision::Wait(Why::TargetAbsent),
        TargetSeen::Readable(entries) => entries,
    };
    let Some(expected) = expected else {
        return Decision::Wait(Why::NoAuthority);
    };
    let unmet: Vec<(&EntryName, &EntrySeen)> = entries
        .iter()
        .filter(|(_, entry)| !expected.is_met_by(entry))
        .collect();
    if unmet.is_empty() {
        return Decision::Wait(Why::Settled);
    }
    let is_broken = unmet.iter().any(|(_, entry)| expected.is_unusable(entry));
    // The older roots in it expire sooner than what is served, so a standby does not rely on them.
    let is_behind = (unmet.iter()).any(|(_, entry)| expected.lacks_the_active_root(entry));
    let undone = target.undone.as_ref();
    let undone = undone.filter(|undone| undone.needed == *expected.needed());
    let wait = undone.map(|undone| if is_broken { undone.pause } else { undone.wait });
    if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
        judge.note(wait);
        return Decision::Wait(Why::Undone);
    }
    let none = BTreeMap::new();
    let returned = target.undone.as_ref();
    let returned = returned.map_or(&none, |undone| &undone.returned);
    let mut left_out = BTreeSet::new();
    let entries = unmet.into_iter().map(|(name, entry)| {
        let content = expected.content(entry, returned);
        left_out.extend(content.left_out);
        (name.clone(), content.certificates)
    });
    Decision::Act(Action::Publish(Publication {
        target: target.target.clone(),
        entries: entries.collect(),
        needed: expected.needed().clone(),
        left_out,
        urgency: if is_broken || is_behind {
            Urgency::Broken
        } else {
            Urgency::Routine
        },
    }))
}
