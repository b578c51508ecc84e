//! What no action may break, by the words of `ARCHITECTURE.md`.

use std::collections::BTreeSet;

use rotator_core::{Action, AuthorityView, Lane, NewLeaf, NewRoot, Publication};

use crate::world::{World, target};

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
        (Action::IssueLeaf(new), Some(authority)) => leaf(authority, new),
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

fn leaf(authority: &AuthorityView, new: &NewLeaf) {
    let root = authority.active;
    assert_eq!(new.generation, root.number);
    assert!(root.not_before < new.not_after && new.not_after <= root.not_after);
    assert!(new.not_after.is_expressible());
}

/// I2, I3 and I5.
fn published(world: &World, authority: &AuthorityView, publication: &Publication) {
    let index = (0..world.targets.len()).find(|number| target(*number) == publication.target);
    let entries = index.and_then(|index| world.targets.get(index)?.as_ref());
    let entries = entries.expect("only what exists is written");
    assert!(!publication.entries.is_empty());
    for (name, after) in &publication.entries {
        let number = name.as_str().parse().expect("it is an entry");
        let before: &crate::world::Held =
            entries.get(&number).expect("only what was seen is written");
        assert!(!after.is_empty() && after.is_superset(&authority.roots()));
        let gone = before.iter().filter(|(it, _)| !after.contains(it));
        for (_, end) in gone {
            assert!(may_go(world, end.as_secs()));
        }
        let held: BTreeSet<_> = before.keys().copied().collect();
        assert!(
            !held.is_superset(&publication.needed),
            "nothing was missing"
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
