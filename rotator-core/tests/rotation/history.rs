//! Every caller that holds any bundle of the past verifies every chain of the past.

use std::collections::{BTreeMap, BTreeSet};

use certgen::{Bundle, Chain, UnixTime};
use rotator_core::{Durations, Event, Report, Settings};

use crate::world::{World, durations, secs, settings};

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

#[test]
fn roots_of_the_longest_names_have_common_names_of_64_characters_that_differ() {
    let subject = format!("{}.{}", "a".repeat(63), "b".repeat(63));
    let mut history = History::begun(World::of(Settings {
        subject,
        ..settings(durations())
    }));
    history.live(400);
    assert!(history.promotions >= 5, "{}", history.promotions);
    let anchors = history.bundles.iter().flat_map(Bundle::anchors);
    let roots: BTreeMap<_, _> = anchors
        .map(|root| (root.fingerprint(), root.facts().subject.clone()))
        .collect();
    let names: BTreeSet<_> = roots.values().collect();
    assert_eq!(names.len(), roots.len(), "{names:?}");
    for name in names {
        let name = name.strip_prefix("CN=").unwrap();
        assert!(name.len() <= 64 && name.starts_with("aaaa"), "{name}");
    }
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
        Self::begun(World::with(durations))
    }

    fn begun(mut world: World) -> Self {
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
