//! Key pairs: generated elsewhere, read here from any common format, always written as PKCS#8.

use alloc::{string::String, vec::Vec};
use core::{fmt, str::FromStr};

use rcgen::{KeyPair, PublicKeyData, SigningKey};
use ring::{
    rand::SystemRandom,
    rsa,
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use x509_parser::prelude::{FromDer as _, SubjectPublicKeyInfo, X509Certificate};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{der, pem};

/// An algorithm for new keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a source of keys must make each of them"
)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256 with SHA-256: what every API server in use accepts.
    P256,
    /// ECDSA on P-384 with SHA-384.
    P384,
    /// Ed25519.
    Ed25519,
}

impl KeyAlgorithm {
    /// `p256`, `p384` or `ed25519`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "p256",
            Self::P384 => "p384",
            Self::Ed25519 => "ed25519",
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyAlgorithm {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        [Self::P256, Self::P384, Self::Ed25519]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or_else(|| KeyError::UnknownAlgorithm {
                name: text.chars().take(40).collect(),
            })
    }
}

/// A private key. No `Clone`; `Debug` shows nothing of it; drop wipes the PKCS#8 bytes.
pub struct PrivateKey {
    pkcs8: Zeroizing<Vec<u8>>,
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Modern(KeyPair),
    Rsa(rsa::KeyPair),
}

impl PrivateKey {
    /// Reads PKCS#8 (RFC 5958).
    ///
    /// # Errors
    ///
    /// [`KeyError::Unsupported`] if it is not an ECDSA P-256 or P-384, Ed25519 or RSA key of 2048 bits or more.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let pkcs8 = Zeroizing::new(der.to_vec());
        // rcgen encodes RSA keys anew; ours stay as they came.
        if let Ok(pair) = rsa::KeyPair::from_pkcs8(der) {
            let public = PublicKey(der::rsa_spki(pair.public_key().as_ref()));
            return Ok(Self {
                pkcs8,
                pair: Pair::Rsa(pair),
                public,
            });
        }
        let pair =
            KeyPair::try_from(&PrivatePkcs8KeyDer::from(der)).map_err(|_| KeyError::Unsupported)?;
        let public = PublicKey(pair.subject_public_key_info());
        public.algorithm().ok_or(KeyError::Unsupported)?;
        Ok(Self {
            pkcs8,
            pair: Pair::Modern(pair),
            public,
        })
    }

    /// Reads the first private key of a PEM text: PKCS#8 (`PRIVATE KEY`), SEC1 (`EC PRIVATE KEY`, RFC 5915) or
    /// PKCS#1 (`RSA PRIVATE KEY`, RFC 8017 §A.1.2). Skips other blocks.
    ///
    /// # Errors
    ///
    /// [`KeyError`] says whether there was none, or one that cannot be used.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        for mut block in pem::blocks(text) {
            let outcome = match block.label {
                b"PRIVATE KEY" => Self::from_pkcs8_der(&block.bytes),
                b"EC PRIVATE KEY" => der::sec1_to_pkcs8(&block.bytes)
                    .ok_or(KeyError::Unsupported)
                    .and_then(|pkcs8| Self::from_pkcs8_der(&pkcs8)),
                b"RSA PRIVATE KEY" => Self::from_pkcs8_der(&der::pkcs1_to_pkcs8(&block.bytes)),
                b"ENCRYPTED PRIVATE KEY" => Err(KeyError::Encrypted),
                _ => continue,
            };
            block.bytes.zeroize();
            return outcome;
        }
        Err(KeyError::NotFound)
    }

    /// The key itself, as PKCS#8 PEM. Keep it short-lived.
    pub fn expose_pkcs8_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(pem::encode("PRIVATE KEY", &self.pkcs8))
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Its algorithm; `None` for RSA: this crate reads such keys and signs with them, but never makes one.
    pub fn algorithm(&self) -> Option<KeyAlgorithm> {
        self.public.algorithm()
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        if let Pair::Modern(pair) = &mut self.pair {
            pair.zeroize();
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names every field, so that a new one is a compile error here.
        let Self {
            pkcs8: _,
            pair: _,
            public: _,
        } = self;
        f.write_str("PrivateKey(<redacted>)")
    }
}

