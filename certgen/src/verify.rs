//! Verifies by Go's rules: answers as kube-apiserver will for a chain and a bundle.
//!
//! Other verifiers are laxer about anchors: rustls-webpki, for one, looks neither at an anchor's dates nor at its path
//! length. So a chain that they accept may still be refused by every API server.

use alloc::{borrow::ToOwned as _, collections::BTreeSet, string::String, vec::Vec};
use core::{cell::Cell, net::IpAddr};

use crate::{
    bundle::{Anchor, Bundle},
    certificate::Certificate,
    chain::Chain,
    facts::Facts,
    name::matches,
    time::UnixTime,
};

/// `maxChainSignatureChecks` in Go's crypto/x509.
const SIGNATURE_CHECKS: u32 = 100;

/// Whether a caller that trusts `bundle` accepts `chain` for `name` at `at`. See [`verify`].
///
/// # Errors
///
/// As for [`verify`].
pub fn verify_chain(
    chain: &Chain,
    bundle: &Bundle,
    name: &str,
    at: UnixTime,
) -> Result<(), VerifyError> {
    let anchors = bundle.anchors().map(Anchor::certificate);
    verify(chain.leaf(), chain.intermediates(), anchors, name, at)
}

/// Whether a caller that trusts `anchors`, and is presented `leaf` and `intermediates`, accepts the server for the
/// DNS name or address `name` at `at`, by the rules of Go's `crypto/x509`: any path will do; anchors' own dates,
/// path lengths, key usages and extended key usages count; names match by alternative names only.
///
/// Refuses a CA certificate with name constraints or policy constraints: no certificate of this product has either.
///
/// # Errors
///
/// [`VerifyError`] names the first reason found, with the times or names concerned.
pub fn verify<'a>(
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: impl IntoIterator<Item = &'a Certificate>,
    name: &str,
    at: UnixTime,
) -> Result<(), VerifyError> {
    check(leaf, Role::Leaf, &[], at)?;
    if !is_named(leaf.facts(), name) {
        return Err(VerifyError::Name {
            name: name.to_owned(),
        });
    }
    let anchors = each_once(anchors);
    let search = Search {
        anchors: &anchors,
        intermediates: &each_once(intermediates),
        at,
        checks: Cell::new(0),
        hint: Cell::new(None),
        usage: Cell::new(false),
    };
    let found = if anchors.contains(&leaf) {
        serves(&[leaf])
    } else {
        search.from(&[leaf])
    };
    match (found, search.usage.get(), search.hint.take()) {
        (true, ..) => Ok(()),
        (false, true, _) => Err(VerifyError::Usage),
        (false, false, Some(hint)) => Err(hint),
        (false, false, None) if anchors.contains(&leaf) => Err(VerifyError::Usage),
        (false, false, None) => Err(VerifyError::UnknownAuthority),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Leaf,
    Intermediate,
    Anchor,
}

struct Search<'a> {
    anchors: &'a [&'a Certificate],
    intermediates: &'a [&'a Certificate],
    at: UnixTime,
    checks: Cell<u32>,
    hint: Cell<Option<VerifyError>>,
    /// Set if a path failed only because of an extended key usage.
    usage: Cell<bool>,
}

impl Search<'_> {
    /// Whether a path leads on from the last certificate of `path` to an anchor. Goes as deep as there are
    /// intermediates, since none occurs twice in a path.
    fn from(&self, path: &[&Certificate]) -> bool {
        let Some(child) = path.last() else {
            return false;
        };
        [
            (Role::Anchor, self.anchors),
            (Role::Intermediate, self.intermediates),
        ]
        .into_iter()
        .any(|(role, certificates)| {
            let mut candidates = issuers(child.facts(), certificates).into_iter();
            candidates.any(|candidate| self.leads_on(path, child, role, candidate))
        })
    }

    fn leads_on(
        &self,
        path: &[&Certificate],
        child: &Certificate,
        role: Role,
        candidate: &Certificate,
    ) -> bool {
        self.checks.set(self.checks.get().saturating_add(1));
        if self.checks.get() > SIGNATURE_CHECKS {
            self.note(VerifyError::Budget);
            return false;
        }
        if path
            .iter()
            .any(|certificate| is_same_entity(certificate, candidate))
        {
            return false;
        }
        if !child.is_signed_by(candidate) {
            self.note(VerifyError::Signature {
                issuer: candidate.facts().subject.clone(),
            });
            return false;
        }
        if let Err(reason) = check(candidate, role, path, self.at) {
            self.note(reason);
            return false;
        }
        let longer: Vec<&Certificate> = path.iter().copied().chain([candidate]).collect();
        match role {
            Role::Anchor => {
                let serves = serves(&longer);
                self.usage.set(self.usage.get() || !serves);
                serves
            }
            Role::Leaf | Role::Intermediate => self.from(&longer),
        }
    }

    fn note(&self, reason: VerifyError) {
        let first = self.hint.take();
        self.hint.set(Some(first.unwrap_or(reason)));
    }
}

/// Drops repetitions: Go's `CertPool` contains no certificate twice.
fn each_once<'a>(certificates: impl IntoIterator<Item = &'a Certificate>) -> Vec<&'a Certificate> {
    let mut seen = BTreeSet::new();
    certificates
        .into_iter()
        .filter(|certificate| seen.insert(certificate.fingerprint()))
        .collect()
}

