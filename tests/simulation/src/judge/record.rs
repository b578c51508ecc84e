//! The authority record as the judge reads it: from its documented format, not by the product's decoder.

use std::collections::BTreeMap;

use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair as _,
    },
};
use serde_json::Value;

use crate::{
    cluster::Entries,
    judge::{
        pem,
        shelf::{CertId, Shelf},
    },
};

/// One version of an authority record.
#[derive(Clone, Debug)]
pub(crate) struct RecordVersion {
    pub(crate) revision: u64,
    pub(crate) content: RecordContent,
}

#[derive(Clone, Debug)]
pub(crate) enum RecordContent {
    Blank,
    Unreadable,
    Holds(Generations),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Generations {
    pub(crate) active: u32,
    pub(crate) mark: Option<i64>,
    pub(crate) all: BTreeMap<u32, Generation>,
    /// Foreign roots.
    pub(crate) remembered: Vec<CertId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    pub(crate) root: CertId,
    pub(crate) cross: Option<CertId>,
    /// Whether the private key of its root stands in the record.
    pub(crate) has_key: bool,
}

impl RecordVersion {
    pub(crate) fn read(entries: Option<&Entries>, revision: u64, shelf: &mut Shelf) -> Self {
        let content = match entries.filter(|entries| !entries.is_empty()) {
            None => RecordContent::Blank,
            Some(entries) => {
                generations(entries, shelf).map_or(RecordContent::Unreadable, RecordContent::Holds)
            }
        };
        Self { revision, content }
    }

    pub(crate) fn generations(&self) -> Option<&Generations> {
        match &self.content {
            RecordContent::Holds(generations) => Some(generations),
            RecordContent::Blank | RecordContent::Unreadable => None,
        }
    }
}

impl Generations {
    pub(crate) fn roots(&self) -> impl Iterator<Item = CertId> {
        self.all.values().map(|generation| generation.root)
    }

    /// Whether a certificate bears the subject of a root without being one.
    pub(crate) fn is_impostor(&self, cert: CertId, shelf: &Shelf) -> bool {
        let subject = &shelf.get(cert).subject;
        let bears = self.roots().any(|root| shelf.get(root).subject == *subject);
        bears && self.roots().all(|root| root != cert)
    }

    /// The crosses that a leaf of generation `newest` is served with.
    pub(crate) fn crosses(&self, newest: u32) -> impl Iterator<Item = CertId> {
        self.all
            .range(..=newest)
            .filter_map(|(_, generation)| generation.cross)
    }

    pub(crate) fn newest(&self) -> (u32, &Generation) {
        let (number, generation) = self.all.last_key_value().expect("never empty");
        (*number, generation)
    }
}

fn generations(entries: &Entries, shelf: &mut Shelf) -> Option<Generations> {
    if entries.get("format")?.as_slice() != b"1" {
        return None;
    }
    let state: Value = serde_json::from_slice(entries.get("state")?).ok()?;
    let active = u32::try_from(state.get("active")?.as_u64()?).ok()?;
    let mut all = BTreeMap::new();
    for name in entries.keys() {
        let number = name
            .strip_prefix("gen-")
            .and_then(|name| name.strip_suffix(".crt"));
        let Some(number) = number.and_then(|number| number.parse::<u32>().ok()) else {
            continue;
        };
        let root = single(entries, &format!("gen-{number}.crt"), shelf)?;
        let cross = format!("gen-{number}.cross.crt");
        let cross = if entries.contains_key(&cross) {
            Some(single(entries, &cross, shelf)?)
        } else {
            None
        };
        let has_key = match entries.get(&format!("gen-{number}.key")) {
            None => false,
            Some(text) => {
                let public = public_half(&pem::private_key(text)?)?;
                if !shelf.get(root).public_key.ends_with(&public) {
                    return None;
                }
                true
            }
        };
        let generation = Generation {
            root,
            cross,
            has_key,
        };
        all.insert(number, generation);
    }
    all.contains_key(&active).then_some(Generations {
        active,
        mark: state.get("mark").and_then(Value::as_i64),
        all,
        remembered: remembered(entries, shelf)?,
    })
}

fn remembered(entries: &Entries, shelf: &mut Shelf) -> Option<Vec<CertId>> {
    let Some(text) = entries.get("remembered") else {
        return Some(Vec::new());
    };
    let roots: Value = serde_json::from_slice(text).ok()?;
    let roots = roots.as_array()?.iter().map(|root| {
        root.get("until")?.as_i64()?;
        let text = root.get("certificate")?.as_str()?;
        match pem::certificates(text.as_bytes()).as_slice() {
            [der] => shelf.cert(der),
            _ => None,
        }
    });
    roots.collect()
}

fn single(entries: &Entries, name: &str, shelf: &mut Shelf) -> Option<CertId> {
    match pem::certificates(entries.get(name)?).as_slice() {
        [der] => shelf.cert(der),
        _ => None,
    }
}

/// The public key of a PKCS#8 private key, as it ends a `SubjectPublicKeyInfo`.
pub(crate) fn public_half(pkcs8: &[u8]) -> Option<Vec<u8>> {
    if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8) {
        return Some(pair.public_key().as_ref().to_vec());
    }
    [
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        &ECDSA_P384_SHA384_ASN1_SIGNING,
    ]
    .into_iter()
    .find_map(|algorithm| EcdsaKeyPair::from_pkcs8(algorithm, pkcs8, &SystemRandom::new()).ok())
    .map(|pair| pair.public_key().as_ref().to_vec())
}
