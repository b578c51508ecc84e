//! A small world: memory ports, a clock that the test turns, and callers that verify as an API server does.

use std::{collections::BTreeMap, time::Duration};

use certgen::{
    Bundle, Chain, KeyAlgorithm, PrivateKey, Serial, ServerNames, UnixTime, parse_bundle,
    verify_chain,
};
use futures::executor::block_on;
use ring::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
        Ed25519KeyPair,
    },
};
use rotator_core::{
    Durations, Duty, Entropy, EntropyError, EntryName, MemoryClock, MemoryStore, MemoryTarget,
    MemoryTargets, Policy, Ports, Record, RecordName, Report, Rotator, ServingSettings, Settings,
    TargetRef, TimeBounds,
};

pub(crate) struct TestEntropy;

impl Entropy for TestEntropy {
    fn private_key(&self, algorithm: KeyAlgorithm) -> Result<PrivateKey, EntropyError> {
        let random = SystemRandom::new();
        let document = match algorithm {
            KeyAlgorithm::P256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
            }
            KeyAlgorithm::P384 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, &random)
            }
            KeyAlgorithm::Ed25519 => Ed25519KeyPair::generate_pkcs8(&random),
        };
        let document = document.map_err(|_| EntropyError::new())?;
        PrivateKey::from_pkcs8_der(document.as_ref()).map_err(|_| EntropyError::new())
    }

    fn serial(&self) -> Result<Serial, EntropyError> {
        let mut bytes = [0; 16];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| EntropyError::new())?;
        Ok(Serial::from_random(bytes))
    }
}

pub(crate) type TestPorts =
    Ports<MemoryStore, MemoryStore, MemoryTargets, MemoryClock, TestEntropy>;

pub(crate) struct World {
    pub(crate) ports: TestPorts,
    pub(crate) rotator: Rotator,
    pub(crate) now: i64,
    /// By how much the witness of the time is wrong.
    pub(crate) ahead: i64,
    pub(crate) name: String,
}

pub(crate) const START: i64 = 1_800_000_000;

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A root lives 100 s, its successor is made after 50 s and dwells 5 s; a leaf lives 30 s and is renewed at 10 s.
pub(crate) fn durations() -> Durations {
    Durations {
        ca_lifetime: secs(100),
        ca_renew_after: secs(50),
        dwell: secs(5),
        leaf_lifetime: secs(30),
        leaf_renew_before: secs(10),
        clock_allowance: secs(2),
    }
}

pub(crate) fn authority() -> RecordName {
    RecordName::new("guard-ca")
}

pub(crate) fn serving() -> RecordName {
    RecordName::new("guard-tls")
}

pub(crate) fn target() -> TargetRef {
    TargetRef::new("ValidatingWebhookConfiguration", "guard.example.com")
}

pub(crate) fn entry() -> EntryName {
    EntryName::new("pods.guard.example.com")
}

pub(crate) fn settings(durations: Durations) -> Settings {
    Settings {
        subject: "guard.guard-system".to_owned(),
        authority: authority(),
        serving: vec![ServingSettings {
            record: serving(),
            names: ServerNames::for_service("guard", "guard-system").unwrap(),
        }],
        policy: Policy::new(durations, KeyAlgorithm::P256).unwrap(),
    }
}

fn empty_target() -> MemoryTarget {
    MemoryTarget::Exists(BTreeMap::from([(entry(), Vec::new())]))
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(durations())
    }

    pub(crate) fn with(durations: Durations) -> Self {
        Self::of(settings(durations))
    }

    pub(crate) fn of(settings: Settings) -> Self {
        let targets = MemoryTargets::new();
        targets.put(&target(), empty_target());
        let store = MemoryStore::new();
        let ports = Ports {
            authority: store.clone(),
            serving: store,
            patcher: targets,
            clock: MemoryClock::new(TimeBounds::exactly(UnixTime::from_secs(START))),
            entropy: TestEntropy,
        };
        Self {
            ports,
            rotator: Rotator::new(settings),
            now: START,
            ahead: 0,
            name: "guard.guard-system.svc".to_owned(),
        }
    }

    /// With the standard policy: nothing is due for days.
    pub(crate) fn new_for_years() -> Self {
        Self::with(Durations::DEFAULT)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        secs(u64::try_from(self.now - START).unwrap())
    }

    pub(crate) fn step(&mut self) -> Report {
        self.ports
            .clock
            .set(TimeBounds::exactly(UnixTime::from_secs(
                self.now + self.ahead,
            )));
        block_on(self.rotator.step(&self.ports, Duty::Lead, self.elapsed()))
    }

    /// Steps until nothing is to be done now; returns the reports.
    pub(crate) fn settle(&mut self) -> Vec<Report> {
        let mut reports = Vec::new();
        for _ in 0..20 {
            let report = self.step();
            let settled = report.wake_after > Duration::ZERO;
            reports.push(report);
            if settled {
                return reports;
            }
        }
        panic!("does not settle: {reports:?}");
    }

    /// Lets a second pass and everybody look again.
    pub(crate) fn pass(&mut self, seconds: i64) -> Vec<Report> {
        self.now += seconds;
        self.rotator.invalidate();
        self.settle()
    }

    pub(crate) fn record(&self, name: &RecordName) -> Record {
        self.ports.serving.get(name).unwrap()
    }

    pub(crate) fn chain(&self) -> Chain {
        Chain::from_pem(self.record(&serving()).expose("tls.crt").unwrap()).unwrap()
    }

    /// As somebody does who breaks it, or makes the target anew.
    pub(crate) fn empty_the_bundle(&self) {
        self.ports.patcher.put(&target(), empty_target());
    }

    pub(crate) fn bundle_bytes(&self) -> Vec<u8> {
        self.ports.patcher.bundle(&target(), &entry()).unwrap()
    }

    pub(crate) fn bundle(&self) -> Bundle {
        Bundle::new(parse_bundle(&self.bundle_bytes()).anchors).unwrap()
    }

    pub(crate) fn accepts(&self, chain: &Chain, bundle: &Bundle) -> bool {
        verify_chain(chain, bundle, &self.name, UnixTime::from_secs(self.now)).is_ok()
    }
}
