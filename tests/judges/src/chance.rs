//! Keys by the operating system's randomness, serials by a seed.

use std::sync::{Mutex, PoisonError};

use certgen::{KeyAlgorithm, PrivateKey, Serial};
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
        Ed25519KeyPair,
    },
};
use rotator_core::{Entropy, EntropyError};

use crate::random::Random;

/// The entropy of a life. Nothing that a verifier says depends on which key it is.
#[derive(Debug)]
pub(crate) struct Chance {
    keys: SystemRandom,
    serials: Mutex<Random>,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            keys: SystemRandom::new(),
            serials: Mutex::new(Random::new(seed)),
        }
    }
}

impl Entropy for Chance {
    fn private_key(&self, algorithm: KeyAlgorithm) -> Result<PrivateKey, EntropyError> {
        let keys = &self.keys;
        let document = match algorithm {
            KeyAlgorithm::P256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, keys)
            }
            KeyAlgorithm::P384 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, keys)
            }
            KeyAlgorithm::Ed25519 => Ed25519KeyPair::generate_pkcs8(keys),
        };
        let document = document.map_err(|_| EntropyError::new())?;
        PrivateKey::from_pkcs8_der(document.as_ref()).map_err(|_| EntropyError::new())
    }

    fn serial(&self) -> Result<Serial, EntropyError> {
        let mut serials = self.serials.lock().unwrap_or_else(PoisonError::into_inner);
        let halves = [serials.next_u64(), serials.next_u64()];
        let number = (u128::from(halves[0]) << 64) | u128::from(halves[1]);
        Ok(Serial::from_random(number.to_be_bytes()))
    }
}
