//! A replica that stands by does what its leader leaves undone, and nothing before.

use futures::executor::block_on;
use rotator_core::{Durations, Duty, Report, Rotator, TimeBounds};

use crate::world::{START, World, secs, settings};

/// Another replica, that stands by, on the records and targets of `world`.
struct StandBy(Rotator);

impl StandBy {
    fn new() -> Self {
        Self(Rotator::new(settings(Durations::DEFAULT)))
    }

    fn step(&mut self, world: &World) -> Report {
        let now = certgen::UnixTime::from_secs(world.now);
        world.ports.clock.set(TimeBounds::exactly(now));
        self.0.invalidate();
        block_on(self.0.step(&world.ports, Duty::StandBy, world.elapsed()))
    }

    /// Until it sleeps, or writes.
    fn look(&mut self, world: &World) -> Report {
        for _ in 0..20 {
            let report = self.step(world);
            if !report.done.is_empty() || !report.wake_after.is_zero() {
                return report;
            }
        }
        panic!("it neither sleeps nor writes");
    }
}

/// Somebody empties the bundle: calls fail until somebody repairs it.
fn broken() -> World {
    let mut world = World::new_for_years();
    world.settle();
    world.empty_the_bundle();
    world
}

#[test]
fn what_is_broken_is_left_to_the_leader_for_half_a_minute() {
    let mut world = broken();
    let mut replica = StandBy::new();
    for second in 0..30 {
        world.now = START + second;
        let report = replica.look(&world);
        assert!(report.done.is_empty(), "after {second} s");
        assert!(
            report.wake_after <= secs(30),
            "it comes back in time: {report:?}"
        );
    }
    world.now = START + 30;
    assert_eq!(replica.look(&world).done.len(), 1);
    assert!(!world.bundle_bytes().is_empty());
}

#[test]
fn a_replica_that_sees_nothing_amiss_sleeps_for_longer() {
    let mut world = World::new_for_years();
    world.settle();
    let report = StandBy::new().look(&world);
    // Until the successor is due, or the certificate.
    assert!(
        report.done.is_empty() && report.wake_after > secs(15),
        "{report:?}"
    );
}

#[test]
fn what_the_leader_mends_meanwhile_is_not_done_twice() {
    let mut world = broken();
    let mut replica = StandBy::new();
    assert!(replica.look(&world).done.is_empty());
    world.pass(10);
    let writes = world.ports.patcher.writes();
    for _ in 0..5 {
        world.now += 1;
        assert!(replica.look(&world).done.is_empty());
    }
    assert_eq!(world.ports.patcher.writes(), writes);
}
