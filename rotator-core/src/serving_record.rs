//! The serving record: a leaf, its chain and its key, in the entries of a `kubernetes.io/tls` Secret.
//!
//! | entry | content |
//! |---|---|
//! | `tls.crt` | the chain: leaf, crosses, newest first |
//! | `tls.key` | the leaf's private key, PKCS#8 PEM |
//! | `ca.crt` | the roots with which callers may verify it; written for servers and callers, never read |
//!
//! Entries of other names stay as they are.

use alloc::collections::{BTreeMap, BTreeSet};

use certgen::{Bundle, Certificate, Chain, PrivateKey};

use crate::{
    authority_record::Authority,
    observation::{AuthorityView, GenerationNumber, LeafView, ServingView},
    store::Record,
};

const CHAIN_ENTRY: &str = "tls.crt";
const KEY_ENTRY: &str = "tls.key";
const CA_ENTRY: &str = "ca.crt";

/// The content of a serving record, without its key.
#[derive(Debug)]
pub struct Serving {
    /// The chain that a server presents; `None` if the content cannot be served.
    pub(crate) chain: Option<Chain>,
}

impl Serving {
    /// Reads whatever can be read. A serving record can be issued again at any time, so nothing here is an error.
    pub fn decode(record: &Record) -> Self {
        let chain = record
            .expose(CHAIN_ENTRY)
            .and_then(|pem| Chain::from_pem(pem).ok());
        let key = record
            .expose(KEY_ENTRY)
            .and_then(|pem| PrivateKey::from_pem(pem).ok());
        let chain = chain
            .zip(key)
            .and_then(|(chain, key)| chain.leaf().matches(&key).then_some(chain));
        Self { chain }
    }

    /// The facts that a decision rests on, as seen by `authority`, but for what verifies a foreign leaf, which is not
    /// in the record.
    pub fn view(&self, authority: Option<&Authority>) -> ServingView {
        ServingView {
            leaf: self
                .chain
                .as_ref()
                .and_then(|chain| leaf_view(chain, authority)),
        }
    }
}

fn leaf_view(chain: &Chain, authority: Option<&Authority>) -> Option<LeafView> {
    let facts = chain.leaf().facts();
    let view = authority.and_then(Authority::view);
    let crosses = view
        .iter()
        .flat_map(AuthorityView::generations)
        .filter_map(|generation| generation.cross)
        .collect();
    let served: BTreeSet<_> = chain
        .intermediates()
        .iter()
        .map(Certificate::fingerprint)
        .collect();
    Some(LeafView {
        generation: authority.and_then(|authority| issuer(chain, authority)),
        not_before: facts.not_before,
        not_after: facts.not_after,
        names: facts.server_names()?,
        algorithm: facts.public_key.algorithm(),
        crosses: served.intersection(&crosses).copied().collect(),
        verifiers: BTreeMap::new(),
    })
}

/// The generation whose key signed the leaf.
fn issuer(chain: &Chain, authority: &Authority) -> Option<GenerationNumber> {
    let view = authority.view()?;
    view.generations()
        .map(|generation| generation.number)
        .find(|number| {
            let Some(generation) = authority.generation(*number) else {
                return false;
            };
            chain.leaf().is_signed_by(&generation.root)
        })
}

/// Returns `record` with a new leaf; `ca` are the roots with which callers may verify it.
pub(crate) fn replaced(
    record: Option<&Record>,
    chain: &Chain,
    key: &PrivateKey,
    ca: &Bundle,
) -> Record {
    let mut next = record.map(Record::duplicate).unwrap_or_default();
    next.insert(CHAIN_ENTRY, chain.to_pem());
    next.insert(KEY_ENTRY, key.expose_pkcs8_pem().as_bytes());
    next.insert(CA_ENTRY, ca.to_pem());
    next
}

/// Whether the record is still empty: no entries, or the empty ones that a pre-made `kubernetes.io/tls` Secret must
/// have.
pub(crate) fn is_blank(record: &Record) -> bool {
    [CHAIN_ENTRY, KEY_ENTRY, CA_ENTRY]
        .iter()
        .all(|entry| record.expose(entry).is_none_or(<[u8]>::is_empty))
}

#[cfg(test)]
mod tests;
