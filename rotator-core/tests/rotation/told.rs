//! What a step tells of itself, and when it wants to be called again.

use std::collections::BTreeMap;

use certgen::{ServerNames, UnixTime};
use futures::executor::block_on;
use rotator_core::{
    Clock, ClockError, Decision, Durations, Duty, EntryName, Event, Fault, MemoryTarget, Ports,
    Report, Rotator, TimeBounds,
};

use crate::{
    created_a_successor, pass_until, published,
    world::{START, TestEntropy, World, authority, entry, secs, serving, settings, target},
};

#[test]
fn a_bundle_is_told_by_how_much_was_written_where() {
    let mut world = World::new();
    let told = |reports: &[Report]| {
        let events = published(reports).into_iter().map(Event::Published);
        events.map(|event| event.to_string()).collect::<Vec<_>>()
    };
    let object = "bundle written in ValidatingWebhookConfiguration/guard.example.com";
    assert_eq!(
        told(&world.settle()),
        [format!("{object}: 1 root in 1 entry")]
    );
    let two = [entry(), EntryName::new("jobs.guard.example.com")];
    let two = BTreeMap::from(two.map(|entry| (entry, Vec::new())));
    world
        .ports
        .patcher
        .put(&target(), MemoryTarget::Exists(two));
    world.pass(5);
    let mut lines = Vec::new();
    pass_until(&mut world, |reports| {
        lines = told(reports);
        created_a_successor(reports)
    });
    assert_eq!(lines, [format!("{object}: 2 roots in 2 entries")]);
}

#[test]
fn whatever_was_done_or_failed_is_eventful() {
    let mut world = World::new();
    let done = world.step();
    assert!(done.is_eventful() && done.failed.is_empty() && !done.done.is_empty());

    let mut world = World::new_for_years();
    world.settle();
    assert!(!world.step().is_eventful());
    world.ports.serving.arm(&serving(), Fault::Unreadable);
    world.rotator.invalidate();
    let failed = world.step();
    assert!(failed.is_eventful() && failed.done.is_empty() && !failed.failed.is_empty());

    let mut world = World::new();
    let ports = Ports {
        authority: world.ports.authority,
        serving: world.ports.serving,
        patcher: world.ports.patcher,
        clock: NoClock,
        entropy: TestEntropy,
    };
    let timeless = block_on(world.rotator.step(&ports, Duty::Lead, secs(0)));
    assert!(timeless.is_eventful() && timeless.done.is_empty() && timeless.failed.is_empty());
}

struct NoClock;

impl Clock for NoClock {
    fn bounds(&self) -> Option<TimeBounds> {
        None
    }

    async fn fresh(&self) -> Result<TimeBounds, ClockError> {
        Err(ClockError::new("nobody answers"))
    }
}

#[test]
fn a_record_that_was_not_read_is_read_again_when_the_step_said() {
    let mut world = World::new_for_years();
    world.settle();
    world.ports.serving.arm(&authority(), Fault::Unavailable);
    world.rotator.invalidate();
    let wait = world.step().wake_after;
    assert_eq!(wait, secs(1));
    let reads = world.ports.serving.reads();
    let _ = world.step();
    assert_eq!(world.ports.serving.reads(), reads);
    world.now += 1;
    assert!(world.step().failed.is_empty());
    assert!(world.ports.serving.reads() > reads);
}

#[test]
fn a_target_whose_turn_comes_later_has_not_failed() {
    let mut world = World::new();
    // However often: it waits no longer each time.
    for _ in 0..8 {
        world.ports.patcher.arm(&target(), Fault::Paced);
    }
    let first = world.settle();
    assert!(first.iter().all(|report| report.failed.is_empty()));
    assert_eq!(first.last().unwrap().wake_after, secs(2));
    for _ in 0..7 {
        let report = world.pass(2).pop().unwrap();
        assert_eq!((report.failed.len(), report.wake_after), (0, secs(2)));
        assert_eq!(world.ports.patcher.writes(), 0);
    }
    world.pass(2);
    assert_eq!(world.ports.patcher.writes(), 1);
}

#[test]
fn a_target_that_breaks_while_it_waits_for_its_turn_is_repaired_at_once() {
    let mut world = World::new();
    world.settle();
    assert_eq!(world.ports.patcher.writes(), 1);
    // The bundle lacks the root of a successor, which may take its time.
    world.ports.patcher.arm(&target(), Fault::Paced);
    world.pass(51);
    world.pass(1);
    assert_eq!(world.ports.patcher.writes(), 1);
    let garbled = BTreeMap::from([(entry(), b"garbage".to_vec())]);
    let garbled = MemoryTarget::Exists(garbled);
    world.ports.patcher.put(&target(), garbled);
    world.pass(0);
    assert_eq!(world.ports.patcher.writes(), 2);
}

#[test]
fn a_target_that_asks_to_come_back_later_is_left_alone_until_then() {
    let mut world = World::new();
    world.ports.patcher.arm(&target(), Fault::Busy);
    world.settle();
    for second in 1..10 {
        let report = world.pass(1).pop().unwrap();
        assert_eq!(report.wake_after, secs(10 - second));
        assert_eq!(world.ports.patcher.writes(), 0);
    }
    world.pass(1);
    assert_eq!(world.ports.patcher.writes(), 1);
}

#[test]
fn a_replica_that_stands_by_sleeps_through_what_is_only_due() {
    let mut world = World::new_for_years();
    world.settle();
    // From the twentieth day on the leaf is due, from the 25th on it is late.
    for days in [0, 21] {
        world.now = START + days * 86_400;
        let now = TimeBounds::exactly(UnixTime::from_secs(world.now));
        world.ports.clock.set(now);
        let mut replica = Rotator::new(settings(Durations::DEFAULT));
        let report = block_on(replica.step(&world.ports, Duty::StandBy, world.elapsed()));
        let has_something_to_do = report
            .decisions
            .iter()
            .any(|(_, decision)| matches!(decision, Decision::Act(_)));
        assert_eq!(has_something_to_do, days > 0, "{report:?}");
        assert_eq!((report.done.len(), report.wake_after), (0, secs(60)));
    }
}

#[test]
fn what_was_observed_is_known_until_it_is_forgotten() {
    let mut world = World::new();
    assert!(world.rotator.known().is_none());
    world.settle();
    let known = world.rotator.known();
    assert!(known.is_some_and(|known| known.authority.present().is_some()));
    world.rotator.invalidate();
    assert!(world.rotator.known().is_none());
}

#[test]
fn names_add_up_until_callers_could_not_read_them() {
    for (each, is_union) in [(60, true), (100, false)] {
        let mut world = World::new_for_years();
        let (first, second) = (names('a', each), names('b', each));
        want(&mut world, &first);
        world.settle();
        want(&mut world, &second);
        world.pass(1);
        let carried = world.chain().leaf().facts().server_names().unwrap();
        let expected = if is_union {
            first.union(&second)
        } else {
            second
        };
        assert_eq!(carried, expected);
    }
}

fn want(world: &mut World, names: &ServerNames) {
    let mut settings = world.rotator.settings().clone();
    for serving in &mut settings.serving {
        serving.names = names.clone();
    }
    world.rotator = Rotator::new(settings);
}

/// So many names of 200 characters.
fn names(letter: char, count: usize) -> ServerNames {
    let label = String::from(letter).repeat(48);
    let dns = (0..count).map(|number| format!("{number:04}.{label}.{label}.{label}.{label}"));
    ServerNames::new(dns.map(|name| name.parse().unwrap()), []).unwrap()
}