/// The candidates for the issuer of `child`, as Go's `findPotentialParents` orders them: those of the issuer's name,
/// first those with the key identifier that `child` names. The order counts, since only so many signatures are checked.
fn issuers<'a>(child: &Facts, certificates: &[&'a Certificate]) -> Vec<&'a Certificate> {
    let named = certificates
        .iter()
        .filter(|candidate| candidate.facts().raw_subject == child.raw_issuer);
    let mut named: Vec<_> = named.copied().collect();
    let wanted = child.authority_key_id.as_deref().unwrap_or_default();
    named.sort_by_key(|candidate| {
        let id = candidate.facts().subject_key_id.as_deref();
        let id = id.unwrap_or_default();
        (id != wanted, !id.is_empty() && !wanted.is_empty())
    });
    named
}

/// Checks one certificate of a path, as Go's `isValid` does.
fn check(
    certificate: &Certificate,
    role: Role,
    path: &[&Certificate],
    at: UnixTime,
) -> Result<(), VerifyError> {
    let facts = certificate.facts();
    let subject = || facts.subject.clone();
    if facts.has_unknown_critical || (role != Role::Leaf && facts.has_constraints) {
        return Err(VerifyError::Critical { subject: subject() });
    }
    if at < facts.not_before {
        return Err(VerifyError::NotYetValid {
            subject: subject(),
            not_before: facts.not_before,
            at,
        });
    }
    if at > facts.not_after {
        return Err(VerifyError::Expired {
            subject: subject(),
            not_after: facts.not_after,
            at,
        });
    }
    if role == Role::Intermediate && !facts.is_ca {
        return Err(VerifyError::NotACa { subject: subject() });
    }
    let below = path.len().saturating_sub(1);
    let allowed = facts
        .path_len
        .filter(|_| facts.is_ca)
        .map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if allowed.is_some_and(|allowed| below > allowed) {
        return Err(VerifyError::PathLength {
            subject: subject(),
            below,
        });
    }
    Ok(())
}

/// Whether every certificate of the path that restricts its usage allows TLS servers.
fn serves(path: &[&Certificate]) -> bool {
    path.iter().all(|certificate| {
        certificate
            .facts()
            .extended_key_usage
            .is_none_or(|usage| usage.any || usage.server_auth)
    })
}

/// Whether two certificates have the same subject, key and names, as Go's `alreadyInChain` decides.
fn is_same_entity(one: &Certificate, other: &Certificate) -> bool {
    let (one, other) = (one.facts(), other.facts());
    one.raw_subject == other.raw_subject
        && one.public_key == other.public_key
        && one.raw_names == other.raw_names
}

/// Whether the certificate is valid for `name`, as Go's `VerifyHostname` decides.
fn is_named(facts: &Facts, name: &str) -> bool {
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return facts
            .ip_addresses
            .iter()
            .any(|ip| ip.to_canonical() == address.to_canonical());
    }
    let name = name.to_ascii_lowercase();
    facts.dns_names.iter().any(|pattern| {
        if is_host_name(name.strip_suffix('.').unwrap_or(&name), false)
            && is_host_name(pattern, true)
        {
            matches(pattern, name.strip_suffix('.').unwrap_or(&name))
        } else {
            !pattern.is_empty() && pattern != "." && pattern.eq_ignore_ascii_case(&name)
        }
    })
}

fn is_host_name(name: &str, is_pattern: bool) -> bool {
    name != "*"
        && name.split('.').enumerate().all(|(position, label)| {
            let wildcard = is_pattern && position == 0 && label == "*";
            let letters = label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
            wildcard || (!label.is_empty() && !label.starts_with('-') && letters)
        })
}

/// Why an API server would refuse the call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// No path leads to an anchor: nothing in the bundle has the issuer's name.
    #[error("signed by an unknown authority")]
    UnknownAuthority,
    /// A candidate has the issuer's name but did not, or may not, sign.
    #[error("not signed by {issuer}, or it may not sign")]
    Signature {
        /// The candidate.
        issuer: String,
    },
    /// A certificate of the path is not yet valid.
    #[error("{subject} starts at {not_before}, it is {at}")]
    NotYetValid {
        /// Which certificate.
        subject: String,
        /// Its start.
        not_before: UnixTime,
        /// The time verified at.
        at: UnixTime,
    },
    /// A certificate of the path has expired.
    #[error("{subject} ended at {not_after}, it is {at}")]
    Expired {
        /// Which certificate.
        subject: String,
        /// Its end.
        not_after: UnixTime,
        /// The time verified at.
        at: UnixTime,
    },
    /// A certificate of the path is not a CA.
    #[error("{subject} is not a CA")]
    NotACa {
        /// Which certificate.
        subject: String,
    },
    /// A CA has more CAs below it than it allows.
    #[error("{below} CA certificates stand below {subject}, more than it allows")]
    PathLength {
        /// Which certificate.
        subject: String,
        /// How many CAs stand below it.
        below: usize,
    },
    /// A certificate of the path is not for servers.
    #[error("a certificate of the chain is not for TLS servers")]
    Usage,
    /// A certificate has a critical extension that is not understood.
    #[error("{subject} has a critical extension that is not understood")]
    Critical {
        /// Which certificate.
        subject: String,
    },
    /// The leaf is not for this name.
    #[error("the leaf is not for the name {name}")]
    Name {
        /// The name asked for.
        name: String,
    },
    /// Too many signatures to check: too many candidates have the same name.
    #[error("more than 100 signatures to check: too many certificates of one name")]
    Budget,
}
