//! A leaf that another party issued, and one that lacks what callers need.

use std::collections::BTreeMap;

use certgen::{Chain, ServerNames};
use rotator_core::{Event, LeafReason, MemoryTarget, Ports, Rotator, ServingSettings, TargetRef};

use crate::{
    created_a_successor, pass_until, promoted,
    world::{START, World, authority, entry, serving, target},
};

const DAY: i64 = 86_400;

fn settled(mut world: World) -> World {
    world.settle();
    world
}

/// An installation that finds the leaf and the bundle of another one in place.
fn taking_over(other: &World) -> World {
    let mut world = World::new_for_years();
    let record = other.record(&serving());
    world.ports.serving.put(&serving(), Some(record));
    put(&world, other.bundle_bytes());
    world.settle();
    world
}

fn put(world: &World, bundle: Vec<u8>) {
    let entries = BTreeMap::from([(entry(), bundle)]);
    let targets = &world.ports.patcher;
    targets.put(&target(), MemoryTarget::Exists(entries));
}

fn remembers(world: &World) -> bool {
    world.record(&authority()).expose("remembered").is_some()
}

/// Whether callers accept what is served, and did all the while since.
fn serves(world: &World) -> bool {
    world.accepts(&world.chain(), &world.bundle())
}

#[test]
fn a_leaf_that_an_entry_verifies_is_waited_for_and_its_root_supplied_meanwhile() {
    let other = settled(World::new_for_years());
    let mut world = taking_over(&other);
    assert!(serves(&world) && remembers(&world));
    assert_eq!(world.chain(), other.chain());

    world.empty_the_bundle();
    world.pass(2);
    assert!(serves(&world), "an entry that was emptied");

    let late = TargetRef::new("ValidatingWebhookConfiguration", "late");
    let entries = BTreeMap::from([(entry(), Vec::new())]);
    let targets = &world.ports.patcher;
    targets.put(&late, MemoryTarget::Exists(entries));
    world.pass(2);
    let bundle = world.ports.patcher.bundle(&late, &entry());
    assert_eq!(
        bundle,
        Some(world.bundle_bytes()),
        "a target that came later"
    );

    world.pass(DAY);
    assert_ne!(world.chain(), other.chain(), "the dwell is over");
    world.empty_the_bundle();
    world.pass(2);
    assert!(
        world.accepts(&other.chain(), &world.bundle()),
        "a replica may lag"
    );
    world.pass(30 * DAY);
    assert!(serves(&world) && !remembers(&world), "the leaf has ended");
}

#[test]
fn a_root_is_remembered_too_if_an_older_version_left_it_in_the_entry_beside_ours() {
    let other = settled(World::new_for_years());
    let mut world = settled(World::new_for_years());
    let both = world.bundle().to_pem() + &other.bundle().to_pem();
    put(&world, both.into_bytes());
    let record = other.record(&serving());
    world.ports.serving.put(&serving(), Some(record));
    world.pass(1);
    assert!(remembers(&world) && serves(&world));
    assert_eq!(world.chain(), other.chain());
}

#[test]
fn a_leaf_that_no_entry_verifies_is_replaced_at_once_and_its_names_are_told() {
    let names = ServerNames::for_service("kubernetes", "default").unwrap();
    let mut other = World::new_for_years();
    let mut wanted = other.rotator.settings().clone();
    for serving in &mut wanted.serving {
        serving.names = serving.names.union(&names);
    }
    other.rotator = Rotator::new(wanted);
    other.settle();

    let mut world = settled(World::new_for_years());
    let (before, mut record) = (world.bundle_bytes(), other.record(&serving()));
    record.insert("ca.crt", other.bundle().to_pem());
    world.ports.serving.put(&serving(), Some(record));
    let reports = world.pass(2);
    let dropped: Vec<_> = reports
        .iter()
        .flat_map(|report| &report.names_dropped)
        .map(|it| it.names.clone())
        .collect();
    assert_eq!(dropped, std::slice::from_ref(&names));
    let carried = world.chain().leaf().facts().server_names().unwrap();
    assert!(!carried.contains_all(&names) && serves(&world));
    assert_eq!(
        world.bundle_bytes(),
        before,
        "nothing of the record gets into a bundle"
    );
}

#[test]
fn what_is_appended_to_the_roots_of_a_serving_record_is_not_read() {
    let other = settled(World::new_for_years());
    let mut world = settled(World::new_for_years());
    let before = (world.bundle_bytes(), world.chain());
    let mut record = world.record(&serving());
    record.insert("ca.crt", world.bundle().to_pem() + &other.bundle().to_pem());
    world.ports.serving.put(&serving(), Some(record));
    let reports = world.pass(1);
    assert!(
        reports.iter().all(|report| !report.is_eventful()),
        "{reports:?}"
    );
    assert_eq!((world.bundle_bytes(), world.chain()), before);
}

#[test]
fn a_lost_record_refuses_no_call_though_an_entry_is_emptied_before_the_switch() {
    let mut world = settled(World::new_for_years());
    let chain = world.chain();
    world.ports.authority.put(&authority(), None);
    world.pass(1);
    assert!(serves(&world) && remembers(&world));
    assert_eq!(world.chain(), chain, "it is waited for");
    world.empty_the_bundle();
    world.pass(2);
    assert!(serves(&world));
    world.pass(DAY);
    assert_ne!(world.chain(), chain);
    assert!(serves(&world));
}

