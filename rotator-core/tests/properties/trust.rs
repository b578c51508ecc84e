//! I10: whose certificates get into a bundle, and how many of others' stay.

use std::{collections::BTreeMap, time::Duration};

use certgen::{ServerNames, UnixTime};
use proptest::prelude::*;
use rotator_core::{
    Action, Decision, FOREIGN_CAP, FOREIGN_SUBJECT_CAP, TargetSeen, Undone, Urgency,
};

use crate::{
    arbitrary::{Situation, foreign, impostor, installed, verifier},
    boundaries::{authority_after, entry, hold, leaf, leaf_after},
};

const TARGET: usize = 2;

proptest! {
    #[test]
    fn as_many_foreign_certificates_as_are_kept_are_no_reason_to_write(new in installed()) {
        for (count, most) in [(FOREIGN_CAP, 1), (FOREIGN_SUBJECT_CAP, 6)] {
            // Number n and n + 1 of six share a subject; of those counted by sixes, none do.
            let numbers = |count| (0..u32::try_from(count).unwrap()).map(move |n| n * 6 / most);
            let mut world = new.clone();
            crowd(&mut world, numbers(count));
            prop_assert!(world.plan().is_idle(), "{count}");
            crowd(&mut world, numbers(count + 1));
            prop_assert_eq!(urgency(&world), Some(Urgency::Broken));
            let latest = numbers(count + 1).next_back().unwrap();
            world.settle();
            let held = entry(&world, "jobs");
            prop_assert_eq!(held.len(), count + 1, "and our root");
            prop_assert!(!held.contains_key(&foreign(latest)), "what ends last goes first");
        }
    }

    #[test]
    fn an_impostor_of_ours_is_dropped_whenever_it_ends(new in installed()) {
        let active = new.active();
        for end in [active.not_after, UnixTime::from_secs(0)] {
            let mut world = new.clone();
            let both = [(active.root, active.not_after), (impostor(active.number), end)];
            hold(&mut world, "jobs", both);
            prop_assert_eq!(urgency(&world), Some(Urgency::Broken));
            world.settle();
            prop_assert_eq!(entry(&world, "jobs").len(), 1);
        }
    }

    #[test]
    fn a_foreign_leaf_that_no_entry_verifies_is_replaced_at_once_without_its_names(new in installed()) {
        let mut world = new;
        serve_foreign(&mut world, 1);
        let plan = world.plan();
        let issued = plan.actions().find_map(|(_, action)| match action {
            Action::IssueLeaf(leaf) => Some(leaf.names.clone()),
            _ => None,
        });
        prop_assert_eq!(issued, Some(world.observed.serving[0].wanted.clone()));
        world.observed.serving[0].pause = Duration::from_secs(1);
        prop_assert_eq!(leaf_after(&world, 0), "Undone");
        prop_assert_eq!(world.plan().wake_after(), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_foreign_leaf_is_waited_for_as_long_as_an_entry_verifies_it(new in installed()) {
        let mut world = new;
        let end = serve_foreign(&mut world, 10);
        let active = world.active();
        hold(&mut world, "jobs", [(active.root, active.not_after), (foreign(1), end)]);
        prop_assert_eq!(leaf_after(&world, 0), "ForeignLeaf");
        prop_assert_eq!(leaf_after(&world, 10), "ForeignLeaf");
        prop_assert_eq!(leaf_after(&world, 11), "issue a leaf");

        world.observed.targets[0].seen = TargetSeen::Absent;
        prop_assert_eq!(leaf_after(&world, 0), "issue a leaf");
        world.observed.targets[0].seen = TargetSeen::Unreadable;
        prop_assert_eq!(leaf_after(&world, 0), "ForeignLeaf");
    }

    #[test]
    fn a_foreign_root_is_remembered_if_it_stands_in_every_usable_entry(new in installed()) {
        let mut world = new;
        let end = serve_foreign(&mut world, 1000);
        let active = world.active();
        let both = [(active.root, active.not_after), (foreign(1), end)];
        hold(&mut world, "jobs", both);
        prop_assert_ne!(authority_after(&world, 0), "remember", "the other entry lacks it");
        hold(&mut world, "pods", []);
        prop_assert_eq!(authority_after(&world, 0), "remember", "the other entry is unusable");
        hold(&mut world, "pods", both);
        prop_assert_eq!(authority_after(&world, 0), "remember");
        let mut unreadable = world.clone();
        let mut other = unreadable.observed.targets[0].clone();
        other.seen = TargetSeen::Unreadable;
        unreadable.observed.targets.push(other);
        prop_assert_ne!(authority_after(&unreadable, 0), "remember", "it may stand nowhere else");

        world.settle();
        hold(&mut world, "pods", []);
        world.settle();
        prop_assert!(entry(&world, "pods").contains_key(&foreign(1)), "it is supplied");
    }

    #[test]
    fn an_unusable_bundle_waits_a_second_and_what_still_verifies_for_the_truce(new in installed()) {
        let mut world = new;
        let pause = |world: &mut Situation, pause| {
            world.observed.targets[0].undone = Some(Undone {
                needed: world.authority().unwrap().roots(),
                wait: Duration::from_secs(600),
                pause: Duration::from_secs(pause),
                returned: BTreeMap::new(),
            });
        };
        hold(&mut world, "jobs", []);
        pause(&mut world, 1);
        prop_assert!(matches!(&world.plan().decisions()[TARGET].1, Decision::Wait(_)));
        pause(&mut world, 0);
        prop_assert_eq!(urgency(&world), Some(Urgency::Broken));
    }
}

/// Our root, and these of others, each of which ends later than the one before.
fn crowd(situation: &mut Situation, numbers: impl Iterator<Item = u32>) {
    let active = situation.active();
    let latest = situation.now.latest();
    let end = |number: u32| latest.saturating_add(Duration::from_secs(u64::from(number)));
    let others = numbers.map(|number| (foreign(number), end(number)));
    let all: Vec<_> = [(active.root, active.not_after)]
        .into_iter()
        .chain(others)
        .collect();
    hold(situation, "jobs", all);
}

/// A leaf that `foreign(1)` verifies for so many seconds; and when that is.
fn serve_foreign(situation: &mut Situation, secs: u64) -> UnixTime {
    let now = situation.now;
    let end = now.latest().saturating_add(Duration::from_secs(secs));
    let reserve = situation.policy.durations().leaf_renew_before;
    let leaf = leaf(situation);
    leaf.generation = None;
    leaf.names = ServerNames::for_service("kubernetes", "default").unwrap();
    leaf.not_after = now
        .latest()
        .saturating_add(reserve * 2 + Duration::from_secs(2000));
    leaf.verifiers = [(foreign(1), verifier(1, now.earliest(), end))].into();
    end
}

fn urgency(situation: &Situation) -> Option<Urgency> {
    match &situation.plan().decisions()[TARGET].1 {
        Decision::Act(action) => Some(action.urgency()),
        Decision::Wait(_) => None,
    }
}
