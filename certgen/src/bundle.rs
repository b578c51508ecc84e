//! The content of a caBundle: the certificates that a caller trusts.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use core::ops::Deref;

use crate::{
    certificate::{Certificate, Fingerprint},
    pem,
    role::RootCert,
};

/// A certificate that callers trust: a root of ours, or one found in a bundle.
///
/// A leaf or a cross cannot become one:
///
/// ```compile_fail,E0277
/// # fn f(leaf: certgen::LeafCert) {
/// certgen::Bundle::new([certgen::Anchor::from(leaf)]);
/// # }
/// ```
///
/// ```compile_fail,E0277
/// # fn f(cross: certgen::CrossCert) {
/// certgen::Bundle::new([certgen::Anchor::from(cross)]);
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor(Certificate);

impl Anchor {
    /// The certificate, without its role.
    pub fn certificate(&self) -> &Certificate {
        &self.0
    }
}

impl Deref for Anchor {
    type Target = Certificate;

    fn deref(&self) -> &Certificate {
        &self.0
    }
}

impl From<&RootCert> for Anchor {
    fn from(root: &RootCert) -> Self {
        Self(root.certificate().clone())
    }
}

impl From<RootCert> for Anchor {
    fn from(root: RootCert) -> Self {
        Self::from(&root)
    }
}

/// What kube-apiserver reads from the bytes of a caBundle.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParsedBundle {
    /// The certificates that it trusts, in order of appearance, each once. If there are none, it refuses every call.
    pub anchors: Vec<Anchor>,
    /// The pieces that it skips silently.
    pub skipped: Vec<Skipped>,
}

/// One piece of a bundle that kube-apiserver skips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skipped {
    /// A block with another label than `CERTIFICATE`.
    OtherLabel {
        /// Which block, counted from 0.
        position: usize,
    },
    /// A block with headers.
    Headers {
        /// Which block, counted from 0.
        position: usize,
    },
    /// A block that is not the DER of a certificate.
    NotACertificate {
        /// Which block, counted from 0.
        position: usize,
    },
    /// Blocks that begin but cannot be decoded, for example because the line end between two of them is missing.
    Undecodable {
        /// How many.
        count: usize,
    },
}

/// Reads `bytes` as Go's `AppendCertsFromPEM` does, which is how kube-apiserver reads a caBundle. Never fails.
pub fn parse_bundle(bytes: &[u8]) -> ParsedBundle {
    let mut anchors = BTreeSet::new();
    let mut parsed = ParsedBundle {
        anchors: Vec::new(),
        skipped: Vec::new(),
    };
    let mut decoded = 0_usize;
    for (position, block) in pem::blocks(bytes).enumerate() {
        decoded = decoded.saturating_add(1);
        if block.label != b"CERTIFICATE" {
            parsed.skipped.push(Skipped::OtherLabel { position });
        } else if block.has_headers {
            parsed.skipped.push(Skipped::Headers { position });
        } else if let Ok(certificate) = Certificate::from_der(&block.bytes) {
            if anchors.insert(certificate.fingerprint()) {
                parsed.anchors.push(Anchor(certificate));
            }
        } else {
            parsed.skipped.push(Skipped::NotACertificate { position });
        }
    }
    let undecodable = pem::count_begins(bytes).saturating_sub(decoded);
    if undecodable > 0 {
        parsed
            .skipped
            .push(Skipped::Undecodable { count: undecodable });
    }
    parsed
}

/// A set of trusted certificates, never empty: one's own first, then those of other parties. The same two sets always
/// have the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    own: BTreeMap<Fingerprint, Anchor>,
    others: BTreeMap<Fingerprint, Anchor>,
}

impl Bundle {
    /// Makes the set of `anchors`; repetitions count once.
    ///
    /// # Errors
    ///
    /// [`EmptyBundle`] if there are none: with an empty bundle, an API server trusts its system's roots.
    pub fn new(anchors: impl IntoIterator<Item = Anchor>) -> Result<Self, EmptyBundle> {
        let own = by_fingerprint(anchors);
        if own.is_empty() {
            return Err(EmptyBundle);
        }
        let others = BTreeMap::new();
        Ok(Self { own, others })
    }

    /// Adds `anchors` after the certificates that it contains already. A verifier that gives up after so many
    /// candidates of one name tries one's own first.
    #[must_use]
    pub fn followed_by(mut self, anchors: impl IntoIterator<Item = Anchor>) -> Self {
        let mut others = by_fingerprint(anchors);
        others.retain(|fingerprint, _| !self.own.contains_key(fingerprint));
        self.others.append(&mut others);
        self
    }

    /// The certificates: one's own ordered by fingerprint, then the others in the same order.
    pub fn anchors(&self) -> impl Iterator<Item = &Anchor> {
        self.own.values().chain(self.others.values())
    }

    /// Their fingerprints.
    pub fn fingerprints(&self) -> BTreeSet<Fingerprint> {
        self.anchors().map(|anchor| anchor.fingerprint()).collect()
    }

    /// Whether this certificate is among them.
    pub fn contains(&self, fingerprint: &Fingerprint) -> bool {
        self.own.contains_key(fingerprint) || self.others.contains_key(fingerprint)
    }

    /// The canonical bytes: one PEM block for each certificate, in the order of [`anchors`](Self::anchors), with LF
    /// line ends, the last one included. Other bytes for the same set would make every API server open a new connection
    /// for nothing.
    pub fn to_pem(&self) -> String {
        self.anchors().map(|anchor| anchor.to_pem()).collect()
    }
}

fn by_fingerprint(anchors: impl IntoIterator<Item = Anchor>) -> BTreeMap<Fingerprint, Anchor> {
    let anchors = anchors.into_iter();
    anchors
        .map(|anchor| (anchor.fingerprint(), anchor))
        .collect()
}

/// A bundle must contain at least one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a bundle must hold at least one certificate")]
#[non_exhaustive]
pub struct EmptyBundle;
