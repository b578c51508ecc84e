//! Every caller that holds any bundle of the past verifies every chain of the past.

use certgen::{Bundle, Chain, UnixTime};
use rotator_core::{Durations, Event, Report};

use crate::world::{World, durations, secs};

#[test]
fn every_bundle_of_the_past_verifies_every_chain_of_the_past() {
    let mut history = History::of(durations());
    history.live(600);
    assert!(history.promotions >= 8, "{}", history.promotions);
    assert!(history.verified > 2000, "{}", history.verified);
}

#[test]
fn every_bundle_verifies_every_chain_though_roots_outlive_many_successors() {
    let mut history = History::of(Durations {
        ca_lifetime: secs(190),
        ..durations()
    });
    history.live(500);
    let roots = history.world.bundle().fingerprints().len();
    assert!(roots >= 4, "{roots}");
    assert!(history.verified > 2000, "{}", history.verified);
}

struct History {
    world: World,
    chains: Vec<Chain>,
    bundles: Vec<Bundle>,
    promotions: usize,
    verified: usize,
}

impl History {
    fn of(durations: Durations) -> Self {
        let mut world = World::with(durations);
        world.settle();
        Self {
            chains: vec![world.chain()],
            bundles: vec![world.bundle()],
            promotions: 0,
            verified: 0,
            world,
        }
    }

    fn live(&mut self, seconds: u32) {
        for _ in 0..seconds {
            for report in self.world.pass(1) {
                assert!(report.failed.is_empty(), "{:?}", report.failed);
                self.promotions += promotions(&report);
            }
            self.chains.push(self.world.chain());
            self.chains.dedup();
            self.bundles.push(self.world.bundle());
            self.bundles.dedup();
            self.verify();
        }
    }

    /// Chains whose leaf ended and bundles whose every root ended are of the past for good.
    fn verify(&mut self) {
        let now = UnixTime::from_secs(self.world.now);
        self.chains
            .retain(|chain| chain.leaf().facts().not_after >= now);
        self.bundles
            .retain(|bundle| bundle.anchors().any(|root| root.facts().not_after >= now));
        for chain in &self.chains {
            for bundle in &self.bundles {
                assert!(self.world.accepts(chain, bundle), "{chain:?}\n{bundle:?}");
                self.verified += 1;
            }
        }
    }
}

fn promotions(report: &Report) -> usize {
    let done = report.done.iter();
    done.filter(|(_, event)| matches!(event, Event::Promoted { .. }))
        .count()
}
