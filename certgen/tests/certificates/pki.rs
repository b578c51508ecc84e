//! Keys and certificates for tests: three generations of roots, each joined to the one before by a cross.

use certgen::{
    Anchor, Bundle, Chain, CrossCert, LeafCert, LeafRequest, PrivateKey, RootCert, RootRequest,
    Serial, ServerNames, UnixTime, issue_cross, issue_leaf, issue_root,
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};

pub(crate) const START: i64 = 1_800_000_000;
pub(crate) const NAME: &str = "guard.guard-system.svc";

pub(crate) fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(START + seconds)
}

pub(crate) fn key() -> PrivateKey {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    PrivateKey::from_pkcs8_der(pkcs8.as_ref()).unwrap()
}

pub(crate) fn serial(number: u8) -> Serial {
    Serial::from_random([number; 16])
}

pub(crate) fn names() -> ServerNames {
    ServerNames::for_service("guard", "guard-system").unwrap()
}

/// Generation `g` starts at `10 * g` and ends at `10 * g + 100`.
pub(crate) struct Generation {
    pub(crate) key: PrivateKey,
    pub(crate) root: RootCert,
    pub(crate) cross: Option<CrossCert>,
}

pub(crate) fn generation(number: u8, before: Option<&Generation>) -> Generation {
    let key = key();
    let request = RootRequest {
        common_name: &format!("guard CA {number}"),
        serial: serial(number),
        not_before: at(10 * i64::from(number)),
        not_after: at(10 * i64::from(number) + 100),
    };
    let root = issue_root(&request, &key).unwrap();
    let cross = before
        .map(|before| issue_cross(&root, serial(100 + number), &before.root, &before.key).unwrap());
    Generation { key, root, cross }
}

/// Generations 1, 2 and 3.
pub(crate) fn history() -> Vec<Generation> {
    let mut all: Vec<Generation> = Vec::new();
    for number in 1..=3 {
        let next = generation(number, all.last());
        all.push(next);
    }
    all
}

pub(crate) fn leaf(issuer: &Generation, not_after: i64) -> LeafCert {
    let key = key();
    let request = LeafRequest {
        names: &names(),
        public_key: key.public_key(),
        serial: serial(200),
        not_after: at(not_after),
    };
    issue_leaf(&request, &issuer.root, &issuer.key).unwrap()
}

/// What a server of the newest generation presents.
pub(crate) fn chain(history: &[Generation], not_after: i64) -> Chain {
    let newest = history.last().unwrap();
    let crosses = history.iter().rev().filter_map(|one| one.cross.clone());
    Chain::new(leaf(newest, not_after), crosses.collect())
}

pub(crate) fn bundle<'a>(roots: impl IntoIterator<Item = &'a Generation>) -> Bundle {
    Bundle::new(roots.into_iter().map(|one| Anchor::from(&one.root))).unwrap()
}
