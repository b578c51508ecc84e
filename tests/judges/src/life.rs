//! The real product, lived through many generations: every chain and every bundle that it ever published.

use std::{iter::repeat_with, time::Duration};

use certgen::{Bundle, Chain, KeyAlgorithm, ServerNames, UnixTime, parse_bundle};
use futures::executor::block_on;
use rotator_core::{
    Durations, Duty, EntryName, MemoryClock, MemoryStore, MemoryTarget, MemoryTargets, Policy,
    Ports, RecordName, Report, Rotator, ServingSettings, Settings, TargetRef, TimeBounds,
};

use crate::{chance::Chance, error::JudgeError, random::Random};

/// The names that every leaf carries: a Service's, a wildcard, and addresses.
pub(crate) const DNS: &str = "guard.guard-system.svc";
pub(crate) const WILDCARD: &str = "*.hooks.svc";
pub(crate) const IPV4: &str = "10.96.0.7";
pub(crate) const IPV6: &str = "fd00::7";

/// When every life begins.
pub(crate) const START: i64 = 1_800_000_000;

/// One way to live: settings that follow each other.
#[derive(Clone, Debug)]
pub struct Life {
    name: &'static str,
    /// From which day on which policy.
    stages: Vec<(i64, Durations, KeyAlgorithm)>,
    days: i64,
}

/// How much is lived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers choose one of the two")]
pub enum Length {
    /// Just over six generations.
    Short,
    /// Ten.
    Long,
}

impl Length {
    fn days(self) -> i64 {
        match self {
            Self::Short => 64,
            Self::Long => 110,
        }
    }
}

/// What a life published.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a life publishes exactly this")]
pub struct Lived {
    /// Which life.
    pub name: &'static str,
    /// The algorithm of all its keys; none: several.
    pub algorithm: Option<KeyAlgorithm>,
    /// Every chain, in the order in which they were stored.
    pub chains: Vec<Chain>,
    /// Every bundle, in the order in which they were published.
    pub bundles: Vec<Bundle>,
}

impl Life {
    /// All lives: of each algorithm one by a policy that stays and one by a policy that is lengthened again and again,
    /// so that the first root outlives five successors; and one whose algorithm changes with each generation.
    pub fn all(length: Length) -> Vec<Self> {
        let algorithms = [
            KeyAlgorithm::P256,
            KeyAlgorithm::P384,
            KeyAlgorithm::Ed25519,
        ];
        let steady = algorithms.map(|algorithm| Self {
            name: "steady",
            stages: vec![(0, durations(11), algorithm)],
            days: length.days(),
        });
        let lengthened = algorithms.map(|algorithm| Self {
            name: "lengthened",
            stages: LENGTHENED
                .into_iter()
                .map(|(day, renew_after)| (day, durations(renew_after), algorithm))
                .collect(),
            days: length.days() / 2,
        });
        let mixed = algorithms.into_iter().cycle().zip(0..9);
        let mixed = Self {
            name: "mixed",
            stages: mixed
                .map(|(algorithm, n)| (11 * n, durations(11), algorithm))
                .collect(),
            days: length.days(),
        };
        steady
            .into_iter()
            .chain(lengthened)
            .chain([mixed])
            .collect()
    }

    /// A life by durations and algorithms that follow from a seed.
    pub fn by_seed(seed: u64, length: Length) -> Self {
        let mut random = Random::new(seed);
        let renew_after = 8 + random.up_to(6);
        let leaf_lifetime = 3 + random.up_to(7);
        let of_the_seed = Durations {
            dwell: days(1 + random.up_to(3)),
            leaf_lifetime: days(leaf_lifetime),
            leaf_renew_before: days(1 + random.up_to(leaf_lifetime - 2)),
            ..durations(renew_after)
        };
        let stages = (0..length.days() / 10).map(|n| {
            let algorithm = match random.up_to(2) {
                0 => KeyAlgorithm::P256,
                1 => KeyAlgorithm::P384,
                _ => KeyAlgorithm::Ed25519,
            };
            (10 * n, of_the_seed, algorithm)
        });
        Self {
            name: "by the seed",
            stages: stages.collect(),
            days: length.days(),
        }
    }

    fn algorithm(&self) -> Option<KeyAlgorithm> {
        let mut all = self.stages.iter().map(|(_, _, algorithm)| *algorithm);
        let first = all.next()?;
        all.all(|algorithm| algorithm == first).then_some(first)
    }

