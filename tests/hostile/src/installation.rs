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

pub(crate) const NAMESPACE: &str = "guard-system";
pub(crate) const SERVICE: &str = "guard";

/// Keys and serials from the operating system.
#[derive(Debug)]
pub(crate) struct SystemEntropy;

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

pub(crate) fn new_key() -> PrivateKey {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
        .expect("the system has randomness");
    PrivateKey::from_pkcs8_der(document.as_ref()).expect("it was just made")
}

pub(crate) fn new_root(common_name: &str) -> RootCert {
    let request = RootRequest {
        common_name,
        serial: SystemEntropy.serial().expect("the system has randomness"),
        not_before: UnixTime::from_secs(1_790_000_000),
        not_after: UnixTime::from_secs(1_900_000_000),
    };
    issue_root(&request, &new_key()).expect("its dates can be written")
}

/// One authority, one serving record, one target.
#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) authority: MemoryStore,
    pub(crate) serving: MemoryStore,
    pub(crate) targets: MemoryTargets,
    ports: Ports<MemoryStore, MemoryStore, MemoryTargets, MemoryClock, SystemEntropy>,
    rotator: Rotator,
    elapsed: Duration,
}

pub(crate) fn authority_name() -> RecordName {
    RecordName::new("guard-ca")
}

pub(crate) fn serving_name() -> RecordName {
    RecordName::new("guard-tls")
}

pub(crate) fn target() -> TargetRef {
    TargetRef::new("ValidatingWebhookConfiguration", "guard.example.com")
}

pub(crate) fn entry() -> EntryName {
    EntryName::new("pods.guard.example.com")
}

impl Installation {
    /// Both records and the entry's caBundle as they were found.
    pub(crate) fn found(record: &Record, ca_bundle: &[u8], now: i64) -> Self {
        let (authority, serving) = (MemoryStore::new(), MemoryStore::new());
        authority.put(&authority_name(), Some(record.duplicate()));
        serving.put(&serving_name(), Some(record.duplicate()));
        let targets = MemoryTargets::new();
        let entries = BTreeMap::from([(entry(), ca_bundle.to_vec())]);
        targets.put(&target(), MemoryTarget::Exists(entries));
        let now = TimeBounds::around(UnixTime::from_secs(now), Duration::from_secs(2));
        let ports = Ports {
            authority: authority.clone(),
            serving: serving.clone(),
            patcher: targets.clone(),
            clock: MemoryClock::new(now),
            entropy: SystemEntropy,
        };
        let names = ServerNames::for_service(SERVICE, NAMESPACE).expect("it is a name");
        let rotator = Rotator::new(Settings {
            subject: format!("{SERVICE}.{NAMESPACE}"),
            authority: authority_name(),
            serving: vec![ServingSettings {
                record: serving_name(),
                names,
            }],
            policy: Policy::standard(),
        });
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
    pub(crate) fn step(&mut self) -> Report {
        let step = self.rotator.step(&self.ports, Duty::Lead, self.elapsed);
        let report = block_on(step);
        self.elapsed = self.elapsed.saturating_add(report.wake_after);
        report
    }
}
