//! How bad it is if nobody acts. Who stands by acts only when it is bad, so each second of it counts.

use std::time::Duration;

use proptest::prelude::*;
use rotator_core::{
    Action, Decision, EntryName, EntrySeen, GENERATION_CAP, GenerationView, LeafReason,
    RememberedRoot, Seen, TargetSeen, Urgency,
};

use crate::arbitrary::{Situation, anchor, foreign, installed};

const AUTHORITY: usize = 0;
const LEAF: usize = 1;

proptest! {
    #[test]
    fn a_successor_is_late_when_the_root_ends_before_another_leaf_would(new in installed()) {
        let must = left(&new) - new.policy.durations().leaf_lifetime.as_secs();
        prop_assert_eq!(urgency(&new.after(must), AUTHORITY), Some(Urgency::Routine));
        prop_assert_eq!(urgency(&new.after(must + 1), AUTHORITY), Some(Urgency::Late));
    }

    #[test]
    fn a_root_that_has_not_started_is_followed_at_once(new in installed()) {
        let mut world = new;
        if let Seen::Present(view) = &mut world.observed.authority {
            view.active.not_before = world.now.latest().saturating_add(Duration::from_secs(1));
        }
        prop_assert_eq!(urgency(&world, AUTHORITY), Some(Urgency::Late));
        let plan = world.plan();
        let (_, action) = plan.actions().next().unwrap();
        prop_assert!(matches!(action, Action::CreateSuccessor(_)), "{action:?}");
    }

    #[test]
    fn a_crowded_record_gets_a_successor_only_when_time_runs_out(new in installed()) {
        let mut world = new;
        let durations = *world.policy.durations();
        if let Seen::Present(view) = &mut world.observed.authority {
            let active = view.active;
            let cap = u32::try_from(GENERATION_CAP).unwrap();
            view.superseded = (1..cap).map(|number| GenerationView { number, ..active }).collect();
            view.active.number = cap;
        }
        let reserve = (durations.leaf_renew_before + durations.dwell).as_secs();
        let must = left(&world) - reserve;
        prop_assert_eq!(urgency(&world.after(must), AUTHORITY), None);
        prop_assert!(urgency(&world.after(must + 1), AUTHORITY).is_some());
    }

    #[test]
    fn a_leaf_is_late_when_half_of_its_reserve_is_gone(new in installed()) {
        let durations = new.policy.durations();
        let half = durations.leaf_renew_before.as_secs() / 2;
        let late = durations.leaf_lifetime.as_secs() - half;
        prop_assert_eq!(urgency(&new.after(late), LEAF), Some(Urgency::Routine));
        prop_assert_eq!(urgency(&new.after(late + 1), LEAF), Some(Urgency::Late));
    }

    #[test]
    fn a_leaf_that_has_not_started_is_replaced_at_once(new in installed()) {
        let mut world = new.after(1);
        let start = world.now.latest().saturating_add(Duration::from_secs(1));
        if let Seen::Present(view) = &mut world.observed.serving[0].seen {
            view.leaf.as_mut().unwrap().not_before = start;
        }
        prop_assert_eq!(urgency(&world, LEAF), Some(Urgency::Late));
        let plan = world.plan();
        let Decision::Act(Action::IssueLeaf(leaf)) = &plan.decisions()[LEAF].1 else {
            panic!("{plan:?}");
        };
        prop_assert_eq!(leaf.reason, LeafReason::NotStarted);
    }

    #[test]
    fn what_is_only_added_to_a_bundle_is_left_to_the_leader(new in installed()) {
        let mut world = new;
        let end = world.active().not_after;
        if let Seen::Present(view) = &mut world.observed.authority {
            let root = RememberedRoot { until: end, issuer: foreign(1), size: 1 };
            view.remembered = [(foreign(1), root)].into();
        }
        let target = world.observed.serving.len() + 1;
        prop_assert_eq!(urgency(&world, target), Some(Urgency::Routine));
    }

    #[test]
    fn what_no_caller_can_verify_is_broken(new in installed()) {
        let mut world = new.clone();
        world.observed.serving[0].seen = Seen::Absent;
        prop_assert_eq!(urgency(&world, LEAF), Some(Urgency::Broken));

        let mut foreign_leaf = new.clone();
        if let Seen::Present(view) = &mut foreign_leaf.observed.serving[0].seen {
            view.leaf.as_mut().unwrap().generation = None;
        }
        prop_assert_eq!(urgency(&foreign_leaf, LEAF), Some(Urgency::Broken));

        let target = world.observed.serving.len() + 1;
        let end = world.now.latest();
        for entry in [EntrySeen::Broken, EntrySeen::Holds([(foreign(1), anchor(foreign(1), end))].into())] {
            world.observed.targets[0].seen =
                TargetSeen::Readable([(EntryName::new("jobs"), entry)].into());
            prop_assert_eq!(urgency(&world, target), Some(Urgency::Broken));
        }
    }
}

/// Seconds until the active root ends.
fn left(situation: &Situation) -> u64 {
    let end = situation.active().not_after;
    end.saturating_since(situation.now.latest()).as_secs()
}

fn urgency(situation: &Situation, lane: usize) -> Option<Urgency> {
    match &situation.plan().decisions()[lane].1 {
        Decision::Act(action) => Some(action.urgency()),
        Decision::Wait(_) => None,
    }
}
