//! One certificate as it was stored: its bytes and the facts in them. Nothing here is trusted.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{fmt, str::FromStr};

use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::{
    facts::Facts,
    key::PrivateKey,
    pem,
    read_certificate::{CertificateError, read_certificate},
};

/// A parsed certificate: the exact bytes, and the facts in them. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate(Arc<Parsed>);

#[derive(PartialEq, Eq)]
struct Parsed {
    der: Vec<u8>,
    fingerprint: Fingerprint,
    subject: Fingerprint,
    facts: Facts,
}

/// The SHA-256 of a certificate's DER: its identity. Displayed in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Makes a fingerprint from its bytes.
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

/// Reads 64 hexadecimal digits of either case; ignores colons between them, which OpenSSL writes.
impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits = text.chars().filter(|character| *character != ':');
        let digits: Option<Vec<u8>> = digits.map(digit).collect();
        let digits = digits.filter(|digits| digits.len() == 64);
        let digits = digits.ok_or(FingerprintError)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = pair.iter().fold(0, |sum, digit| (sum << 4) | digit);
        }
        Ok(Self(bytes))
    }
}

fn digit(character: char) -> Option<u8> {
    u8::try_from(character.to_digit(16)?).ok()
}

/// The text is not a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 fingerprint has 64 hexadecimal digits, with or without colons")]
#[non_exhaustive]
pub struct FingerprintError;

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Certificate {
    /// Reads one certificate as Go's `crypto/x509` does; nothing may follow it.
    ///
    /// # Errors
    ///
    /// [`CertificateError`] says why the bytes are not a certificate. Untrusted bytes do no more harm than that.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let facts = read_certificate(der)?;
        Ok(Self(Arc::new(Parsed {
            der: der.to_vec(),
            fingerprint: Fingerprint::of(der),
            subject: Fingerprint::of(&facts.raw_subject),
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

    /// The number of bytes of [`to_pem`](Self::to_pem).
    pub fn pem_len(&self) -> usize {
        pem::encoded_len("CERTIFICATE", self.der())
    }

    /// Its identity.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// The SHA-256 of its subject's DER: two subjects are the same if and only if these are.
    pub fn subject_fingerprint(&self) -> Fingerprint {
        self.0.subject
    }

    /// The SHA-256 of its subject and public key: to a verifier that looks for an issuer, two certificates with the
    /// same value are interchangeable, apart from their other fields.
    pub fn issuer_fingerprint(&self) -> Fingerprint {
        let facts = self.facts();
        Fingerprint::of(&[&facts.raw_subject[..], facts.public_key.spki_der()].concat())
    }

    /// The facts in the certificate.
    pub fn facts(&self) -> &Facts {
        &self.0.facts
    }

    /// Whether `key` is its private key.
    pub fn matches(&self, key: &PrivateKey) -> bool {
        self.facts().public_key == *key.public_key()
    }

    /// Whether `issuer` signed it: the signature is by its key, it is named as the issuer, and it may sign. Ignores
    /// time.
    pub fn is_signed_by(&self, issuer: &Self) -> bool {
        let (facts, above) = (self.facts(), issuer.facts());
        facts.raw_issuer == above.raw_subject
            && above.may_sign()
            && X509Certificate::from_der(self.der())
                .is_ok_and(|(_, parsed)| above.public_key.verifies(&parsed))
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