impl PublicKeyData for PrivateKey {
    fn der_bytes(&self) -> &[u8] {
        match &self.pair {
            Pair::Modern(pair) => pair.der_bytes(),
            Pair::Rsa(pair) => pair.public_key().as_ref(),
        }
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        match &self.pair {
            Pair::Modern(pair) => PublicKeyData::algorithm(pair),
            Pair::Rsa(_) => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

impl SigningKey for PrivateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        match &self.pair {
            Pair::Modern(pair) => pair.sign(message),
            Pair::Rsa(pair) => {
                let mut signature = alloc::vec![0; pair.public().modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    message,
                    &mut signature,
                )
                .map_err(|_| rcgen::Error::RemoteKeyError)?;
                Ok(signature)
            }
        }
    }
}

/// A public key: the DER of its `SubjectPublicKeyInfo`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    pub(crate) fn from_spki(der: &[u8]) -> Self {
        Self(der.to_vec())
    }

    /// The DER of the `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7).
    pub fn spki_der(&self) -> &[u8] {
        &self.0
    }

    /// Its algorithm; `None` if this product never makes keys of it.
    pub fn algorithm(&self) -> Option<KeyAlgorithm> {
        let (_, info) = SubjectPublicKeyInfo::from_der(&self.0).ok()?;
        let curve = || {
            info.algorithm
                .parameters
                .as_ref()?
                .as_oid()
                .ok()
                .map(|oid| oid.to_id_string())
        };
        match info.algorithm.algorithm.to_id_string().as_str() {
            "1.3.101.112" => Some(KeyAlgorithm::Ed25519),
            "1.2.840.10045.2.1" => match curve()?.as_str() {
                "1.2.840.10045.3.1.7" => Some(KeyAlgorithm::P256),
                "1.3.132.0.34" => Some(KeyAlgorithm::P384),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether this key made the signature of `certificate`, by an algorithm that Go trusts.
    pub(crate) fn verifies(&self, certificate: &X509Certificate<'_>) -> bool {
        let signature = certificate.signature_algorithm.algorithm.to_id_string();
        SubjectPublicKeyInfo::from_der(&self.0).is_ok_and(|(_, info)| {
            makes(&info.algorithm.algorithm.to_id_string(), &signature)
                && certificate.verify_signature(Some(&info)).is_ok()
        })
    }
}

/// Whether keys of algorithm `key` make signatures of algorithm `signature`, as Go's `checkSignature` decides.
/// x509-parser compares the curve alone, and accepts SHA-1.
fn makes(key: &str, signature: &str) -> bool {
    match key {
        "1.2.840.113549.1.1.1" => {
            let hash = signature.strip_prefix("1.2.840.113549.1.1.");
            hash.is_some_and(|hash| ["10", "11", "12", "13"].contains(&hash))
        }
        "1.2.840.10045.2.1" => signature.starts_with("1.2.840.10045.4.3."),
        "1.3.101.112" => signature == "1.3.101.112",
        _ => false,
    }
}

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text contains no private key.
    #[error("there is no private key in it")]
    NotFound,
    /// The private key is encrypted with a passphrase.
    #[error("the private key is encrypted: store it decrypted")]
    Encrypted,
    /// The bytes are not a private key, or not one that this crate can sign with.
    #[error("not an ECDSA P-256, ECDSA P-384, Ed25519 or RSA private key")]
    Unsupported,
    /// The text is not the name of an algorithm.
    #[error("{name:?} is not a key algorithm: give p256, p384 or ed25519")]
    UnknownAlgorithm {
        /// The given text.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RSA, ECDSA on a curve, Ed25519, and DSA.
    const KEYS: [&str; 4] = [
        "1.2.840.113549.1.1.1",
        "1.2.840.10045.2.1",
        "1.3.101.112",
        "1.2.840.10040.4.1",
    ];

    #[test]
    fn a_key_makes_the_signatures_of_its_own_algorithm() {
        for (signature, makers) in [
            ("1.2.840.113549.1.1.11", [true, false, false, false]),
            ("1.2.840.113549.1.1.10", [true, false, false, false]),
            ("1.2.840.113549.1.1.12", [true, false, false, false]),
            ("1.2.840.113549.1.1.13", [true, false, false, false]),
            // RSA with SHA-1 and with MD5.
            ("1.2.840.113549.1.1.5", [false; 4]),
            ("1.2.840.113549.1.1.4", [false; 4]),
            ("1.2.840.10045.4.3.2", [false, true, false, false]),
            ("1.2.840.10045.4.3.4", [false, true, false, false]),
            ("1.2.840.10045.4.1", [false; 4]),
            ("1.3.101.112", [false, false, true, false]),
            ("1.3.101.113", [false; 4]),
            ("1.2.840.10040.4.3", [false; 4]),
        ] {
            assert_eq!(KEYS.map(|key| makes(key, signature)), makers, "{signature}");
        }
    }
}
