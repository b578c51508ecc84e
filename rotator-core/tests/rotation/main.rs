//! Rotations in a small world, with real certificates and ports in memory.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod disowned;
mod history;
mod order;
mod stand_by;
mod take_over;
mod told;
mod world;
mod wrong_clock;

use certgen::parse_bundle;
use rotator_core::{
    Decision, Event, Fault, Lane, MemoryTarget, Published, Record, Report, StepError, Why,
};
use std::collections::BTreeMap;
use world::{World, authority, entry, secs, serving, target};

#[test]
fn from_nothing_to_served_and_trusted() {
    let mut world = World::new();
    let reports = world.settle();
    let events: Vec<_> = reports
        .iter()
        .flat_map(|report| &report.done)
        .map(|(_, event)| event)
        .collect();
    assert!(
        matches!(
            events.as_slice(),
            [
                Event::AuthorityCreated { .. },
                Event::LeafIssued { .. },
                Event::Published(_)
            ]
        ),
        "{events:?}"
    );
    assert!(world.accepts(&world.chain(), &world.bundle()));
}

#[test]
fn one_write_per_target_and_rotation_and_none_for_a_renewal() {
    let mut world = World::new();
    world.settle();
    let mut successors = 0;
    let before = world.ports.patcher.writes();
    for _ in 0..500 {
        let reports = world.pass(1);
        let made = |event: &Event| matches!(event, Event::SuccessorCreated { .. });
        successors += reports
            .iter()
            .flat_map(|report| &report.done)
            .filter(|(_, event)| made(event))
            .count();
    }
    assert_eq!(
        world.ports.patcher.writes() - before,
        u64::try_from(successors).unwrap()
    );
}

#[test]
fn the_record_and_the_bundle_stay_small() {
    let mut world = World::new();
    world.settle();
    for _ in 0..600 {
        world.pass(1);
        assert!(world.bundle().fingerprints().len() <= 4);
        let record = world.record(&authority());
        let keys = record.names().filter_map(|name| name.strip_suffix(".key"));
        assert!(keys.count() <= 2);
    }
}

#[test]
fn a_superseded_key_is_gone_with_the_promotion() {
    let mut world = World::new();
    world.settle();
    for _ in 0..200 {
        for report in world.pass(1) {
            for (_, event) in &report.done {
                if let Event::Promoted { generation } = event {
                    let record = world.record(&authority());
                    assert!(record.expose(&format!("gen-{generation}.key")).is_some());
                    assert!(
                        record
                            .expose(&format!("gen-{}.key", generation - 1))
                            .is_none()
                    );
                    assert!(
                        record
                            .expose(&format!("gen-{}.crt", generation - 1))
                            .is_some()
                    );
                }
            }
        }
    }
}

#[test]
fn an_emptied_or_garbled_bundle_is_repaired() {
    let mut world = World::new();
    world.settle();
    let whole = world.bundle_bytes();
    for broken in [
        &b""[..],
        b"\n",
        b"Cg==",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        world.ports.patcher.put(
            &target(),
            MemoryTarget::Exists(BTreeMap::from([(entry(), broken.to_vec())])),
        );
        world.pass(5);
        assert_eq!(world.bundle_bytes(), whole);
    }
}

#[test]
fn a_writer_that_keeps_undoing_us_is_not_fought_while_its_bundle_can_be_used() {
    let mut world = World::new();
    world.settle();
    let older = world.bundle_bytes();
    pass_until(&mut world, created_a_successor);
    let before = world.ports.patcher.writes();
    for _ in 0..40 {
        let older = BTreeMap::from([(entry(), older.clone())]);
        let targets = &world.ports.patcher;
        targets.put(&target(), MemoryTarget::Exists(older));
        world.pass(1);
    }
    let writes = world.ports.patcher.writes() - before;
    assert!((3..12).contains(&writes), "{writes}");
}

#[test]
fn an_unusable_bundle_is_repaired_as_often_as_it_is_made_so_but_once_a_second() {
    let mut world = World::new();
    world.settle();
    for _ in 0..30 {
        world.empty_the_bundle();
        world.pass(1);
        assert!(world.accepts(&world.chain(), &world.bundle()));
        world.empty_the_bundle();
        let report = world.pass(0).pop().unwrap();
        assert_eq!((report.done.len(), report.wake_after), (0, secs(1)));
    }
}

