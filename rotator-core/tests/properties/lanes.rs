//! Lanes never wait for each other.

use std::time::Duration;

use proptest::prelude::*;
use rotator_core::{
    Action, Decision, EntrySeen, Lane, LeafReason, Plan, Seen, TargetObservation, TargetSeen,
};

use crate::{
    arbitrary::{Situation, installed, lanes_of, situation},
    model::held,
};

proptest! {
    #[test]
    fn a_lane_that_failed_changes_and_delays_no_other(situation in situation(), secs in 1..100_u64) {
        let (free, hold) = (situation.plan(), Duration::from_secs(secs));
        for lane in lanes_of(&situation.observed) {
            let mut failed = situation.clone();
            failed.observed.holds.entry(lane.clone()).or_insert(hold);
            let plan = failed.plan();
            prop_assert_eq!(others(&plan, &lane), others(&free, &lane));
            prop_assert!(free.wake_after().is_none_or(|wake| plan.wake_after() <= Some(wake)));
        }
    }

    #[test]
    fn a_target_that_cannot_be_read_keeps_nobody_from_acting(situation in situation()) {
        let before = situation.plan();
        for index in 0..situation.observed.targets.len() {
            let mut failed = situation.clone();
            failed.observed.targets[index].seen = TargetSeen::Unreadable;
            let lane = Lane::Target(failed.observed.targets[index].target.clone());
            let after = failed.plan();
            for (other, action) in before.actions() {
                // Callers that read it may rely on a foreign leaf.
                let is_about_a_foreign_leaf = matches!(action, Action::IssueLeaf(leaf) if leaf.reason == LeafReason::Foreign);
                let is_bystander = *other != Lane::Authority && *other != lane && !is_about_a_foreign_leaf;
                prop_assert!(!is_bystander || after.actions().any(|it| it == (other, action)));
            }
        }
    }

    #[test]
    fn a_record_that_cannot_be_read_keeps_no_root_from_any_target(situation in situation()) {
        let mut failed = situation;
        for serving in &mut failed.observed.serving {
            serving.seen = Seen::Failed;
        }
        failed.observed.holds.clear();
        for target in &mut failed.observed.targets {
            target.undone = None;
        }
        let plan = failed.plan();
        for target in &failed.observed.targets {
            let lane = Lane::Target(target.target.clone());
            let publishes = plan.actions().any(|(other, _)| *other == lane);
            prop_assert!(publishes || !lacks_a_root(&failed, target));
        }
    }

    #[test]
    fn a_leaf_never_runs_short_though_no_target_takes_a_bundle(installed in installed()) {
        let mut world = installed;
        for lane in lanes_of(&world.observed).into_iter().filter(|it| matches!(it, Lane::Target(_))) {
            world.observed.holds.insert(lane, Duration::MAX);
        }
        world.live(3, |world| {
            world.sleep();
            world.settle();
            let left = world.leaf().not_after.saturating_since(world.now.latest());
            prop_assert!(left >= world.policy.durations().leaf_renew_before, "{left:?}");
            Ok(())
        })?;
    }
}

fn others(plan: &Plan, lane: &Lane) -> Vec<(Lane, Decision)> {
    let mut decisions = plan.decisions().to_vec();
    decisions.retain(|(other, _)| other != lane);
    decisions
}

fn lacks_a_root(situation: &Situation, target: &TargetObservation) -> bool {
    let Some(authority) = situation.authority() else {
        return false;
    };
    let lacks = |entry: &EntrySeen| {
        !authority
            .roots()
            .iter()
            .all(|it| held(entry).contains_key(it))
    };
    match &target.seen {
        TargetSeen::Readable(entries) => entries.values().any(lacks),
        TargetSeen::Absent | TargetSeen::Unreadable => false,
    }
}
