//! What no action may break, each on what was seen and what is asked for.

use std::collections::{BTreeMap, BTreeSet};

use certgen::{Fingerprint, UnixTime};
use rotator_core::{
    Action, AnchorView, AuthorityView, FOREIGN_CAP, FOREIGN_SUBJECT_CAP, GenerationView, NewLeaf,
    NewRoot, Publication, REMEMBERED_CAP, TargetSeen,
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

/// I2: a bundle contains every root of the record, and every certificate that stood in the entry and has not ended; but for
/// impostors of ours, and of too many.
pub(crate) fn backward(situation: &Situation, action: &Action) -> bool {
    let (Action::Publish(publication), Some(authority)) = (action, situation.authority()) else {
        return !matches!(action, Action::Publish(_));
    };
    let roots = authority.roots();
    let earliest = situation.now.earliest();
    changed_entries(situation, publication).all(|(before, after)| {
        let mut unexpired = before.iter().filter(|(_, it)| it.not_after >= earliest);
        after.is_superset(&roots)
            && unexpired.all(|(it, anchor)| {
                after.contains(it)
                    || may_be_left_out(authority, &publication.needed, (&before, after), anchor)
            })
    })
}

/// It bears a subject of ours, or the entry is full without it.
fn may_be_left_out(
    authority: &AuthorityView,
    needed: &BTreeSet<Fingerprint>,
    (before, after): (&BTreeMap<Fingerprint, AnchorView>, &BTreeSet<Fingerprint>),
    anchor: &AnchorView,
) -> bool {
    let kept = before
        .iter()
        .filter(|(it, _)| after.contains(it) && !needed.contains(it));
    let of_subject = kept.clone().filter(|(_, it)| it.subject == anchor.subject);
    authority.subjects().contains(&anchor.subject)
        || kept.count() == FOREIGN_CAP
        || of_subject.count() == FOREIGN_SUBJECT_CAP
}

/// I10: a certificate gets into a bundle from the authority record, or because it stood in that entry; an impostor of ours
/// and what is too much never.
pub(crate) fn trusted(situation: &Situation, action: &Action) -> bool {
    let (Action::Publish(publication), Some(authority)) = (action, situation.authority()) else {
        return true;
    };
    let (roots, subjects) = (authority.roots(), authority.subjects());
    let is_of_the_record =
        |it: &Fingerprint| roots.contains(it) || authority.remembered.contains_key(it);
    let needed = &publication.needed;
    let mut entries = changed_entries(situation, publication);
    needed.iter().all(is_of_the_record)
        && entries.all(|(before, after)| {
            let others: Vec<_> = after.iter().filter(|it| !needed.contains(it)).collect();
            others.len() <= FOREIGN_CAP
                && others.iter().all(|it| {
                    let stood = before.get(it);
                    stood.is_some_and(|stood| !subjects.contains(&stood.subject))
                })
        })
}

/// I10: a foreign root is remembered only if it verifies a leaf in place and stands in every entry with our active root; one
/// of each issuer, and few.
pub(crate) fn remembered(situation: &Situation, action: &Action) -> bool {
    let (Action::Remember { roots }, Some(authority)) = (action, situation.authority()) else {
        return true;
    };
    let serving = situation.observed.serving.iter();
    let leaves = serving.filter_map(|it| it.seen.present()?.leaf.as_ref());
    let leaves: Vec<_> = leaves.filter(|it| it.generation.is_none()).collect();
    let verifies = |root: &Fingerprint| leaves.iter().any(|leaf| leaf.verifiers.contains_key(root));
    let mut new = roots
        .keys()
        .filter(|it| !authority.remembered.contains_key(it));
    roots.len() <= REMEMBERED_CAP.max(authority.remembered.len())
        && new.all(|root| verifies(root) && stands_beside_us(situation, authority, root))
}

fn stands_beside_us(situation: &Situation, authority: &AuthorityView, root: &Fingerprint) -> bool {
    let mut count = 0;
    for target in &situation.observed.targets {
        let entries = match &target.seen {
            TargetSeen::Unreadable => return false,
            TargetSeen::Absent => continue,
            TargetSeen::Readable(entries) => entries.values().map(held),
        };
        for entry in entries {
            if entry.contains_key(root) {
                count += 1;
            } else if is_plainly_usable(authority, &entry) {
                return false;
            }
        }
    }
    count > 0
}

/// It holds the active root, and nothing that must leave it.
fn is_plainly_usable(authority: &AuthorityView, entry: &BTreeMap<Fingerprint, AnchorView>) -> bool {
    let (roots, subjects) = (authority.roots(), authority.subjects());
    entry.contains_key(&authority.active.root)
        && entry
            .iter()
            .all(|(it, anchor)| roots.contains(it) || !subjects.contains(&anchor.subject))
        && entry.len() <= FOREIGN_SUBJECT_CAP
}

/// I3: but for the same, nothing leaves the record or a bundle while `earliest <= not_after + clock allowance`.
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
                let authority = situation.authority().unwrap();
                gone.all(|(_, anchor)| {
                    may_go(anchor.not_after)
                        || may_be_left_out(authority, &publication.needed, (&before, after), anchor)
                })
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
) -> impl Iterator<Item = (BTreeMap<Fingerprint, AnchorView>, &'a BTreeSet<Fingerprint>)> {
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