#[test]
fn a_backup_that_is_younger_or_older_than_a_root_refuses_no_call() {
    for promotions in [1, 2, 5] {
        let mut world = settled(World::new());
        let backup = world.record(&authority());
        for _ in 0..promotions {
            pass_until(&mut world, promoted);
        }
        let (served, stood) = (world.chain(), world.bundle());
        world.ports.authority.put(&authority(), Some(backup));
        for _ in 0..40 {
            world.pass(1);
            assert!(serves(&world), "after {promotions} promotions");
            let lags = world.now <= served.leaf().facts().not_after.as_secs();
            assert!(!lags || world.accepts(&served, &stood));
        }
    }
}

#[test]
fn a_serving_record_that_is_added_later_is_taken_over_by_itself() {
    let other = settled(World::new_for_years());
    let mut world = settled(World::new_for_years());
    let late = rotator_core::RecordName::new("late-tls");
    let mut wanted = world.rotator.settings().clone();
    let names = wanted.serving[0].names.clone();
    wanted.serving.push(ServingSettings {
        record: late.clone(),
        names,
    });
    world.rotator = Rotator::new(wanted);
    let record = other.record(&serving());
    world.ports.serving.put(&late, Some(record.duplicate()));
    let both = world.bundle().to_pem() + &other.bundle().to_pem();
    put(&world, both.into_bytes());
    world.pass(2);
    assert!(remembers(&world));
    let stands = |world: &World| world.record(&late).expose("tls.crt") == record.expose("tls.crt");
    assert!(stands(&world), "an entry verifies it");
    world.pass(DAY);
    assert!(!stands(&world));
}

/// Of two versions of an operator one wants a name more, which the leaf of the other does not carry.
#[test]
fn a_leaf_that_lacks_a_wanted_name_is_waited_for_nevertheless() {
    let mut world = settled(World::new_for_years());
    let chain = world.chain();
    let more = ServerNames::for_service("a-first-name", "guard-system").unwrap();
    let mut wanted = world.rotator.settings().clone();
    for serving in &mut wanted.serving {
        serving.names = serving.names.union(&more);
    }
    world.rotator = Rotator::new(wanted);
    world.ports.authority.put(&authority(), None);
    world.pass(1);
    assert_eq!(world.chain(), chain, "callers ask for the other name");
    assert!(serves(&world) && remembers(&world));
}

/// Two installations with one Service, by mistake or while one is moved.
#[test]
fn two_installations_that_share_a_full_entry_settle() {
    for crowd_ends_first in [true, false] {
        let mut first = settled(World::new_for_years());
        let mut second = World::new_for_years();
        second.ports = Ports {
            patcher: first.ports.patcher.clone(),
            ..second.ports
        };
        // Strangers of 100 s, and of a year that begins later than ours.
        let strangers = (0..17).map(|_| {
            let mut stranger = if crowd_ends_first {
                World::new()
            } else {
                World::new_for_years()
            };
            stranger.now = START + 50;
            settled(stranger).bundle().to_pem()
        });
        let crowd = first.bundle().to_pem() + &strangers.collect::<String>();
        put(&first, crowd.into_bytes());
        let mut writes = first.ports.patcher.writes();
        for round in 0..30 {
            first.pass(2);
            second.pass(2);
            let now = first.ports.patcher.writes();
            if round > 10 {
                assert_eq!(now, writes, "round {round}");
            }
            writes = now;
        }
        assert!(serves(&first) && serves(&second));
    }
}

#[test]
fn roots_of_ours_are_not_told_as_foreign() {
    let other = settled(World::new_for_years());
    let mut world = settled(World::new());
    let both = world.bundle().to_pem() + &other.bundle().to_pem();
    put(&world, both.into_bytes());
    let mut told = Vec::new();
    pass_until(&mut world, |reports| {
        let found = reports.iter().flat_map(|report| &report.foreign);
        let found = found.flat_map(|found| &found.certificates);
        told.extend(found.map(|it| it.fingerprint));
        created_a_successor(reports)
    });
    let theirs: Vec<_> = other.bundle().fingerprints().into_iter().collect();
    assert_eq!(told, theirs);
}

#[test]
fn a_leaf_without_its_cross_is_replaced() {
    let mut world = settled(World::new());
    pass_until(&mut world, promoted);
    let chain = world.chain();
    assert_eq!(chain.intermediates().len(), 1);
    let mut record = world.record(&serving());
    let alone = Chain::new(chain.leaf().clone(), Vec::new());
    record.insert("tls.crt", alone.to_pem());
    world.ports.serving.put(&serving(), Some(record));
    let events = events(&mut world, 0);
    assert!(
        matches!(
            events.as_slice(),
            [Event::LeafIssued {
                reason: LeafReason::Crosses,
                ..
            }]
        ),
        "{events:?}"
    );
    assert_eq!(world.chain().intermediates().len(), 1);
}

/// What is done when so many seconds have passed.
fn events(world: &mut World, seconds: i64) -> Vec<Event> {
    assert!(world.now >= START);
    let reports = world.pass(seconds);
    let done = reports.into_iter().flat_map(|report| report.done);
    done.map(|(_, event)| event).collect()
}
