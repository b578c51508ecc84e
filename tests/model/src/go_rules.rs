//! Whether a caller accepts a chain, by the rules of Go's crypto/x509, from facts alone: who issued what, when it is
//! valid, and how long a path may be. Written apart from the product's verifier, which never runs here.

use crate::contents::{BundleContent, CaFacts, ChainFacts, EntityId};

/// Whether this is a call that must be accepted: the leaf is valid, and so is a root of the caller's bundle.
pub(crate) fn is_promised(bundle: &BundleContent, chain: &ChainFacts, at: i64) -> bool {
    is_valid_leaf(chain, at) && bundle.roots.iter().any(|(_, root)| is_valid(root, at))
}

/// Whether a caller with this bundle accepts this chain.
pub(crate) fn accepts(bundle: &BundleContent, chain: &ChainFacts, at: i64) -> bool {
    let search = Search { bundle, chain, at };
    is_valid_leaf(chain, at) && search.leads_to_a_root(chain.leaf.issuer, &[])
}

struct Search<'a> {
    bundle: &'a BundleContent,
    chain: &'a ChainFacts,
    at: i64,
}

impl Search<'_> {
    /// `path` are the certificates of CAs below.
    fn leads_to_a_root(&self, issuer: Option<EntityId>, path: &[EntityId]) -> bool {
        let Some(issuer) = issuer.filter(|issuer| !path.contains(issuer)) else {
            return false;
        };
        let fits = |ca: &CaFacts| {
            let below = u32::try_from(path.len()).unwrap_or(u32::MAX);
            ca.entity == issuer
                && is_valid(ca, self.at)
                && ca.path_len.is_none_or(|allowed| below <= allowed)
        };
        if self.bundle.roots.iter().any(|(_, root)| fits(root)) {
            return true;
        }
        let longer = [path, &[issuer]].concat();
        let mut crosses = self.chain.crosses.iter().filter(|cross| fits(cross));
        crosses.any(|cross| self.leads_to_a_root(cross.issuer, &longer))
    }
}

fn is_valid(ca: &CaFacts, at: i64) -> bool {
    (ca.not_before..=ca.not_after).contains(&at)
}

fn is_valid_leaf(chain: &ChainFacts, at: i64) -> bool {
    (chain.leaf.not_before..=chain.leaf.not_after).contains(&at)
}
