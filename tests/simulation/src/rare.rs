//! What is done to the cluster by others: administrators, charts, backups, tools that know better.

use std::{collections::BTreeMap, sync::Arc};

use certgen::{KeyAlgorithm, RootCert, RootRequest, UnixTime, issue_root};

use crate::{
    chance::Chance,
    cluster::{Entries, SecretId, Writer},
    keys,
    script::{Event, START, YEAR},
    world::World,
};

impl World {
    /// Everything that is not a step of a controller, and not a look of a reader.
    pub(crate) fn interfere(&mut self, event: &Event) {
        let targets = self.cluster.lock().targets.len();
        match event {
            Event::Revert { target, back } => {
                let bundle = self.earlier_bundle(target % targets, *back);
                self.overwrite(target % targets, Some(&bundle));
            }
            Event::Spoil { target, garbage } => {
                let bytes: Option<&[u8]> = garbage.then_some(b"no certificate\n");
                self.overwrite(target % targets, bytes);
            }
            Event::Replace { target } => {
                let (stranger, _) = stranger(&mut Chance::new(0));
                self.overwrite(target % targets, Some(stranger.to_pem().as_bytes()));
            }
            Event::Delete { target } => self.cluster.lock().delete_target(target % targets),
            Event::Create { target, back } => {
                let bundle = back.map(|back| self.earlier_bundle(target % targets, back));
                let mut cluster = self.cluster.lock();
                cluster.create_target(target % targets, bundle.as_deref());
            }
            Event::Fight { target, back } => {
                let bundle = self.earlier_bundle(target % targets, *back);
                self.bench.fought.insert(target % targets, bundle);
            }
            Event::ForbidTarget { target } => {
                let mut cluster = self.cluster.lock();
                cluster.forbidden_targets.insert(target % targets);
                self.bench.forbidden.insert(target % targets);
            }
            Event::ForbidServing {
                installation,
                record,
            } => {
                let id = self.serving_record(*installation, *record);
                self.cluster.lock().forbidden_secrets.insert(id);
                self.bench.unwritable.insert(id);
            }
            Event::Attack(attack) => self.attack(attack),
            _ => self.interfere_with_records(event),
        }
    }

    fn interfere_with_records(&mut self, event: &Event) {
        match event {
            Event::LoseAuthority { installation } => self.put_authority(*installation, None),
            Event::RestoreAuthority { installation, back } => {
                let number = installation % self.installations.len();
                let backups = &self.backups[number];
                if let Some(newest) = backups.len().checked_sub(1) {
                    let backup = Arc::clone(&backups[newest - back % backups.len()]);
                    self.put_authority(number, Some(backup));
                }
            }
            Event::GarbleAuthority { installation, how } => {
                let installation = installation % self.installations.len();
                let id = SecretId::Authority { installation };
                let entries = self.cluster.lock().secret(id).entries;
                self.put_authority(installation, Some(garbled(entries, *how)));
            }
            Event::SpoilServing {
                installation,
                record,
                garbage: is_garbage,
            } => {
                let id = self.serving_record(*installation, *record);
                let mut cluster = self.cluster.lock();
                let by = (Writer::Foreign, cluster.revision);
                cluster.put(id, is_garbage.then(garbage), by);
            }
            _ => {}
        }
    }

    fn put_authority(&mut self, installation: usize, entries: Option<Entries>) {
        let installation = installation % self.installations.len();
        let mut cluster = self.cluster.lock();
        let by = (Writer::Foreign, cluster.revision);
        cluster.put(SecretId::Authority { installation }, entries, by);
    }

    pub(crate) fn serving_record(&self, installation: usize, record: usize) -> SecretId {
        let installation = installation % self.installations.len();
        SecretId::Serving {
            installation,
            record: record % self.installations[installation].records,
        }
    }

    fn earlier_bundle(&self, target: usize, back: usize) -> Vec<u8> {
        let cluster = self.cluster.lock();
        let bundles = &cluster.targets[target].bundles;
        bundles[bundles.len() - 1 - back % bundles.len()].clone()
    }

    fn overwrite(&self, target: usize, bundle: Option<&[u8]>) {
        self.cluster
            .lock()
            .overwrite_target(target, bundle, Writer::Foreign);
    }

    /// Whoever fights over a target writes his bundle back as soon as ours is there.
    pub(crate) fn fight_back(&mut self) {
        for (target, bundle) in &self.bench.fought {
            let mut cluster = self.cluster.lock();
            let differs = cluster.targets[*target]
                .bundles
                .last()
                .is_some_and(|present| present != bundle);
            if differs {
                cluster.overwrite_target(*target, Some(bundle), Writer::Foreign);
            }
        }
    }
}

/// One entry is lost or damaged, or all of them.
fn garbled(entries: Option<Entries>, how: u8) -> Entries {
    let Some(entries) = entries else {
        return garbage();
    };
    let mut entries = BTreeMap::clone(&entries);
    match how {
        0 => drop(entries.remove("format")),
        1 => drop(entries.insert("format".to_owned(), b"2".to_vec())),
        2 => drop(entries.remove("state")),
        3 => {
            let mut names = entries.keys().rev();
            let newest = names.find(|name| {
                name.split_once('.')
                    .is_some_and(|(of, kind)| of.starts_with("gen-") && kind == "crt")
            });
            let newest = newest.cloned().unwrap_or_else(|| "state".to_owned());
            entries.insert(newest, b"garbage".to_vec());
        }
        _ => return garbage(),
    }
    Arc::new(entries)
}

fn garbage() -> Entries {
    let entries = ["format", "state", "tls.crt", "tls.key"];
    let garbled = entries.map(|name| (name.to_owned(), b"garbage".to_vec()));
    Arc::new(garbled.into_iter().collect())
}

/// Somebody else's CA, good for the whole life.
pub(crate) fn stranger(chance: &mut Chance) -> (RootCert, certgen::PrivateKey) {
    let key = keys::make(KeyAlgorithm::Ed25519, chance);
    let request = RootRequest {
        common_name: "somebody else's CA",
        serial: certgen::Serial::from_random(chance.bytes()),
        not_before: UnixTime::from_secs(START - YEAR),
        not_after: UnixTime::from_secs(START + 30 * YEAR),
    };
    let root = issue_root(&request, &key).expect("a valid request");
    (root, key)
}
