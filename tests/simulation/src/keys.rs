//! Keys for the simulated controllers.
//!
//! Ed25519 keys come from the seed. ECDSA keys come from the system, as do their signatures: what a certificate's bytes
//! are never decides the course of events, and a test runs each seed twice to show it.

use certgen::{KeyAlgorithm, PrivateKey};
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair as _,
    },
};

use crate::chance::Chance;

pub(crate) fn make(algorithm: KeyAlgorithm, chance: &mut Chance) -> PrivateKey {
    let random = SystemRandom::new();
    let pkcs8 = match algorithm {
        KeyAlgorithm::P256 => {
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
                .expect("the system has randomness")
                .as_ref()
                .to_vec()
        }
        KeyAlgorithm::P384 => {
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, &random)
                .expect("the system has randomness")
                .as_ref()
                .to_vec()
        }
        KeyAlgorithm::Ed25519 => ed25519(&chance.bytes()),
    };
    PrivateKey::from_pkcs8_der(&pkcs8).expect("a key that was just made")
}

/// PKCS#8 version 2 (RFC 8410 §7) of the key of this seed.
fn ed25519(seed: &[u8; 32]) -> Vec<u8> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("32 bytes are a seed");
    let mut pkcs8 = Vec::from(ED25519_BEFORE_SEED);
    pkcs8.extend(seed);
    pkcs8.extend(ED25519_BEFORE_PUBLIC_KEY);
    pkcs8.extend(pair.public_key().as_ref());
    pkcs8
}

const ED25519_BEFORE_SEED: [u8; 16] = [
    0x30, 0x51, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const ED25519_BEFORE_PUBLIC_KEY: [u8; 3] = [0x81, 0x21, 0x00];
