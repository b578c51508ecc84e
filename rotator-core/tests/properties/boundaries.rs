//! Both sides of every second at which a rule begins to match.

use std::{collections::BTreeMap, time::Duration};

use certgen::{Fingerprint, ServerNames, UnixTime};
use proptest::prelude::*;
use rotator_core::{
    Action, AnchorView, EntryName, EntrySeen, Lane, LeafView, RememberedRoot, Seen, TargetSeen,
};

use crate::{
    arbitrary::{SIZE, Situation, anchor, foreign, installed, root, verifier},
    model::{held, rules},
};

proptest! {
    #[test]
    fn a_successor_is_made_at_the_age_of_renewal(new in installed()) {
        let age = secs(new.policy.durations().ca_renew_after);
        prop_assert_eq!(authority_after(&new, age), "Settled");
        prop_assert_eq!(authority_after(&new, age + 1), "create a successor");
    }

    #[test]
    fn a_successor_signs_when_it_dwelled(new in installed()) {
        let world = with_successor(&new);
        let dwell = secs(world.policy.durations().dwell);
        prop_assert_eq!(authority_after(&world, dwell - 1), "Dwelling");
        prop_assert_eq!(authority_after(&world, dwell), "promote");
    }

    #[test]
    fn a_leaf_is_signed_anew_as_soon_as_another_generation_signs(new in installed()) {
        let world = with_successor(&new);
        let mut world = world.after(secs(world.policy.durations().dwell));
        prop_assert_eq!(world.leaf().generation, Some(1));
        world.settle();
        prop_assert_eq!((world.active().number, world.leaf().generation), (2, Some(2)));
    }

    #[test]
    fn a_successor_that_a_target_lacks_signs_when_time_runs_out(new in installed()) {
        let mut world = with_successor(&new);
        let active = world.active();
        hold(&mut world, "jobs", [(active.root, active.not_after)]);
        let left = secs(active.not_after.saturating_since(world.now.latest()));
        let must = left - secs(world.policy.durations().leaf_lifetime);
        prop_assert_eq!(authority_after(&world, must), "Dwelling");
        prop_assert_eq!(authority_after(&world, must + 1), "promote");
    }

    #[test]
    fn a_target_that_is_absent_or_unreadable_holds_no_successor_up(new in installed()) {
        let mut world = with_successor(&new);
        let dwell = secs(world.policy.durations().dwell);
        for seen in [TargetSeen::Absent, TargetSeen::Unreadable] {
            world.observed.targets[0].seen = seen;
            prop_assert_eq!(authority_after(&world, dwell - 1), "Dwelling");
            prop_assert_eq!(authority_after(&world, dwell), "promote");
        }
    }

    #[test]
    fn a_leaf_is_renewed_when_less_than_its_reserve_is_left(new in installed()) {
        let durations = new.policy.durations();
        let due = secs(durations.leaf_lifetime) - secs(durations.leaf_renew_before);
        prop_assert_eq!(leaf_after(&new, due), "Settled");
        prop_assert_eq!(leaf_after(&new, due + 1), "issue a leaf");
    }

    #[test]
    fn a_name_more_is_issued_in_the_second_of_the_leaf_before(new in installed()) {
        let mut world = new;
        world.observed.serving[0].wanted = ServerNames::for_service("guard", "other").unwrap();
        prop_assert_eq!(leaf_after(&world, 0), "issue a leaf");
    }

    /// Some verifier's clock may be before the end.
    #[test]
    fn of_an_ended_root_a_leaf_is_issued_only_if_that_before_ends_earlier(new in installed()) {
        let mut world = new;
        world.observed.holds.insert(Lane::Authority, Duration::MAX);
        let end = world.active().not_after;
        let ended = secs(end.saturating_since(world.now.latest())) + 1;
        // A new one would be better, but for its end.
        leaf(&mut world).algorithm = None;
        for (earlier, decided) in [(0, "NothingBetter"), (1, "issue a leaf")] {
            leaf(&mut world).not_after = end.saturating_sub(Duration::from_secs(earlier));
            prop_assert_eq!(leaf_after(&world, ended), decided);
        }
    }

    #[test]
    fn no_leaf_is_issued_with_a_start_that_is_no_date_or_its_end(new in installed()) {
        let mut world = new;
        world.observed.holds.insert(Lane::Authority, Duration::MAX);
        world.observed.serving[0].seen = Seen::Absent;
        let end = world.now.latest().saturating_add(Duration::from_secs(1));
        let starts = [(end.saturating_sub(Duration::from_secs(1)), "issue a leaf"), (end, "NothingBetter"), (UnixTime::MIN, "InexpressibleTime")];
        for (start, decided) in starts {
            if let Seen::Present(authority) = &mut world.observed.authority {
                (authority.active.not_before, authority.active.not_after) = (start, end);
            }
            prop_assert_eq!(leaf_after(&world, 0), decided);
        }
    }

    #[test]
    fn a_root_is_forgotten_in_the_first_second_that_no_clock_allows_it(new in installed()) {
        let mut world = new;
        world.live(4, |world| {
            world.sleep();
            world.settle_watched(|world, plan| {
                for (_, action) in plan.actions() {
                    prop_assert!(is_no_late_forgetting(world, action), "{action:?} {world:?}");
                }
                Ok(())
            })?;
            prop_assert!(world.authority().unwrap().superseded.iter().all(|it| !is_gone(world, it.not_after)));
            Ok(())
        })?;
    }

    #[test]
    fn an_unknown_root_stays_in_an_entry_until_no_clock_allows_it(new in installed()) {
        let mut world = with_successor(&new);
        let last = world.now.earliest().saturating_sub(world.policy.durations().clock_allowance);
        for (end, stays) in [(last, true), (last.saturating_sub(Duration::from_secs(1)), false)] {
            hold(&mut world, "jobs", [(foreign(1), end)]);
            let mut after = world.clone();
            after.settle();
            prop_assert_eq!(entry(&after, "jobs").contains_key(&foreign(1)), stays);
        }
    }

    #[test]
    fn a_remembered_root_is_supplied_until_no_clock_allows_its_leaf(new in installed()) {
        let mut world = new;
        let last = world.now.earliest().saturating_sub(world.policy.durations().clock_allowance);
        for (end, supplies) in [(last, true), (last.saturating_sub(Duration::from_secs(1)), false)] {
            remember(&mut world, end);
            let mut after = world.clone();
            after.settle();
            prop_assert_eq!(entry(&after, "jobs").contains_key(&foreign(1)), supplies);
            prop_assert_eq!(after.authority().unwrap().remembered.is_empty(), !supplies);
        }
    }

    #[test]
    fn a_foreign_leaf_is_replaced_when_our_root_dwelled_for_every_clock(new in installed()) {
        let mut world = new;
        let durations = *world.policy.durations();
        let width = secs(world.now.latest().saturating_since(world.now.earliest()));
        let wait = secs(durations.dwell) + width;
        serve_foreign_leaf(&mut world, wait + secs(durations.leaf_renew_before));
        world.settle();
        prop_assert_eq!(world.authority().unwrap().mark, Some(world.now.latest()));
        prop_assert_eq!(leaf_after(&world, wait - 1), "ForeignLeaf");
        prop_assert_eq!(leaf_after(&world, wait), "issue a leaf");
    }

    #[test]
    fn the_dwell_for_a_foreign_leaf_begins_when_every_target_is_seen_to_hold_us(new in installed()) {
        let mut world = new;
        let durations = *world.policy.durations();
        serve_foreign_leaf(&mut world, 2 * secs(durations.dwell + durations.leaf_renew_before));
        prop_assert_eq!(authority_after(&world, 0), "mark");

        let mut unreadable = world.clone();
        unreadable.observed.targets[0].seen = TargetSeen::Unreadable;
        prop_assert_eq!(authority_after(&unreadable, 0), "Settled");
        hold(&mut world, "jobs", []);
        prop_assert_eq!(authority_after(&world, 0), "Settled");
    }

    #[test]
    fn the_dwell_for_a_foreign_leaf_is_called_off_when_a_target_lacks_us_or_it_is_gone(new in installed()) {
        let ours = new.observed.serving.clone();
        let mut world = new;
        let durations = *world.policy.durations();
        serve_foreign_leaf(&mut world, 2 * secs(durations.dwell + durations.leaf_renew_before));
        world.settle();
        prop_assert!(world.authority().unwrap().mark.is_some());
        prop_assert_ne!(authority_after(&world, 0), "unmark");

        let mut renewed = world.clone();
        renewed.observed.serving = ours;
        prop_assert_eq!(authority_after(&renewed, 0), "unmark");
        hold(&mut world, "jobs", []);
        prop_assert_eq!(authority_after(&world, 0), "unmark");
    }

    #[test]
    fn a_foreign_leaf_is_replaced_when_it_runs_out_though_no_target_knows_us(new in installed()) {
        let mut world = new;
        world.observed.targets[0].seen = TargetSeen::Unreadable;
        let reserve = secs(world.policy.durations().leaf_renew_before) / 2;
        let wait = 10;
        serve_foreign_leaf(&mut world, wait + reserve);
        prop_assert_eq!(leaf_after(&world, wait), "ForeignLeaf");
        prop_assert_eq!(leaf_after(&world, wait + 1), "issue a leaf");
    }
}

