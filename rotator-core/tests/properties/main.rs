//! The decision under arbitrary observations, policies and bounds of the time.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod arbitrary;
mod boundaries;
mod invariants;
mod lanes;
mod life;
mod model;
mod trust;
mod urgency;

use arbitrary::{lanes_of, situation};
use model::{rule, rules};
use proptest::prelude::*;
use rotator_core::{Lane, Seen, TargetSeen};

proptest! {
    #[test]
    fn every_lane_gets_an_answer_at_any_time(situation in situation()) {
        let plan = situation.plan();
        let answered: Vec<_> = plan.decisions().iter().map(|(lane, _)| lane.clone()).collect();
        prop_assert_eq!(answered, lanes_of(&situation.observed));
    }

    #[test]
    fn no_action_breaks_an_invariant(situation in situation()) {
        for (_, action) in situation.plan().actions() {
            prop_assert!(invariants::forward(&situation, action), "I1: {action:?}");
            prop_assert!(invariants::backward(&situation, action), "I2: {action:?}");
            prop_assert!(invariants::no_early_removal(&situation, action), "I3: {action:?}");
            prop_assert!(invariants::monotone(&situation, action), "I4: {action:?}");
            prop_assert!(invariants::dates(&situation, action), "dates: {action:?}");
            prop_assert!(invariants::trusted(&situation, action), "I10: {action:?}");
            prop_assert!(invariants::remembered(&situation, action), "I10: {action:?}");
        }
    }

    #[test]
    fn nothing_is_made_in_place_of_what_could_not_be_read(situation in situation()) {
        let seen = &situation.observed;
        for (lane, action) in situation.plan().actions() {
            let is_known = match lane {
                Lane::Authority => seen.authority != Seen::Failed,
                Lane::Serving(it) => seen.serving.iter().any(|other| other.record == *it && other.seen != Seen::Failed),
                Lane::Target(it) => seen.targets.iter().any(|other| other.target == *it && other.seen != TargetSeen::Unreadable),
            };
            prop_assert!(is_known, "{action:?}");
        }
    }

    #[test]
    fn an_action_that_succeeded_is_not_asked_for_again(situation in situation()) {
        for (lane, action) in situation.plan().actions() {
            let mut after = situation.clone();
            after.carry_out(action, &situation);
            let plan = after.plan();
            let again = plan.actions().find(|(other, _)| *other == lane);
            let again = again.filter(|(_, again)| rule(again) == rule(action));
            prop_assert!(again.is_none(), "{action:?}\n{again:?}");
        }
    }

    #[test]
    fn a_lane_is_asked_for_few_actions_until_it_settles(situation in situation()) {
        let mut settled = situation;
        for (lane, count) in settled.settle() {
            // At most: unmark, promote, create, promote, remember, mark, unmark, remember, and forget before and after.
            let most = if lane == Lane::Authority { 10 } else { 4 };
            prop_assert!(count <= most, "{count} in {lane}");
        }
    }

    #[test]
    fn nothing_changes_before_the_wake(situation in situation()) {
        let plan = situation.plan();
        let wake = plan.wake_after().map_or(u64::MAX, |wake| wake.as_secs());
        let last = wake.saturating_sub(1).min(situation.secs_until_no_certificate_can_say());
        for secs in [1.min(last), last / 2, last] {
            prop_assert_eq!(rules(&situation.after(secs).plan()), rules(&plan), "after {} s", secs);
        }
    }
}