    /// Lives it, eight hours at a time.
    ///
    /// # Errors
    ///
    /// [`JudgeError`] if the product fails at anything.
    pub fn live(&self, seed: u64) -> Result<Lived, JudgeError> {
        let world = World::new(seed)?;
        let mut lived = Lived {
            name: self.name,
            algorithm: self.algorithm(),
            chains: Vec::new(),
            bundles: Vec::new(),
        };
        for hour in (0..self.days * 24).step_by(8) {
            let stages = self.stages.iter().rev();
            let (_, durations, algorithm) = stages
                .clone()
                .find(|(day, ..)| day * 24 <= hour)
                .ok_or(JudgeError::Settings)?;
            world.pass(
                hour,
                Policy::new(*durations, *algorithm).map_err(|_| JudgeError::Settings)?,
            )?;
            let (chain, bundle) = (world.chain()?, world.bundle()?);
            lived.chains.push(chain);
            lived.chains.dedup();
            lived.bundles.push(bundle);
            lived.bundles.dedup();
        }
        Ok(lived)
    }
}

/// From which day on which `ca-renew-after`. Each makes the active root due for a successor at once.
const LENGTHENED: [(i64, u64); 6] = [(0, 13), (3, 17), (6, 22), (9, 28), (12, 36), (15, 46)];

/// Roots that live as long as six generations in one record permit.
fn durations(renew_after: u64) -> Durations {
    Durations {
        ca_lifetime: days(5 * renew_after - 1),
        ca_renew_after: days(renew_after),
        dwell: days(1),
        leaf_lifetime: days(7),
        leaf_renew_before: days(2),
        clock_allowance: Duration::from_secs(3600),
    }
}

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 3600)
}

struct World {
    ports: Ports<MemoryStore, MemoryStore, MemoryTargets, MemoryClock, Chance>,
    serving: ServingSettings,
    target: TargetRef,
    entry: EntryName,
}

impl World {
    fn new(seed: u64) -> Result<Self, JudgeError> {
        let (target, entry) = (TargetRef::new("Webhook", "guard"), EntryName::new("pods"));
        let (store, patcher) = (MemoryStore::new(), MemoryTargets::new());
        patcher.put(
            &target,
            MemoryTarget::Exists([(entry.clone(), Vec::new())].into()),
        );
        let start = TimeBounds::exactly(UnixTime::from_secs(START));
        Ok(Self {
            ports: Ports {
                authority: store.clone(),
                serving: store,
                patcher,
                clock: MemoryClock::new(start),
                entropy: Chance::new(seed),
            },
            serving: ServingSettings {
                record: RecordName::new("guard-tls"),
                names: names().ok_or(JudgeError::Settings)?,
            },
            target,
            entry,
        })
    }

    /// A controller that was restarted with this policy does all that is due.
    fn pass(&self, hour: i64, policy: Policy) -> Result<(), JudgeError> {
        let mut rotator = Rotator::new(Settings {
            subject: "guard.guard-system".to_owned(),
            authority: RecordName::new("guard-ca"),
            serving: vec![self.serving.clone()],
            policy,
        });
        let now = UnixTime::from_secs(START + hour * 3600);
        self.ports.clock.set(TimeBounds::exactly(now));
        let steps = repeat_with(|| block_on(rotator.step(&self.ports, Duty::Lead, Duration::ZERO)));
        for report in steps.take_while(Report::is_eventful) {
            if let Some((_, error)) = report.failed.into_iter().next() {
                return Err(JudgeError::Step(error));
            }
        }
        Ok(())
    }

    fn chain(&self) -> Result<Chain, JudgeError> {
        let record = self.ports.serving.get(&self.serving.record);
        let pem = record.as_ref().and_then(|record| record.expose("tls.crt"));
        let chain = pem.and_then(|pem| Chain::from_pem(pem).ok());
        chain.ok_or(JudgeError::Published { what: "chain" })
    }

    fn bundle(&self) -> Result<Bundle, JudgeError> {
        let pem = self.ports.patcher.bundle(&self.target, &self.entry);
        let bundle = pem.and_then(|pem| Bundle::new(parse_bundle(&pem).anchors).ok());
        bundle.ok_or(JudgeError::Published { what: "bundle" })
    }
}

fn names() -> Option<ServerNames> {
    let dns = [DNS.parse().ok()?, WILDCARD.parse().ok()?];
    let ips = [IPV4.parse().ok()?, IPV6.parse().ok()?];
    ServerNames::new(dns, ips).ok()
}
