//! A clock that was wrong and is right again: what it left behind in the record must not last.

use std::time::Duration;

use certgen::{Anchor, Bundle, RootCert, UnixTime};
use futures::executor::block_on;
use rotator_core::{Duty, TimeBounds};

use crate::world::{World, authority};

/// Puts the clock off by `seconds` for one turn, and right again.
fn off_by(world: &mut World, seconds: i64) {
    world.ahead = seconds;
    world.pass(1);
    world.pass(1);
    world.ahead = 0;
    world.pass(1);
}

/// Tells for a while that the time lies so many seconds ahead.
fn told(world: &mut World, earliest: i64, latest: i64) {
    let ahead = |seconds| UnixTime::from_secs(world.now + seconds);
    let bounds = TimeBounds::new(ahead(earliest), ahead(latest));
    for _ in 0..8 {
        world.ports.clock.set(bounds);
        world.rotator.invalidate();
        let step = world.rotator.step(&world.ports, Duty::Lead, Duration::ZERO);
        assert!(block_on(step).failed.is_empty());
    }
}

fn old_root(world: &World) -> Bundle {
    let record = world.record(&authority());
    let pem = record.expose("gen-1.crt").unwrap();
    let anchors = certgen::parse_bundle(pem).anchors;
    let root = RootCert::try_from(anchors.first().unwrap().certificate().clone()).unwrap();
    Bundle::new([Anchor::from(root)]).unwrap()
}

#[test]
fn a_clock_that_ran_ahead_costs_no_call_once_it_is_right() {
    let mut world = World::new();
    world.settle();
    let before = old_root(&world);
    off_by(&mut world, 80);
    let chain = world.chain();
    assert!(world.accepts(&chain, &world.bundle()));
    assert!(world.accepts(&chain, &before), "a caller that never looked");
}

#[test]
fn clocks_that_ran_further_and_further_apart_cost_no_leaf_once_they_are_right() {
    let mut world = World::new();
    world.settle();
    // Two roots that start in the future, while the first has not ended.
    told(&mut world, 80, 80);
    told(&mut world, 90, 155);
    world.pass(1);
    assert!(world.accepts(&world.chain(), &world.bundle()));
}

#[test]
fn a_clock_that_fell_behind_costs_no_leaf_once_it_is_right() {
    let mut world = World::new();
    world.pass(2000);
    off_by(&mut world, -1000);
    let chain = world.chain();
    assert!(world.accepts(&chain, &world.bundle()));
}

#[test]
fn a_root_that_was_made_ahead_of_time_costs_no_leaf_when_its_time_comes() {
    let mut world = World::new();
    world.settle();
    off_by(&mut world, 300);
    // It starts when those before and after it have ended, and are forgotten.
    for _ in 0..410 {
        world.pass(1);
        assert!(
            world.accepts(&world.chain(), &world.bundle()),
            "{}",
            world.now
        );
    }
}
