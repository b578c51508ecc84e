//! What an attacker puts where he may write: a leaf of his own CA, that CA, or one that bears the subject of a root.

use certgen::{
    Anchor, KeyAlgorithm, LeafRequest, PrivateKey, RootCert, RootRequest, ServerNames, UnixTime,
    issue_leaf, issue_root,
};
use rotator_core::{Entropy as _, Record};

use crate::{
    chance::Chance,
    cluster::Cluster,
    contents::Contents,
    scope::{Right, second},
    state::{Action, State},
};

/// All that he makes has this one key.
fn key() -> PrivateKey {
    let chance = Chance::new(NUMBER, 0);
    let key = chance.private_key(KeyAlgorithm::Ed25519);
    key.expect("a key of the kind that it makes")
}

/// Of a step that finds this generation, which none does.
const NUMBER: u32 = 250;

/// His public key, by which he is known.
pub(crate) fn public_key() -> &'static [u8] {
    static KEY: std::sync::LazyLock<Vec<u8>> =
        std::sync::LazyLock::new(|| key().public_key().spki_der().to_vec());
    &KEY
}

fn ca(common_name: &str) -> RootCert {
    let request = RootRequest {
        common_name,
        serial: Chance::new(NUMBER, 1).serial().expect("a serial number"),
        not_before: UnixTime::from_secs(second(0)),
        not_after: UnixTime::from_secs(second(200)),
    };
    issue_root(&request, &key()).expect("dates that can be written")
}

/// A serving record with a leaf of his, which ends later than all that he could wait for.
fn serving() -> Record {
    let root = ca("attacker");
    let names = ServerNames::new(["guard".parse().expect("a name")], []).expect("one name");
    let key = key();
    let request = LeafRequest {
        names: &names,
        public_key: key.public_key(),
        serial: Chance::new(NUMBER, 2).serial().expect("a serial number"),
        not_after: UnixTime::from_secs(second(200)),
    };
    let leaf = issue_leaf(&request, &root, &key).expect("a valid request");
    let mut record = Record::new();
    record.insert("tls.crt", leaf.to_pem());
    record.insert("tls.key", key.expose_pkcs8_pem().as_bytes());
    record.insert("ca.crt", root.to_pem());
    record
}

impl Cluster {
    /// What he may do in a state.
    pub(crate) fn attacks(&self, state: &State, actions: &mut Vec<Action>) {
        match self.scope.attacker.filter(|_| state.attacks > 0) {
            None => {}
            Some(Right::Serving) => {
                let content = self.contents.serving(&serving());
                actions.push(Action::Serve { content });
            }
            Some(Right::Target) => {
                for (target, held) in state.targets.into_iter().enumerate() {
                    let held = self.contents.bundles.value(held);
                    for planted in self.planted(state) {
                        let anchors = [held.anchors.as_slice(), &[planted]].concat();
                        let bundle = self.contents.bundle(&anchors);
                        actions.push(Action::Plant { target, bundle });
                    }
                }
            }
        }
    }

    fn planted(&self, state: &State) -> Vec<Anchor> {
        let authority = self.contents.authorities.value(state.authority);
        let ours = authority.generations.iter().map(|generation| {
            let root = self.contents.roots.value(generation.root);
            let subject = &root.anchor.facts().subject;
            let impostor = ca(subject.strip_prefix("CN=").unwrap_or(subject));
            assert_eq!(
                impostor.facts().raw_subject,
                root.anchor.facts().raw_subject,
                "it bears the subject of a root"
            );
            Anchor::from(&impostor)
        });
        ours.chain([Anchor::from(&ca("attacker"))]).collect()
    }
}

/// Whether a leaf is his: his CA is not among the roots of any record.
pub(crate) fn is_his(contents: &Contents, issuer: Option<u32>) -> bool {
    issuer.is_none_or(|issuer| {
        let root = contents.roots.find(|root| root.facts.entity == issuer);
        root.is_some_and(|root| root.facts.is_foreign)
    })
}
