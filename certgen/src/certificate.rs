//! One certificate as it was stored: its bytes and what they say. Nothing here is trusted.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{fmt, net::IpAddr};

use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::{
    key::{PrivateKey, PublicKey},
    name::ServerNames,
    pem,
    read_certificate::read_certificate,
    time::UnixTime,
};

/// A parsed certificate: the exact bytes, and the facts in them. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate(Arc<Parsed>);

#[derive(PartialEq, Eq)]
struct Parsed {
    der: Vec<u8>,
    fingerprint: Fingerprint,
    facts: Facts,
}

/// The SHA-256 of a certificate's DER: its identity. Displayed in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// A fingerprint that was written down.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn of(der: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, der);
        let mut bytes = [0; 32];
        for (byte, digested) in bytes.iter_mut().zip(digest.as_ref()) {
            *byte = *digested;
        }
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and none excludes another"
)]
pub struct Facts {
    /// The subject, for people: without control characters, and shortened if it is very long.
    pub subject: String,
    /// The subject's DER: names are the same only if these bytes are.
    pub raw_subject: Vec<u8>,
    /// The issuer's DER.
    pub raw_issuer: Vec<u8>,
    /// The serial number, big-endian.
    pub serial: Vec<u8>,
    /// The first second of its validity.
    pub not_before: UnixTime,
    /// The last second of its validity.
    pub not_after: UnixTime,
    /// The subject key identifier.
    pub subject_key_id: Option<Vec<u8>>,
    /// The authority key identifier.
    pub authority_key_id: Option<Vec<u8>>,
    /// Whether basic constraints are present and say CA:TRUE.
    pub is_ca: bool,
    /// Whether basic constraints are present at all.
    pub has_basic_constraints: bool,
    /// How many CAs may follow it in a chain; none: as many as you like.
    pub path_len: Option<u32>,
    /// What its key may do; none: anything.
    pub key_usage: Option<KeyUsage>,
    /// What it may be used for; none: anything.
    pub extended_key_usage: Option<ExtendedKeyUsage>,
    /// Its DNS names, as written.
    pub dns_names: Vec<String>,
    /// Its addresses.
    pub ip_addresses: Vec<IpAddr>,
    /// Its public key.
    pub public_key: PublicKey,
    pub(crate) version: u32,
    pub(crate) raw_names: Option<Vec<u8>>,
    pub(crate) has_constraints: bool,
    pub(crate) has_unknown_critical: bool,
}

/// What a key may do (RFC 5280 §4.2.1.3), as far as this product asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyUsage {
    /// Sign data, as a server does in a handshake.
    pub digital_signature: bool,
    /// Sign certificates.
    pub cert_sign: bool,
    /// Sign revocation lists.
    pub crl_sign: bool,
}

/// What a certificate may be used for (RFC 5280 §4.2.1.12), as far as this product asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtendedKeyUsage {
    /// Anything.
    pub any: bool,
    /// To be a TLS server.
    pub server_auth: bool,
    /// To be a TLS client.
    pub client_auth: bool,
}

impl Facts {
    /// The names that a server could be given; none if no name in it is one.
    pub fn server_names(&self) -> Option<ServerNames> {
        let dns = self.dns_names.iter().filter_map(|name| name.parse().ok());
        ServerNames::new(dns, self.ip_addresses.iter().copied()).ok()
    }
}

impl Certificate {
    /// Reads one certificate as Go's `crypto/x509` does; nothing may follow it.
    ///
    /// # Errors
    ///
    /// [`CertificateError`] says why it is none. Bytes from outside never do more harm than that.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let facts = read_certificate(der)?;
        Ok(Self(Arc::new(Parsed {
            der: der.to_vec(),
            fingerprint: Fingerprint::of(der),
            facts,
        })))
    }

    /// The exact bytes.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// One PEM block with LF line ends, the last one included.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", self.der())
    }

    /// Its identity.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// What it says.
    pub fn facts(&self) -> &Facts {
        &self.0.facts
    }

    /// Whether `key` is its private key.
    pub fn matches(&self, key: &PrivateKey) -> bool {
        self.facts().public_key == *key.public_key()
    }

    /// Whether `issuer`'s key signed it, and `issuer` is named as its issuer and may sign. Says nothing about time.
    pub fn is_signed_by(&self, issuer: &Self) -> bool {
        let (facts, above) = (self.facts(), issuer.facts());
        facts.raw_issuer == above.raw_subject
            && above.may_sign()
            && X509Certificate::from_der(self.der())
                .is_ok_and(|(_, parsed)| above.public_key.verifies(&parsed))
    }
}

impl Facts {
    /// RFC 5280 §4.2.1.9 and §4.2.1.3, as Go reads them.
    pub(crate) fn may_sign(&self) -> bool {
        let constrained = (self.version == 3 && !self.has_basic_constraints)
            || (self.has_basic_constraints && !self.is_ca);
        !constrained && self.key_usage.is_none_or(|usage| usage.cert_sign)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = self.facts();
        write!(
            f,
            "Certificate({}, {} to {}, {})",
            facts.subject,
            facts.not_before,
            facts.not_after,
            self.fingerprint()
        )
    }
}

/// Why bytes are not a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Not the DER of an X.509 certificate.
    #[error("not an X.509 certificate")]
    Malformed,
    /// A certificate, and more.
    #[error("{count} bytes follow the certificate")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// One extension twice (RFC 5280 §4.2).
    #[error("an extension stands twice")]
    DuplicateExtension,
}
