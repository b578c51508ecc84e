//! Four hundred days of a webhook's certificates in a second: no cluster, and a clock that this program turns.
//!
//! One line for each write. Each day every caller meets every server: whatever bundle the one saw last, and whatever
//! chain the other still presents. `cargo run -p rotator-core --example rotate`
#![expect(clippy::print_stdout, clippy::wildcard_imports, reason = "an example")]

use std::{error::Error, iter::repeat_with, time::Duration};

use certgen::{Bundle, Chain, KeyAlgorithm, PrivateKey, Serial, ServerNames, UnixTime};
use futures::executor::block_on;
use ring::{rand, rand::SystemRandom, signature as sig};
use rotator_core::*;

fn main() -> Result<(), Box<dyn Error>> {
    let (hook, pods) = (TargetRef::new("Webhook", "guard"), EntryName::new("pods"));
    let (store, hooks) = (MemoryStore::new(), MemoryTargets::new());
    let empty = MemoryTarget::Exists([(pods.clone(), vec![])].into());
    hooks.put(&hook, empty);
    let start = UnixTime::from_secs(1_800_000_000);
    let ports = Ports {
        authority: store.clone(),
        serving: store.clone(),
        patcher: hooks.clone(),
        clock: MemoryClock::new(TimeBounds::exactly(start)),
        entropy: Chance(SystemRandom::new()),
    };
    let tls = RecordName::new("guard-tls");
    let (record, names) = (tls.clone(), ServerNames::for_service("guard", "shop")?);
    let mut rotator = Rotator::new(Settings {
        subject: "guard.shop".to_owned(),
        authority: RecordName::new("guard-ca"),
        serving: vec![ServingSettings { record, names }],
        policy: Policy::standard(),
    });
    let (mut chains, mut bundles, mut calls) = (vec![], vec![], 0);
    for day in 0..=400 {
        let elapsed = Duration::from_secs(day * 24 * 3600);
        let now = start.saturating_add(elapsed);
        ports.clock.set(TimeBounds::exactly(now));
        let passes = repeat_with(|| block_on(rotator.step(&ports, Duty::Lead, elapsed)));
        let reports = passes.take_while(Report::is_eventful);
        for (_, event) in reports.flat_map(|report| report.done) {
            println!("day {day:>3}  {event}");
        }
        let served = store.get(&tls).ok_or("nothing is served")?;
        chains.push(Chain::from_pem(served.expose("tls.crt").unwrap_or(b""))?);
        chains.dedup();
        chains.retain(|chain| chain.leaf().facts().not_after >= now);
        let trusted = hooks.bundle(&hook, &pods).ok_or("the target is gone")?;
        bundles.push(Bundle::new(certgen::parse_bundle(&trusted).anchors)?);
        bundles.dedup();
        bundles.retain(|bundle| bundle.anchors().any(|root| root.facts().not_after >= now));
        for chain in &chains {
            for bundle in &bundles {
                certgen::verify_chain(chain, bundle, "guard.shop.svc", now)?;
                calls += 1;
            }
        }
    }
    println!("{calls} calls, none refused");
    Ok(())
}

struct Chance(SystemRandom);

impl Entropy for Chance {
    fn private_key(&self, _: KeyAlgorithm) -> Result<PrivateKey, EntropyError> {
        let key = sig::EcdsaKeyPair::generate_pkcs8(&sig::ECDSA_P256_SHA256_ASN1_SIGNING, &self.0);
        let key = key.map_err(|_| EntropyError::new())?;
        PrivateKey::from_pkcs8_der(key.as_ref()).map_err(|_| EntropyError::new())
    }

    fn serial(&self) -> Result<Serial, EntropyError> {
        let random = rand::generate(&self.0).map_err(|_| EntropyError::new())?;
        Ok(Serial::from_random(random.expose()))
    }
}