#[test]
fn a_write_that_was_undone_is_told_and_what_stood_there_stays() {
    let mut world = World::new();
    let first = published(&world.settle());
    assert!(matches!(first.as_slice(), [first] if !first.is_repair));

    let mut other = World::new();
    other.settle();
    let foreign = other.bundle();
    world.ports.patcher.put(
        &target(),
        MemoryTarget::Exists(BTreeMap::from([(entry(), other.bundle_bytes())])),
    );
    let reports = world.pass(10);
    let repair = published(&reports);
    assert!(
        matches!(repair.as_slice(), [repair] if repair.is_repair && repair.left_out == 0),
        "{repair:?}"
    );
    let found: Vec<_> = reports.iter().flat_map(|report| &report.foreign).collect();
    let [found] = found.as_slice() else {
        panic!("{found:?}");
    };
    let told = found.certificates.iter();
    let told: Vec<_> = told.map(|it| (it.fingerprint, it.not_after)).collect();
    let stood = foreign.anchors();
    let stood: Vec<_> = stood
        .map(|anchor| (anchor.fingerprint(), anchor.facts().not_after))
        .collect();
    assert_eq!(told, stood);
    assert!(
        world
            .bundle()
            .fingerprints()
            .is_superset(&foreign.fingerprints())
    );
    let again = world.pass(1);
    assert!(again.iter().all(|report| report.foreign.is_empty()), "once");
}

