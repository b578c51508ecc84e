//! An installation in memory, whose store and target hold what somebody hostile put there.

use std::{collections::BTreeMap, time::Duration};

use certgen::{
    KeyAlgorithm, PrivateKey, RootCert, RootRequest, Serial, ServerNames, UnixTime, issue_root,
};
use futures::executor::block_on;
use ring::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rotator_core::{
    Duty, Entropy, EntropyError, EntryName, MemoryClock, MemoryStore, MemoryTarget, MemoryTargets,
    Policy, Ports, Record, RecordName, Report, Rotator, ServingSettings, Settings, TargetRef,
    TimeBounds,
};

/// Of our service.
pub const NAMESPACE: &str = "guard-system";
/// Our service.
pub const SERVICE: &str = "guard";

/// Keys and serials from the operating system.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to say")]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn private_key(&self, _: KeyAlgorithm) -> Result<PrivateKey, EntropyError> {
        Ok(new_key())
    }

    fn serial(&self) -> Result<Serial, EntropyError> {
        let mut bytes = [0; 16];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| EntropyError::new())?;
        Ok(Serial::from_random(bytes))
    }
}

/// A new key.
#[must_use]
pub fn new_key() -> PrivateKey {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
        .expect("the system has randomness");
    PrivateKey::from_pkcs8_der(document.as_ref()).expect("it was just made")
}

/// A new root, valid in most tests.
#[must_use]
pub fn new_root(common_name: &str) -> RootCert {
    let request = RootRequest {
        common_name,
        serial: SystemEntropy.serial().expect("the system has randomness"),
        not_before: UnixTime::from_secs(1_790_000_000),
        not_after: UnixTime::from_secs(1_900_000_000),
    };
    issue_root(&request, &new_key()).expect("its dates can be written")
}

/// The records of an installation, as far as there are any.
#[derive(Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "there are two")]
pub struct Records {
    /// The authority record.
    pub authority: Option<Record>,
    /// The serving record.
    pub serving: Option<Record>,
}

/// One authority, one serving record, any number of targets of one entry each.
#[derive(Debug)]
#[non_exhaustive]
pub struct Installation {
    /// Holds the authority record.
    pub authority: MemoryStore,
    /// Holds the serving record.
    pub serving: MemoryStore,
    /// The targets.
    pub targets: MemoryTargets,
    ports: Ports<MemoryStore, MemoryStore, MemoryTargets, MemoryClock, SystemEntropy>,
    rotator: Rotator,
    elapsed: Duration,
}

/// The name of the authority record.
#[must_use]
pub fn authority_name() -> RecordName {
    RecordName::new("guard-ca")
}

/// The name of the serving record.
#[must_use]
pub fn serving_name() -> RecordName {
    RecordName::new("guard-tls")
}

/// The first target.
#[must_use]
pub fn target() -> TargetRef {
    TargetRef::new("ValidatingWebhookConfiguration", "guard.example.com")
}

/// Each target's entry.
#[must_use]
pub fn entry() -> EntryName {
    EntryName::new("pods.guard.example.com")
}

/// What is kept in it, by the standard policy.
#[must_use]
pub fn settings() -> Settings {
    let names = ServerNames::for_service(SERVICE, NAMESPACE).expect("it is a name");
    Settings {
        subject: format!("{SERVICE}.{NAMESPACE}"),
        authority: authority_name(),
        serving: vec![ServingSettings {
            record: serving_name(),
            names,
        }],
        policy: Policy::standard(),
    }
}

impl Installation {
    /// The records as they were found, and the caBundles.
    #[must_use]
    pub fn found(records: Records, ca_bundles: Vec<(TargetRef, Vec<u8>)>, now: i64) -> Self {
        let (authority, serving) = (MemoryStore::new(), MemoryStore::new());
        authority.put(&authority_name(), records.authority);
        serving.put(&serving_name(), records.serving);
        let targets = MemoryTargets::new();
        for (target, ca_bundle) in ca_bundles {
            let entries = BTreeMap::from([(entry(), ca_bundle)]);
            targets.put(&target, MemoryTarget::Exists(entries));
        }
        let now = TimeBounds::around(UnixTime::from_secs(now), Duration::from_secs(2));
        let ports = Ports {
            authority: authority.clone(),
            serving: serving.clone(),
            patcher: targets.clone(),
            clock: MemoryClock::new(now),
            entropy: SystemEntropy,
        };
        let rotator = Rotator::new(settings());
        Self {
            authority,
            serving,
            targets,
            ports,
            rotator,
            elapsed: Duration::ZERO,
        }
    }

    /// One step, after whatever wait the last one asked for.
    pub fn step(&mut self) -> Report {
        let step = self.rotator.step(&self.ports, Duty::Lead, self.elapsed);
        let report = block_on(step);
        self.elapsed = self.elapsed.saturating_add(report.wake_after);
        report
    }
}

impl Installation {
    /// Steps until nothing is to be done and nothing fails, or for as many times.
    pub fn settle(&mut self, most: usize) -> Vec<Report> {
        let mut reports = Vec::new();
        for _ in 0..most {
            let report = self.step();
            let is_settled = !report.is_eventful();
            reports.push(report);
            if is_settled {
                break;
            }
        }
        reports
    }

    /// How often the authority record, the serving record and targets were written.
    #[must_use]
    pub fn writes(&self) -> [u64; 3] {
        [
            self.authority.writes(),
            self.serving.writes(),
            self.targets.writes(),
        ]
    }
}
