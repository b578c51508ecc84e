//! Years of an installation, from wake to wake.

use proptest::prelude::*;
use rotator_core::{Action, Plan};

use crate::arbitrary::installed;

proptest! {
    #[test]
    fn each_wake_is_the_first_second_with_something_to_do(installed in installed()) {
        let mut world = installed;
        world.live(4, |world| {
            let wake = world.plan().wake_after().unwrap().as_secs();
            prop_assert!(world.after(wake - 1).plan().is_idle(), "{wake} is late");
            prop_assert!(!world.after(wake).plan().is_idle(), "{wake} is early: {world:?}");
            world.sleep();
            world.settle();
            Ok(())
        })?;
    }

    #[test]
    fn a_record_never_holds_more_than_six_generations(installed in installed()) {
        let mut world = installed;
        world.live(8, |world| {
            world.sleep();
            world.settle();
            prop_assert!(world.authority().unwrap().generations().count() <= 6);
            Ok(())
        })?;
    }

    #[test]
    fn a_long_sleep_is_mended_at_once(installed in installed(), sleep in 1..10_u32) {
        let lifetime = installed.policy.durations().ca_lifetime;
        let mut world = installed.after((lifetime / 3 * sleep).as_secs());
        world.settle();
        let left = world.leaf().not_after.saturating_since(world.now.latest());
        prop_assert!(left >= world.policy.durations().leaf_renew_before, "{left:?}");
    }

    #[test]
    fn a_rotation_writes_each_target_once_and_a_renewal_none(installed in installed()) {
        let mut world = installed;
        let (mut successors, mut writes) = (0, 0);
        world.live(4, |world| {
            world.sleep();
            world.settle_watched(|_, plan| {
                successors += count(plan, |action| matches!(action, Action::CreateSuccessor(_)));
                writes += count(plan, |action| matches!(action, Action::Publish(_)));
                Ok(())
            })
        })?;
        prop_assert_eq!(writes, successors);
    }
}

fn count(plan: &Plan, is_counted: impl Fn(&Action) -> bool) -> usize {
    plan.actions()
        .filter(|(_, action)| is_counted(action))
        .count()
}
