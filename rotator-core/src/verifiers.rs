//! Which certificates verify a foreign leaf, and during which period.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
};

use core::net::IpAddr;

use certgen::{Anchor, Certificate, Chain, DnsName, Fingerprint, ServerNames, UnixTime, verify};

use crate::observation::Verifier;

/// The `anchors` that verify `chain` for a name of `names`, each alone.
///
/// Checks the first second at which the leaf and the anchor are valid, then the first at which all that is served with
/// the leaf has become valid, too. Ignores certificates between the two that expire sooner: it is better to wait for a
/// leaf too long than not long enough.
pub(crate) fn verifiers<'a>(
    chain: &Chain,
    names: &ServerNames,
    anchors: impl Iterator<Item = &'a Anchor>,
) -> BTreeMap<Fingerprint, Verifier> {
    let leaf = chain.leaf().certificate();
    let served = || [leaf].into_iter().chain(chain.intermediates());
    let issuers: BTreeSet<_> = served().map(|it| &it.facts().raw_issuer).collect();
    let all_started = served().map(|it| it.facts().not_before).max();
    let Some(name) = called_by_as(leaf, names) else {
        return BTreeMap::new();
    };
    let related = anchors.filter(|anchor| {
        let is_itself = anchor.fingerprint() == leaf.fingerprint();
        is_itself || issuers.contains(&anchor.facts().raw_subject)
    });
    related
        .take(MOST_TRIED)
        .filter_map(|anchor| {
            let not_before = leaf.facts().not_before.max(anchor.facts().not_before);
            let not_after = leaf.facts().not_after.min(anchor.facts().not_after);
            let late = all_started.map(|started| started.max(not_before));
            let verifies = |at: UnixTime| {
                at <= not_after
                    && verify(leaf, chain.intermediates(), [&**anchor], &name, at).is_ok()
            };
            let verifies = verifies(not_before) || late.is_some_and(verifies);
            let verifier = Verifier {
                not_before,
                not_after,
                issuer: anchor.issuer_fingerprint(),
                size: anchor.pem_len(),
            };
            verifies.then(|| (anchor.fingerprint(), verifier))
        })
        .collect()
}

/// How many anchors are tried: each costs up to a hundred signature checks. No installation has so many issuers of one
/// leaf.
const MOST_TRIED: usize = 64;

/// A name of `names` by which a caller may ask for the server, and which `leaf` carries: `names` may have one more,
/// that another version wants.
pub(crate) fn called_by_as(leaf: &Certificate, names: &ServerNames) -> Option<String> {
    let carried = leaf.facts().server_names()?;
    let dns = names.dns().iter().find(|name| carried.answers(name));
    asked(
        dns,
        names.ips().iter().find(|ip| carried.ips().contains(ip)),
    )
}

/// A name that a caller may ask for.
pub(crate) fn called_by(names: &ServerNames) -> String {
    asked(names.dns().first(), names.ips().first()).unwrap_or_default()
}

/// The name to ask for; for a wildcard, one that it matches.
fn asked(dns: Option<&DnsName>, ip: Option<&IpAddr>) -> Option<String> {
    let dns = dns.map(|name| name.as_str().replacen('*', "x", 1));
    dns.or_else(|| ip.map(ToString::to_string))
}