fn published(reports: &[Report]) -> Vec<Published> {
    let events = reports.iter().flat_map(|report| &report.done);
    events
        .filter_map(|(_, event)| match event {
            Event::Published(published) => Some(published.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_target_that_was_made_anew_is_injected_at_once() {
    let mut world = World::new();
    world.settle();
    world.ports.patcher.put(&target(), MemoryTarget::Absent);
    world.rotator.invalidate();
    world.settle();
    world.empty_the_bundle();
    world.rotator.invalidate();
    world.settle();
    assert!(world.accepts(&world.chain(), &world.bundle()));
}

#[test]
fn a_target_that_may_not_be_read_is_told_of() {
    let mut world = World::new();
    world.ports.patcher.put(&target(), MemoryTarget::Forbidden);
    let reports = world.settle();
    let mut failed = reports.iter().flat_map(|report| &report.failed);
    let told = failed.any(|(_, error)| matches!(error, StepError::TargetForbidden { .. }));
    assert!(told, "{reports:?}");
}

#[test]
fn a_deleted_serving_record_is_made_again() {
    let mut world = World::new();
    world.settle();
    world.ports.serving.put(&serving(), None);
    world.pass(1);
    assert!(world.accepts(&world.chain(), &world.bundle()));
}

#[test]
fn a_leaf_is_issued_while_a_successor_waits() {
    let mut world = World::new();
    world.settle();
    pass_until(&mut world, created_a_successor);
    world.ports.serving.put(&serving(), None);
    let report = world.pass(1);
    assert!(
        report.iter().all(|report| report.failed.is_empty()),
        "{report:?}"
    );
    assert!(world.accepts(&world.chain(), &world.bundle()));
}

#[test]
fn a_leaf_is_issued_though_a_root_of_the_record_has_ended() {
    let mut world = World::new();
    world.settle();
    let entry = "gen-1.crt";
    let first = parse_bundle(world.record(&authority()).expose(entry).unwrap());
    let end = first.anchors.first().unwrap().facts().not_after.as_secs();
    while world.now <= end {
        world.pass(1);
    }
    assert!(world.record(&authority()).expose(entry).is_some());
    world.ports.serving.put(&serving(), None);
    let reports = world.pass(0);
    assert!(
        reports.iter().all(|report| report.failed.is_empty()),
        "{reports:?}"
    );
    assert!(world.accepts(&world.chain(), &world.bundle()));
}

#[test]
fn a_chain_that_a_root_of_the_record_refuses_is_not_written() {
    let mut world = World::new();
    world.settle();
    pass_until(&mut world, promoted);
    let mut record = world.record(&authority());
    record.remove("gen-2.cross.crt");
    world.ports.authority.put(&authority(), Some(record));
    world.ports.serving.put(&serving(), None);
    let reports = world.pass(1);
    let mut failed = reports.iter().flat_map(|report| &report.failed);
    assert!(failed.any(|(_, error)| matches!(error, StepError::Chain(_))));
    assert!(world.ports.serving.get(&serving()).is_none());
}

/// Lets seconds pass until it happens, as it must within the life of a root.
fn pass_until(world: &mut World, mut happened: impl FnMut(&[Report]) -> bool) {
    let happens = (0..100).any(|_| happened(&world.pass(1)));
    assert!(happens, "it never happens");
}

fn promoted(reports: &[Report]) -> bool {
    let mut done = reports.iter().flat_map(|report| &report.done);
    done.any(|(_, event)| matches!(event, Event::Promoted { .. }))
}

fn created_a_successor(reports: &[Report]) -> bool {
    let mut done = reports.iter().flat_map(|report| &report.done);
    done.any(|(_, event)| matches!(event, Event::SuccessorCreated { .. }))
}

#[test]
fn an_unreadable_authority_is_not_taken_for_an_absent_one() {
    let mut world = World::new();
    world.settle();
    let before = world.record(&authority());
    for damage in ["format", "state", "gen-1.crt", "gen-1.key"] {
        let mut damaged = before.duplicate();
        damaged.insert(damage, "damaged");
        world
            .ports
            .authority
            .put(&authority(), Some(damaged.duplicate()));
        let reports = world.pass(1);
        assert!(!reports.last().unwrap().failed.is_empty());
        assert_eq!(world.record(&authority()), damaged, "{damage}");
    }
    let mut foreign = Record::new();
    foreign.insert("ca.crt", "somebody else's");
    world
        .ports
        .authority
        .put(&authority(), Some(foreign.duplicate()));
    world.pass(1);
    assert_eq!(world.record(&authority()), foreign);
}

#[test]
fn entries_that_are_not_ours_are_kept() {
    let mut world = World::new();
    world.settle();
    for name in [authority(), serving()] {
        let mut record = world.record(&name);
        record.insert("note", "kept");
        world.ports.serving.put(&name, Some(record));
    }
    for _ in 0..120 {
        world.pass(1);
    }
    for name in [authority(), serving()] {
        assert_eq!(world.record(&name).expose("note"), Some(&b"kept"[..]));
    }
}

#[test]
fn a_failing_target_does_not_hold_up_a_leaf() {
    let mut world = World::new();
    world.settle();
    world.empty_the_bundle();
    for _ in 0..400 {
        world.ports.patcher.arm(&target(), Fault::Unavailable);
    }
    let first = world.chain();
    for _ in 0..25 {
        world.pass(1);
    }
    assert_ne!(world.chain(), first);
    assert!(world.bundle_bytes().is_empty());
}

#[test]
fn a_target_that_fails_does_not_hold_up_a_leaf_in_the_same_step() {
    let mut world = World::new();
    world.ports.patcher.arm(&target(), Fault::Unavailable);
    let created = world.step();
    assert_eq!(created.done.len(), 1);
    let report = world.step();
    let failed: Vec<_> = report.failed.iter().map(|(lane, _)| lane).collect();
    assert_eq!(failed, [&Lane::Target(target())]);
    let done: Vec<_> = report.done.iter().map(|(lane, _)| lane).collect();
    assert_eq!(done, [&Lane::Serving(serving())]);
}

#[test]
fn a_read_that_failed_is_not_taken_for_nothing() {
    let mut world = World::new();
    for (name, lane) in [
        (authority(), Lane::Authority),
        (serving(), Lane::Serving(serving())),
    ] {
        world.ports.serving.arm(&name, Fault::Unavailable);
        world.rotator.invalidate();
        let report = world.step();
        let decision = report.decisions.iter().find(|(other, _)| *other == lane);
        assert_eq!(decision.unwrap().1, Decision::Wait(Why::ReadFailed));
    }
}

#[test]
fn a_record_whose_store_asks_to_come_back_later_is_not_read_before_whatever_wakes() {
    let mut world = World::new();
    world.settle();
    world.ports.serving.arm(&authority(), Fault::Busy);
    world.pass(1);
    let before = world.ports.serving.reads();
    for seconds in 1..10 {
        let report = world.pass(1).pop().unwrap();
        assert_eq!(report.wake_after, secs(10 - seconds));
    }
    assert_eq!(world.ports.serving.reads(), before + 9, "the other record");
    world.pass(1);
    assert_eq!(world.ports.serving.reads(), before + 11);
    assert!(world.accepts(&world.chain(), &world.bundle()));
}

#[test]
fn a_store_that_asks_to_come_back_later_keeps_no_bundle_from_being_repaired() {
    let mut world = World::new();
    world.settle();
    world.ports.serving.arm(&serving(), Fault::Busy);
    world.pass(1);
    world.empty_the_bundle();
    world.pass(1);
    assert!(world.accepts(&world.chain(), &world.bundle()));
}

#[test]
fn a_store_that_asks_for_nothing_is_read_as_soon_as_something_changes() {
    let mut world = World::new();
    world.settle();
    world.ports.serving.arm(&authority(), Fault::Unreadable);
    world.pass(0);
    let reads = world.ports.serving.reads();
    world.pass(0);
    assert!(world.ports.serving.reads() > reads);
}

#[test]
fn lost_replies_and_conflicts_change_nothing_but_the_number_of_tries() {
    let mut world = World::new();
    for name in [authority(), serving()] {
        for fault in [Fault::Conflict, Fault::LostReply, Fault::Unavailable] {
            world.ports.serving.arm(&name, fault);
        }
    }
    for _ in 0..100 {
        world.now += 1;
        world.rotator.invalidate();
        let _ = world.step();
    }
    world.settle();
    assert!(world.accepts(&world.chain(), &world.bundle()));
}

#[test]
fn idle_steps_read_nothing() {
    let mut world = World::new();
    world.settle();
    let reads = world.ports.serving.reads();
    for _ in 0..5 {
        world.now += 1;
        let report = world.step();
        assert!(!report.is_eventful());
        assert!(report.wake_after >= secs(1));
    }
    assert_eq!(world.ports.serving.reads(), reads);
}

#[test]
fn what_no_port_tells_of_is_found_within_five_minutes() {
    let mut world = World::new_for_years();
    world.settle();
    world.ports.serving.put(&serving(), None);
    world.now += 299;
    world.settle();
    assert!(world.ports.serving.get(&serving()).is_none());
    world.now += 1;
    world.settle();
    assert!(world.accepts(&world.chain(), &world.bundle()));
}
