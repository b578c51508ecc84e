//! What no action may break, each on what was seen and what is asked for.

use std::collections::{BTreeMap, BTreeSet};

use certgen::{Fingerprint, UnixTime};
use rotator_core::{
    Action, AuthorityView, GenerationView, NewLeaf, NewRoot, Publication, TargetSeen,
};

use crate::{arbitrary::Situation, model::held};

/// I1: a new generation is crossed with the one before it, and only the active one signs leaves, none of which
/// outlives its root.
pub(crate) fn forward(situation: &Situation, action: &Action) -> bool {
    let Some(authority) = situation.authority() else {
        return !matches!(action, Action::IssueLeaf(_) | Action::CreateSuccessor(_));
    };
    match action {
        Action::CreateSuccessor(NewRoot {
            not_before,
            crossed,
            ..
        }) => *crossed || authority.newest().not_after <= *not_before,
        Action::IssueLeaf(NewLeaf {
            generation,
            not_after,
            ..
        }) => {
            let root = authority.active;
            *generation == root.number
                && (root.not_before < *not_after && *not_after <= root.not_after)
        }
        _ => true,
    }
}

/// I2: a bundle contains every root of the record, and every certificate that stood in the entry and has not ended.
pub(crate) fn backward(situation: &Situation, action: &Action) -> bool {
    let (Action::Publish(publication), Some(authority)) = (action, situation.authority()) else {
        return !matches!(action, Action::Publish(_));
    };
    let roots = authority.roots();
    let earliest = situation.now.earliest();
    changed_entries(situation, publication).all(|(before, after)| {
        let mut unexpired = before.iter().filter(|(_, end)| **end >= earliest);
        after.is_superset(&roots) && unexpired.all(|(it, _)| after.contains(it))
    })
}

/// I3: nothing leaves the record or a bundle while `earliest <= not_after + clock allowance`.
pub(crate) fn no_early_removal(situation: &Situation, action: &Action) -> bool {
    let allowance = i128::from(situation.policy.durations().clock_allowance.as_secs());
    let earliest = i128::from(situation.now.earliest().as_secs());
    let may_go = |end: UnixTime| earliest > i128::from(end.as_secs()) + allowance;
    match action {
        Action::Forget { generations } => {
            let superseded = &situation.authority().unwrap().superseded;
            generations.iter().all(|number| {
                let mut gone = superseded.iter().filter(|it| it.number == *number);
                gone.next().is_some_and(|it| may_go(it.not_after))
            })
        }
        Action::Publish(publication) => {
            changed_entries(situation, publication).all(|(before, after)| {
                let mut gone = before.iter().filter(|(it, _)| !after.contains(it));
                gone.all(|(_, end)| may_go(*end))
            })
        }
        _ => true,
    }
}

/// I4: generation numbers, root starts and ends, the active generation and a leaf's generation never decrease.
pub(crate) fn monotone(situation: &Situation, action: &Action) -> bool {
    match (action, situation.authority()) {
        (Action::CreateAuthority(new), None) => new.generation == 1,
        (Action::CreateSuccessor(new), Some(authority)) => {
            new.generation == authority.newest().number + 1
                && authority.successor.is_none()
                && newest_started(situation, authority).is_none_or(|it| {
                    it.not_before <= new.not_before && it.not_after <= new.not_after
                })
        }
        (Action::Promote { generation, .. }, Some(authority)) => authority
            .successor
            .is_some_and(|it| it.number == *generation),
        (Action::IssueLeaf(new), Some(authority)) => {
            // The authority is read last: no leaf is of a generation that was not active yet.
            let before = generation_of(situation, new).filter(|it| *it <= authority.active.number);
            before.is_none_or(|before| before <= new.generation)
        }
        (Action::CreateAuthority(_) | Action::CreateSuccessor(_) | Action::Promote { .. }, _) => {
            false
        }
        _ => true,
    }
}

/// Starts are counted from the earliest time and ends from the latest, and certificates can carry both.
pub(crate) fn dates(situation: &Situation, action: &Action) -> bool {
    let durations = situation.policy.durations();
    let (earliest, latest) = (situation.now.earliest(), situation.now.latest());
    match action {
        Action::CreateAuthority(new) | Action::CreateSuccessor(new) => {
            let started = situation
                .authority()
                .and_then(|it| newest_started(situation, it));
            let start = earliest.saturating_sub(situation.policy.backdating());
            let end = latest.saturating_add(durations.ca_lifetime);
            new.not_before == started.map_or(start, |it| start.max(it.not_before))
                && new.not_after == started.map_or(end, |it| end.max(it.not_after))
                && (new.not_before.is_expressible() && new.not_after.is_expressible())
        }
        Action::IssueLeaf(new) => {
            let end = latest.saturating_add(durations.leaf_lifetime);
            let root = situation.authority().unwrap().active;
            new.not_after == end.min(root.not_after) && new.not_after.is_expressible()
        }
        Action::Mark { at } => *at == latest,
        _ => true,
    }
}

fn newest_started<'a>(
    situation: &Situation,
    authority: &'a AuthorityView,
) -> Option<&'a GenerationView> {
    let latest = situation.now.latest();
    authority
        .generations()
        .filter(|it| it.not_before <= latest)
        .last()
}

fn generation_of(situation: &Situation, new: &NewLeaf) -> Option<u32> {
    let serving = situation.observed.serving.iter();
    let mut of_record = serving.filter(|serving| serving.record == new.record);
    of_record.next()?.seen.present()?.leaf.as_ref()?.generation
}

/// Each entry that is written: what it held and what it shall hold.
fn changed_entries<'a>(
    situation: &'a Situation,
    publication: &'a Publication,
) -> impl Iterator<Item = (BTreeMap<Fingerprint, UnixTime>, &'a BTreeSet<Fingerprint>)> {
    let targets = situation.observed.targets.iter();
    let seen = targets.filter(|target| target.target == publication.target);
    let entries = seen.filter_map(|target| match &target.seen {
        TargetSeen::Readable(entries) => Some(entries),
        TargetSeen::Absent | TargetSeen::Unreadable => None,
    });
    let entries: Vec<_> = entries.collect();
    publication.entries.iter().map(move |(name, after)| {
        let before = entries.iter().find_map(|entries| entries.get(name));
        (held(before.expect("only what was read is written")), after)
    })
}
