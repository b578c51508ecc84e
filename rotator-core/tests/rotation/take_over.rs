//! A leaf that somebody else issued, and one that lacks what callers need.

use std::collections::BTreeMap;

use certgen::{Bundle, Chain, parse_bundle};
use rotator_core::{Event, LeafReason, MemoryTarget, Record};

use crate::{
    pass_until, promoted, published,
    world::{START, World, entry, serving, target},
};

/// The serving record of another installation, with `ca` beside its leaf.
fn served_by(other: &World, ca: &str) -> Record {
    let mut record = other.record(&serving());
    record.insert("ca.crt", ca);
    record
}

fn settled(mut world: World) -> World {
    world.settle();
    world
}

#[test]
fn of_the_roots_beside_a_leaf_that_is_taken_over_those_stay_that_have_not_ended() {
    let (short, long) = (settled(World::new()), settled(World::new_for_years()));
    let mut world = settled(World::new_for_years());
    let ca = short.bundle().to_pem() + &long.bundle().to_pem();
    let record = served_by(&short, &ca);
    world.ports.serving.put(&serving(), Some(record));
    // The leaf ended after 30 s, its root after 100.
    let events = events(&mut world, 200);
    assert!(
        matches!(
            events.first(),
            Some(Event::LeafIssued {
                reason: LeafReason::Foreign,
                ..
            })
        ),
        "nothing is waited for: {events:?}"
    );
    let record = world.record(&serving());
    let kept = parse_bundle(record.expose("ca.crt").unwrap()).anchors;
    let kept = Bundle::new(kept).unwrap().fingerprints();
    let has = |other: &World| kept.is_superset(&other.bundle().fingerprints());
    assert_eq!((has(&long), has(&short), kept.len()), (true, false, 2));
}

#[test]
fn roots_of_ours_are_not_told_as_somebody_elses() {
    let other = settled(World::new_for_years());
    let mut world = settled(World::new());
    let both = world.bundle().to_pem() + &other.bundle().to_pem();
    let both = BTreeMap::from([(entry(), both.into_bytes())]);
    let targets = &world.ports.patcher;
    targets.put(&target(), MemoryTarget::Exists(both));
    let mut told = Vec::new();
    pass_until(&mut world, |reports| {
        told = published(reports);
        !told.is_empty()
    });
    let foreign = told.iter().flat_map(|published| &published.foreign);
    let foreign: Vec<_> = foreign.map(|foreign| foreign.fingerprint).collect();
    let theirs: Vec<_> = other.bundle().fingerprints().into_iter().collect();
    assert_eq!(foreign, theirs);
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
