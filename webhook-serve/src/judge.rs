//! Decides whether to present an offered certificate instead of the current one.

use std::collections::BTreeSet;

use certgen::{ServerNames, UnixTime};

use crate::serving_cert::ServingCert;

/// The outcome of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller must handle each outcome")]
pub enum Verdict {
    /// New handshakes get the offered certificate.
    Taken,
    /// The offer is the current certificate.
    Unchanged,
    /// The current certificate, if any, stays.
    Refused(Refusal),
}

/// Why an offer is worse than the current certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It lacks a name that callers use and the current one has; or it has none of the names at all.
    #[error("the certificate lacks a name that callers ask for")]
    LacksName,
    /// It has expired by the local clock, and expires before the current one.
    #[error("the certificate has expired, and the present one ends later")]
    Expired,
}

/// Assesses an offer by names and expiry alone.
///
/// An older chain is as good as a newer one, since its roots are still published; a slow clock must not refuse a new
/// chain as not yet valid; and, where there is no other, a chain that has expired, or lacks one of several names, is
/// better than none.
pub(crate) fn judge(
    offered: &ServingCert,
    in_hand: Option<&ServingCert>,
    wanted: Option<&ServerNames>,
    now: UnixTime,
) -> Verdict {
    if in_hand.is_some_and(|in_hand| in_hand.chain() == offered.chain()) {
        return Verdict::Unchanged;
    }
    if wanted.is_some_and(|wanted| loses_names(offered, in_hand, wanted)) {
        return Verdict::Refused(Refusal::LacksName);
    }
    let ends_before = in_hand.is_some_and(|in_hand| offered.not_after() < in_hand.not_after());
    if offered.not_after() < now && ends_before {
        return Verdict::Refused(Refusal::Expired);
    }
    Verdict::Taken
}

fn loses_names(offered: &ServingCert, in_hand: Option<&ServingCert>, wanted: &ServerNames) -> bool {
    let offered = answered(offered, wanted);
    match in_hand {
        Some(in_hand) => !offered.is_superset(&answered(in_hand, wanted)),
        None => offered.is_empty(),
    }
}

/// The names of `wanted` that the certificate is valid for.
fn answered(cert: &ServingCert, wanted: &ServerNames) -> BTreeSet<String> {
    let Some(names) = cert.names() else {
        return BTreeSet::new();
    };
    let dns = wanted.dns().iter().filter(|name| names.answers(name));
    let ips = wanted.ips().iter().filter(|ip| names.ips().contains(ip));
    dns.map(ToString::to_string)
        .chain(ips.map(ToString::to_string))
        .collect()
}
