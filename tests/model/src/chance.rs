//! Keys and serials that follow from when and for which generation they are asked for: the same question, the same
//! certificate.

use std::sync::atomic::{AtomicU8, Ordering};

use certgen::{KeyAlgorithm, PrivateKey, Serial};
use rotator_core::{Entropy, EntropyError, GenerationNumber};

/// The chance of one step.
#[derive(Debug)]
pub(crate) struct Chance {
    newest: GenerationNumber,
    now: u8,
    asked: AtomicU8,
}

impl Chance {
    /// For a step that begins at `now` and finds `newest` as the newest generation.
    pub(crate) fn new(newest: GenerationNumber, now: u8) -> Self {
        Self {
            newest,
            now,
            asked: AtomicU8::new(0),
        }
    }

    fn seed<const N: usize>(&self, purpose: u8) -> [u8; N] {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let [.., newest] = self.newest.to_be_bytes();
        let mut seed = [0; N];
        let told = [newest, self.now, asked, purpose];
        for (byte, told) in seed.iter_mut().rev().zip(told) {
            *byte = told;
        }
        seed
    }
}

impl Entropy for Chance {
    fn private_key(&self, algorithm: KeyAlgorithm) -> Result<PrivateKey, EntropyError> {
        if algorithm != KeyAlgorithm::Ed25519 {
            return Err(EntropyError::new());
        }
        let der = [PKCS8, &self.seed::<32>(1)].concat();
        PrivateKey::from_pkcs8_der(&der).map_err(|_| EntropyError::new())
    }

    fn serial(&self) -> Result<Serial, EntropyError> {
        Ok(Serial::from_random(self.seed(2)))
    }
}

/// RFC 8410 §7: what stands before the 32 bytes of an Ed25519 key.
const PKCS8: &[u8] = &[
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
