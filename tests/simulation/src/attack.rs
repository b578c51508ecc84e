//! What somebody hostile does who has one right, and what those do who end it.

use std::{collections::BTreeMap, sync::Arc};

use certgen::{
    Certificate, KeyAlgorithm, LeafRequest, PrivateKey, RootCert, RootRequest, Serial, ServerNames,
    UnixTime, issue_leaf, issue_root, parse_bundle,
};

use crate::{
    chance::Chance,
    cluster::{Entries, SecretId, Writer},
    controller::NAME,
    keys,
    script::{Attack, DAY, ServingAttack, TargetAttack, YEAR},
    world::World,
};

/// What he has besides his right.
#[derive(Debug)]
pub(crate) struct Attacker {
    chance: Chance,
    root: RootCert,
    key: PrivateKey,
    /// What stood in each record before he first wrote it.
    before: BTreeMap<SecretId, Option<Entries>>,
}

impl Attacker {
    fn new(now: i64) -> Self {
        let mut chance = Chance::new(0xa77a_c4e5);
        let key = keys::make(KeyAlgorithm::Ed25519, &mut chance);
        let root = ca(HIS, &key, now, 30 * YEAR, &mut chance);
        Self {
            chance,
            root,
            key,
            before: BTreeMap::new(),
        }
    }
}

const HIS: &str = "attacker's CA";

fn ca(common_name: &str, key: &PrivateKey, now: i64, lives: i64, chance: &mut Chance) -> RootCert {
    let request = RootRequest {
        common_name,
        serial: Serial::from_random(chance.bytes()),
        not_before: UnixTime::from_secs(now - YEAR),
        not_after: UnixTime::from_secs(now + lives),
    };
    issue_root(&request, key).expect("a valid request")
}

impl World {
    pub(crate) fn attack(&mut self, attack: &Attack) {
        let now = self.now;
        let mut attacker = self.attacker.take().unwrap_or_else(|| Attacker::new(now));
        self.judge.knows_attacker(attacker.root.der());
        let targets = self.judge.targets.len();
        match *attack {
            Attack::Serving {
                installation,
                record,
                how,
            } => self.attack_serving(
                self.serving_record(installation, record),
                how,
                &mut attacker,
            ),
            Attack::ServingEnds {
                installation,
                record,
                is_restored,
            } => {
                let id = self.serving_record(installation, record);
                if let Some(before) = attacker.before.remove(&id) {
                    let entries = before.filter(|_| is_restored);
                    let mut cluster = self.cluster.lock();
                    let by = (Writer::Foreign, cluster.revision);
                    cluster.put(id, entries, by);
                    self.judge.hostile.records.insert(id, None);
                }
            }
            Attack::Target { target, how } => {
                self.attack_target(target % targets, how, &mut attacker);
            }
            Attack::TargetEnds { target, is_anew } => self.end_attack(target % targets, is_anew),
            Attack::Lease => {
                self.is_led = false;
                self.bench.was_leaderless = true;
            }
            Attack::LeaseEnds => self.is_led = true,
        }
        self.attacker = Some(attacker);
    }

    fn attack_serving(&mut self, id: SecretId, how: ServingAttack, attacker: &mut Attacker) {
        self.judge.hostile.records.insert(id, None);
        let present = self.cluster.lock().secret(id).entries;
        attacker.before.entry(id).or_insert_with(|| present.clone());
        let entries = present.map(|entries| BTreeMap::clone(&entries));
        let mut entries = entries.unwrap_or_default();
        let mut more = Vec::new();
        match how {
            ServingAttack::AppendsCa => more.push(attacker.root.to_pem()),
            ServingAttack::AppendsImpostors => more = self.impostors(60, attacker),
            ServingAttack::AppendsVariants => more = self.variants(60),
            ServingAttack::AppendsLarge => more = self.large(60, attacker),
            ServingAttack::Leaf | ServingAttack::EndedLeaf => {
                let lives = if how == ServingAttack::Leaf { YEAR } else { -1 };
                entries.extend(leaf(attacker, self.now + lives));
            }
            ServingAttack::Garbage => {
                entries.insert("tls.crt".to_owned(), b"garbage".to_vec());
            }
        }
        let ca = entries.entry("ca.crt".to_owned()).or_default();
        ca.extend(more.concat().into_bytes());
        let mut cluster = self.cluster.lock();
        let by = (Writer::Attacker, cluster.revision);
        cluster.put(id, Some(Arc::new(entries)), by);
    }

