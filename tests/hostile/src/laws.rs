//! What no action may break, by the words of `ARCHITECTURE.md`.

use std::collections::{BTreeMap, BTreeSet};

use certgen::{Fingerprint, UnixTime};
use rotator_core::{
    Action, AnchorView, AuthorityView, FOREIGN_BYTES_CAP, FOREIGN_CAP, FOREIGN_SUBJECT_CAP, Lane,
    NewLeaf, NewRoot, Publication, REMEMBERED_BYTES_CAP, REMEMBERED_CAP,
};

use crate::world::{Held, World, target};

/// Panics if `action`, asked for in `lane`, breaks a law in this world.
pub(crate) fn judge(world: &World, lane: &Lane, action: &Action) {
    match (action, &world.authority) {
        (Action::CreateAuthority(new), None) => {
            assert_eq!((lane, new.generation), (&Lane::Authority, 1));
            dates(new);
        }
        (Action::CreateSuccessor(new), Some(authority)) => successor(world, authority, new),
        (Action::Promote { generation, .. }, Some(authority)) => {
            let successor = authority.successor.expect("there is a successor");
            assert_eq!(successor.number, *generation);
        }
        (Action::Mark { at }, Some(authority)) => {
            assert!(authority.mark.is_none() && *at == world.now.latest());
        }
        (Action::Unmark, Some(authority)) => assert!(authority.mark.is_some()),
        (Action::Forget { generations }, Some(authority)) => {
            assert!(!generations.is_empty());
            forgotten(world, authority, generations);
        }
        (Action::Remember { roots }, Some(authority)) => remembered(world, authority, roots),
        (Action::IssueLeaf(new), Some(authority)) => leaf(world, authority, lane, new),
        (Action::Publish(publication), Some(authority)) => {
            published(world, authority, publication);
        }
        _ => panic!("{action:?} in {lane} does not fit the record"),
    }
}

fn dates(new: &NewRoot) {
    assert!(new.not_before.is_expressible() && new.not_after.is_expressible());
    assert!(new.not_before < new.not_after);
}

/// I1 and I4.
fn successor(world: &World, authority: &AuthorityView, new: &NewRoot) {
    dates(new);
    let newest = authority.newest();
    assert!(authority.successor.is_none());
    assert_eq!(Some(new.generation), newest.number.checked_add(1));
    assert!(new.crossed || newest.not_after <= new.not_before);
    let latest = world.now.latest();
    for older in authority.generations() {
        let binds = older.not_before <= latest;
        let later = older.not_before <= new.not_before && older.not_after <= new.not_after;
        // Of those that have started, the newest binds; it was itself bound by the others, as far as they had started.
        let is_newest = authority
            .generations()
            .all(|it| it.not_before > latest || it.number <= older.number);
        assert!(!binds || !is_newest || later);
    }
}

/// I3 of the record.
fn forgotten(world: &World, authority: &AuthorityView, generations: &[u32]) {
    for number in generations {
        let gone = authority
            .superseded
            .iter()
            .find(|it| it.number == *number)
            .expect("only what is superseded is forgotten");
        assert!(may_go(world, gone.not_after.as_secs()));
    }
}

fn leaf(world: &World, authority: &AuthorityView, lane: &Lane, new: &NewLeaf) {
    let root = authority.active;
    assert_eq!(new.generation, root.number);
    assert!(root.not_before < new.not_after && new.not_after <= root.not_after);
    assert!(new.not_after.is_expressible());
    assert_eq!(*lane, Lane::Serving(new.record.clone()));
    // No name comes from a leaf that is not ours.
    let observed = world.observation();
    let mut serving = observed.serving.iter();
    let serving = serving.find(|serving| serving.record == new.record);
    let serving = serving.expect("only what was observed is written");
    let leaf = serving.seen.present().and_then(|view| view.leaf.as_ref());
    let ours = leaf.filter(|leaf| leaf.generation.is_some());
    let allowed = ours.map_or_else(
        || serving.wanted.clone(),
        |leaf| leaf.names.union(&serving.wanted),
    );
    assert!(allowed.contains_all(&new.names));
}

