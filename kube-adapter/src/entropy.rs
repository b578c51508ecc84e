//! Keys and serial numbers from the system's randomness.

use certgen::{KeyAlgorithm, PrivateKey, Serial};
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
        Ed25519KeyPair,
    },
};
use rotator_core::{Entropy, EntropyError};

/// [`Entropy`] from the operating system.
#[derive(Clone, Debug)]
pub struct SystemEntropy {
    random: SystemRandom,
}

impl SystemEntropy {
    /// Needs nothing.
    #[expect(clippy::new_without_default, reason = "one way to make it is enough")]
    pub fn new() -> Self {
        Self {
            random: SystemRandom::new(),
        }
    }
}

impl Entropy for SystemEntropy {
    fn private_key(&self, algorithm: KeyAlgorithm) -> Result<PrivateKey, EntropyError> {
        let random = &self.random;
        let document = match algorithm {
            KeyAlgorithm::P256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, random)
            }
            KeyAlgorithm::P384 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, random)
            }
            KeyAlgorithm::Ed25519 => Ed25519KeyPair::generate_pkcs8(random),
        };
        let document = document.map_err(|_| EntropyError::new())?;
        PrivateKey::from_pkcs8_der(document.as_ref()).map_err(|_| EntropyError::new())
    }

    fn serial(&self) -> Result<Serial, EntropyError> {
        let mut bytes = [0; 16];
        self.random
            .fill(&mut bytes)
            .map_err(|_| EntropyError::new())?;
        Ok(Serial::from_random(bytes))
    }
}