    fn attack_target(&mut self, target: usize, how: TargetAttack, attacker: &mut Attacker) {
        let present = {
            let cluster = self.cluster.lock();
            if cluster.targets[target].current.is_none() {
                return;
            }
            cluster.targets[target].bundles.last().cloned()
        };
        let present = String::from_utf8(present.unwrap_or_default()).unwrap_or_default();
        let now = self.now;
        let text = match how {
            TargetAttack::Plants => attacker.root.to_pem() + &present,
            TargetAttack::Impostors => self.impostors(120, attacker).concat() + &present,
            TargetAttack::Variants => self.variants(120).concat() + &present,
            TargetAttack::Floods => {
                let key = keys::make(KeyAlgorithm::Ed25519, &mut attacker.chance);
                let many = (0..40).map(|number: i64| {
                    let name = format!("attacker's CA {}", number % 21);
                    let root = ca(&name, &key, now, number * 90 * DAY, &mut attacker.chance);
                    self.judge.knows_attacker(root.der());
                    root.to_pem()
                });
                many.collect::<String>() + &present
            }
            TargetAttack::Large => self.large(12, attacker).concat() + &present,
            TargetAttack::Replaces => attacker.root.to_pem(),
        };
        let mut cluster = self.cluster.lock();
        cluster.overwrite_target(target, Some(text.as_bytes()), Writer::Attacker);
    }

    /// What heals a target: an entry that was emptied is as new.
    fn end_attack(&mut self, target: usize, is_anew: bool) {
        if !self.judge.hostile.targets.remove(&target) {
            return;
        }
        let mut cluster = self.cluster.lock();
        if is_anew {
            cluster.delete_target(target);
            cluster.create_target(target, None);
        } else {
            cluster.overwrite_target(target, None, Writer::Foreign);
        }
        drop(cluster);
        // What callers see of it until a controller comes is still his doing.
        self.is_emptied_after_an_attack(target);
    }

    /// Self-signed, with the subject and the key identifier of the roots in the first target.
    fn impostors(&mut self, count: usize, attacker: &mut Attacker) -> Vec<String> {
        let ours = self.our_subjects();
        let made = ours
            .iter()
            .cycle()
            .take(if ours.is_empty() { 0 } else { count });
        let made: Vec<_> = made
            .map(|name| {
                let key = keys::make(KeyAlgorithm::Ed25519, &mut attacker.chance);
                ca(name, &key, self.now, YEAR, &mut attacker.chance)
            })
            .collect();
        self.judge.knows_impostors(made.iter().map(|it| it.der()));
        made.iter().map(|it| it.to_pem()).collect()
    }

    /// The roots in the first target, with other serial numbers.
    fn variants(&mut self, count: usize) -> Vec<String> {
        let ours = self.our_roots();
        let mut made = Vec::new();
        for (number, root) in ours
            .iter()
            .cycle()
            .take(if ours.is_empty() { 0 } else { count })
            .enumerate()
        {
            let serial = &root.facts().serial;
            let mut der = root.der().to_vec();
            let mut places = der.windows(serial.len());
            if let Some(at) = places.position(|it| it == serial.as_slice()) {
                let last = at + serial.len() - 1;
                der[last] ^= u8::try_from(number % 255 + 1).expect("fits");
                made.extend(Certificate::from_der(&der).ok());
            }
        }
        self.judge
            .knows_impostors(made.iter().map(Certificate::der));
        made.iter().map(Certificate::to_pem).collect()
    }

    fn large(&mut self, count: i64, attacker: &mut Attacker) -> Vec<String> {
        let made = (0..count).map(|number| {
            let name = format!("attacker's CA {number} {}", "x".repeat(5_900));
            let (key, chance) = (&attacker.key, &mut attacker.chance);
            let root = ca(&name, key, self.now, YEAR, chance);
            self.judge.knows_attacker(root.der());
            root.to_pem()
        });
        made.collect()
    }

    fn our_roots(&self) -> Vec<Certificate> {
        let cluster = self.cluster.lock();
        let ours = (0..self.installations.len()).filter_map(|installation| {
            cluster.secret(SecretId::Authority { installation }).entries
        });
        let roots = ours.flat_map(|entries| {
            let bundle = entries.get("ca-bundle.crt").cloned().unwrap_or_default();
            parse_bundle(&bundle).anchors
        });
        roots.map(|root| root.certificate().clone()).collect()
    }

    fn our_subjects(&self) -> Vec<String> {
        let roots = self.our_roots().into_iter();
        let names = roots.map(|root| root.facts().subject.clone());
        names
            .map(|name| name.trim_start_matches("CN=").to_owned())
            .collect()
    }
}

/// A leaf of his for our name and for one of others.
fn leaf(attacker: &mut Attacker, not_after: i64) -> BTreeMap<String, Vec<u8>> {
    let key = keys::make(KeyAlgorithm::Ed25519, &mut attacker.chance);
    let names = [NAME, "kubernetes.default.svc"].map(|name| name.parse().expect("a name"));
    let names = ServerNames::new(names, []).expect("not empty");
    let request = LeafRequest {
        names: &names,
        public_key: key.public_key(),
        serial: Serial::from_random(attacker.chance.bytes()),
        not_after: UnixTime::from_secs(not_after),
    };
    let leaf = issue_leaf(&request, &attacker.root, &attacker.key).expect("a valid request");
    BTreeMap::from([
        ("tls.crt".to_owned(), leaf.to_pem().into_bytes()),
        (
            "tls.key".to_owned(),
            key.expose_pkcs8_pem().as_bytes().to_vec(),
        ),
    ])
}