fn secs(span: Duration) -> u64 {
    span.as_secs()
}

/// The first successor was just made and published.
fn with_successor(new: &Situation) -> Situation {
    let mut world = new.after(secs(new.policy.durations().ca_renew_after) + 1);
    world.settle();
    assert!(entry(&world, "jobs").contains_key(&root(2)));
    world
}

pub(crate) fn authority_after(situation: &Situation, secs: u64) -> String {
    rules(&situation.after(secs).plan())[0].1.clone()
}

pub(crate) fn leaf_after(situation: &Situation, secs: u64) -> String {
    rules(&situation.after(secs).plan())[1].1.clone()
}

fn is_gone(situation: &Situation, end: UnixTime) -> bool {
    let allowance = situation.policy.durations().clock_allowance;
    situation.now.earliest() > end.saturating_add(allowance)
}

/// Whether what is forgotten could not be forgotten a second ago.
fn is_no_late_forgetting(situation: &Situation, action: &Action) -> bool {
    let allowance = situation.policy.durations().clock_allowance + Duration::from_secs(1);
    let superseded = &situation.authority().unwrap().superseded;
    match action {
        Action::Forget { generations } => superseded
            .iter()
            .filter(|it| generations.contains(&it.number))
            .all(|it| situation.now.earliest() == it.not_after.saturating_add(allowance)),
        _ => true,
    }
}

