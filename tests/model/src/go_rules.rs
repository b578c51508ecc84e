//! Whether a caller accepts a chain, by the rules of Go's crypto/x509, from facts alone: who issued what, when it is
//! valid, and how long a path may be. Written apart from the product's verifier, which never runs here.

use crate::contents::{BundleContent, CaFacts, ChainFacts, EntityId};

/// Whether this is a call that must be accepted: the leaf is valid, and so is a root of ours in the caller's bundle.
pub(crate) fn is_promised(bundle: &BundleContent, chain: &ChainFacts, at: i64) -> bool {
    is_valid_leaf(chain, at)
        && bundle
            .roots
            .iter()
            .any(|(_, root)| !root.is_foreign && is_valid(root, at))
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

#[cfg(test)]
mod tests {
    use certgen::{Anchor, Certificate, Chain, UnixTime, verify};
    use stateright::{Checker as _, Model as _};

    use super::*;
    use crate::{Cluster, Scope};

    /// Whatever a search wrote, at every second: the facts say what the certificates say.
    #[test]
    fn facts_are_judged_as_the_certificates_are() {
        let [scope, ..] = Scope::SAMPLE;
        let scope = Scope {
            horizon: 11,
            ..scope
        };
        let checker = Cluster::new(scope).checker().spawn_bfs().join();
        let contents = &checker.model().contents;
        let mut verdicts = [0; 2];
        for serving in contents.servings.values() {
            let Some(facts) = &serving.chain else {
                continue;
            };
            let chain = Chain::from_pem(serving.record.expose("tls.crt").unwrap()).unwrap();
            for bundle in contents.bundles.values() {
                for second in -3..i64::from(scope.horizon) {
                    let accepts = accepts(&bundle, facts, second);
                    let anchors = bundle.anchors.iter().map(Anchor::certificate);
                    let anchors: Vec<&Certificate> = anchors.collect();
                    let at = UnixTime::from_secs(1_800_000_000 + second);
                    let really = verify(chain.leaf(), chain.intermediates(), anchors, "guard", at);
                    assert_eq!(
                        accepts,
                        really.is_ok(),
                        "{facts:?} {bundle:?} {second} {really:?}"
                    );
                    verdicts[usize::from(accepts)] += 1;
                }
            }
        }
        assert!(
            verdicts.into_iter().all(|count| count > 1000),
            "{verdicts:?}"
        );
    }
}