/// A foreign root is remembered only if it verifies a foreign leaf in place and stands in every usable entry.
fn remembered(world: &World, authority: &AuthorityView, roots: &BTreeMap<Fingerprint, UnixTime>) {
    let known = &authority.remembered;
    let before: BTreeMap<_, _> = known.iter().map(|(root, it)| (*root, it.until)).collect();
    assert_ne!(before, *roots, "nothing would change");
    for (root, until) in &before {
        let after = roots.get(root);
        assert!(after.is_some_and(|after| after >= until) || may_go(world, until.as_secs()));
    }
    let verifiers = world.verifiers();
    let subjects = authority.subjects();
    for root in roots.keys().filter(|root| !before.contains_key(root)) {
        assert!(verifiers.contains_key(root), "it verifies a leaf in place");
        let mut stands = false;
        for held in world.targets.iter().flatten().flat_map(BTreeMap::values) {
            let anchor = held.get(root);
            stands |= anchor.is_some();
            assert!(anchor.is_none_or(|it| !subjects.contains(&it.subject)));
            assert!(anchor.is_some() || !is_whole(held, authority));
        }
        assert!(stands, "it stands in no entry");
    }
    let facts = |root| {
        let known = known.get(root).map(|it| (it.issuer, it.size));
        known.or_else(|| verifiers.get(root).map(|it| (it.issuer, it.size)))
    };
    let facts: Vec<_> = roots.keys().filter_map(facts).collect();
    let issuers: BTreeSet<_> = facts.iter().map(|(issuer, _)| issuer).collect();
    assert_eq!(issuers.len(), roots.len());
    assert!(roots.len() <= REMEMBERED_CAP);
    assert!(facts.iter().map(|(_, size)| size).sum::<usize>() <= REMEMBERED_BYTES_CAP);
}

/// Whether an entry is as ours should be: it holds every root, no impostor, and not too much.
fn is_whole(held: &Held, authority: &AuthorityView) -> bool {
    let (roots, subjects) = (authority.roots(), authority.subjects());
    let needed =
        |root: &Fingerprint| roots.contains(root) || authority.remembered.contains_key(root);
    let foreign = || {
        held.iter()
            .filter(|(it, _)| !needed(it))
            .map(|(_, anchor)| anchor)
    };
    roots.iter().all(|root| held.contains_key(root))
        && foreign().all(|anchor| !subjects.contains(&anchor.subject))
        && fits(foreign())
}

/// Whether so many foreign certificates may stand in one entry.
fn fits<'a>(foreign: impl Iterator<Item = &'a AnchorView>) -> bool {
    let mut of_subject: BTreeMap<Fingerprint, usize> = BTreeMap::new();
    let (mut count, mut bytes) = (0, 0);
    for anchor in foreign {
        count += 1;
        bytes += anchor.size;
        *of_subject.entry(anchor.subject).or_default() += 1;
    }
    let most = of_subject.into_values().max().unwrap_or_default();
    count <= FOREIGN_CAP && bytes <= FOREIGN_BYTES_CAP && most <= FOREIGN_SUBJECT_CAP
}

/// I2, I3, I5 and I10.
fn published(world: &World, authority: &AuthorityView, publication: &Publication) {
    let index = (0..world.targets.len()).find(|number| target(*number) == publication.target);
    let entries = index.and_then(|index| world.targets.get(index)?.as_ref());
    let entries = entries.expect("only what exists is written");
    assert!(!publication.entries.is_empty());
    assert!(publication.needed.is_subset(&world.needed()));
    let subjects = authority.subjects();
    for (name, after) in &publication.entries {
        let number = name.as_str().parse().expect("it is an entry");
        let before: &Held = entries.get(&number).expect("only what was seen is written");
        assert!(!after.is_empty() && after.is_superset(&authority.roots()));
        assert!(after.is_superset(&publication.needed));
        let kept = before.iter().filter(|(it, _)| after.contains(it));
        let kept: Vec<_> = kept
            .filter(|(it, _)| !publication.needed.contains(it))
            .map(|(_, anchor)| anchor)
            .collect();
        assert!(fits(kept.iter().copied()));
        assert!(
            kept.iter()
                .all(|anchor| !subjects.contains(&anchor.subject))
        );
        let gone = before.iter().filter(|(it, _)| !after.contains(it));
        for (print, anchor) in gone {
            let has_ended = may_go(world, anchor.not_after.as_secs());
            let is_impostor = subjects.contains(&anchor.subject);
            let is_beyond = !fits(kept.iter().copied().chain([anchor]));
            assert!(has_ended || is_impostor || is_beyond);
            assert!(has_ended || publication.left_out.contains(print));
        }
        let held: BTreeSet<_> = before.keys().copied().collect();
        assert!(
            !held.is_superset(&publication.needed) || !is_whole(before, authority),
            "nothing was missing, and nothing too much"
        );
        assert!(
            after
                .iter()
                .all(|it| held.contains(it) || publication.needed.contains(it))
        );
    }
}

fn may_go(world: &World, end: i64) -> bool {
    let allowance = world.policy.durations().clock_allowance.as_secs();
    i128::from(world.now.earliest().as_secs()) > i128::from(end) + i128::from(allowance)
}