pub(crate) fn entry(situation: &Situation, name: &str) -> BTreeMap<Fingerprint, AnchorView> {
    match &situation.observed.targets[0].seen {
        TargetSeen::Readable(entries) => held(&entries[&EntryName::new(name)]),
        TargetSeen::Absent | TargetSeen::Unreadable => panic!("it can be read"),
    }
}

pub(crate) fn hold(
    situation: &mut Situation,
    name: &str,
    it: impl IntoIterator<Item = (Fingerprint, UnixTime)>,
) {
    let held = it.into_iter().map(|(it, end)| (it, anchor(it, end)));
    if let TargetSeen::Readable(entries) = &mut situation.observed.targets[0].seen {
        entries.insert(EntryName::new(name), EntrySeen::Holds(held.collect()));
    }
}

/// A leaf of another party is served, of which so many seconds are `left`, and its root is remembered.
fn serve_foreign_leaf(situation: &mut Situation, left: u64) {
    let now = situation.now;
    let end = now.latest().saturating_add(Duration::from_secs(left));
    let leaf = leaf(situation);
    (leaf.generation, leaf.not_after) = (None, end);
    leaf.verifiers = [(foreign(1), verifier(1, now.earliest(), end))].into();
    remember(situation, end);
    let both = situation.active();
    for name in ["pods", "jobs"] {
        hold(
            situation,
            name,
            [(both.root, both.not_after), (foreign(1), end)],
        );
    }
}

fn remember(situation: &mut Situation, until: UnixTime) {
    if let Seen::Present(authority) = &mut situation.observed.authority {
        let issuer = verifier(1, until, until).issuer;
        let size = SIZE;
        let root = RememberedRoot {
            until,
            issuer,
            size,
        };
        authority.remembered = [(foreign(1), root)].into();
    }
}

pub(crate) fn leaf(situation: &mut Situation) -> &mut LeafView {
    match &mut situation.observed.serving[0].seen {
        Seen::Present(view) => view.leaf.as_mut().unwrap(),
        Seen::Absent | Seen::Failed => panic!("it is there"),
    }
}
