//! Looks for private keys in whatever a program says, however they may be written there.

use std::collections::HashMap;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use hyper::body::Bytes;
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

/// Pieces of private keys in many spellings. A piece is short, so that a line break in a key hides nothing.
#[derive(Debug, Default)]
pub struct LeakSearch {
    /// By their first bytes.
    spellings: HashMap<[u8; PREFIX], Vec<Vec<u8>>>,
    keys: usize,
}

/// Eight bytes in a row are nobody's by chance.
const PIECE: usize = 8;
const STEP: usize = 4;
const PREFIX: usize = 8;

impl LeakSearch {
    /// Looks for this key, too, which is PKCS#8 in PEM: for its secret as bytes, hexadecimal, decimal, with escapes, base64
    /// and base64 of its PEM.
    ///
    /// Returns whether the text was such a key.
    pub fn add(&mut self, pem: &[u8]) -> bool {
        let Some(secret) = secret(pem) else {
            return false;
        };
        for piece in pieces(&secret) {
            self.spell(piece);
        }
        // A Secret in JSON holds the base64 of PEM, which is base64 itself.
        for line in pem.split(|byte| *byte == b'\n') {
            let is_secret = (0..3).any(|shift| {
                let encoded = within(&STANDARD, shift, &secret);
                let (start, _) = encoded.split_at(PIECE.min(encoded.len()));
                contains(line, start)
            });
            if is_secret {
                let start = line.len().saturating_sub(2 * PIECE);
                self.spell(line.get(start..).unwrap_or_default());
            }
        }
        self.keys += 1;
        true
    }

    /// How many keys it knows.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// Whether a piece of any of the keys stands in `text`.
    pub fn finds_in(&self, text: &[u8]) -> bool {
        text.windows(PREFIX).enumerate().any(|(position, window)| {
            let spellings = <[u8; PREFIX]>::try_from(window)
                .ok()
                .and_then(|prefix| self.spellings.get(&prefix));
            let rest = text.get(position..).unwrap_or_default();
            spellings.is_some_and(|spellings| spellings.iter().any(|it| rest.starts_with(it)))
        })
    }

    fn spell(&mut self, piece: &[u8]) {
        let lower = hexadecimal(piece);
        let decimal: Vec<String> = piece.iter().map(ToString::to_string).collect();
        let mut spellings = vec![
            piece.to_vec(),
            lower.to_ascii_uppercase().into_bytes(),
            lower.into_bytes(),
            // As Rust's `Debug` and Go's `%v` print bytes.
            decimal.join(", ").into_bytes(),
            decimal.join(" ").into_bytes(),
            // As Rust prints byte strings, and as the crate bytes does.
            piece.escape_ascii().to_string().into_bytes(),
            shown_by_bytes(piece).into_bytes(),
        ];
        for engine in [&STANDARD, &URL_SAFE] {
            spellings.extend((0..3).map(|shift| within(engine, shift, piece)));
        }
        for spelling in spellings {
            if let Some(prefix) = spelling.first_chunk::<PREFIX>() {
                self.spellings.entry(*prefix).or_default().push(spelling);
            }
        }
    }
}

/// The base64 of `bytes` when `shift` bytes stand before them: only the characters that nothing else decides.
fn within(engine: &impl Engine, shift: usize, bytes: &[u8]) -> Vec<u8> {
    let shifted = [vec![0; shift].as_slice(), bytes].concat();
    let whole = engine.encode(&shifted).into_bytes();
    let first = (shift * 8).div_ceil(6);
    let last = shifted.len() * 8 / 6;
    whole.get(first..last).unwrap_or_default().to_vec()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Between the quotation marks.
fn shown_by_bytes(bytes: &[u8]) -> String {
    let shown = format!("{:?}", Bytes::copy_from_slice(bytes));
    let within = shown.strip_prefix("b\"");
    within
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or_default()
        .to_owned()
}

fn pieces(secret: &[u8]) -> impl Iterator<Item = &[u8]> {
    secret.windows(PIECE).step_by(STEP)
}

fn contains(text: &[u8], piece: &[u8]) -> bool {
    text.windows(piece.len()).any(|window| window == piece)
}

/// The secret number of an ECDSA key: `ECPrivateKey` begins with version 1, then an octet string (RFC 5915 §3).
const ECDSA: &[u8] = &[0x02, 0x01, 0x01, 0x04];
/// The seed of an Ed25519 key: after the algorithm an octet string, and in it the octet string (RFC 8410 §7).
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04];

fn secret(pem: &[u8]) -> Option<Vec<u8>> {
    let key = PrivatePkcs8KeyDer::from_pem_slice(pem).ok()?;
    let der = key.secret_pkcs8_der();
    [ED25519, ECDSA].iter().find_map(|mark| {
        let position = der.windows(mark.len()).position(|window| window == *mark)?;
        let (length, rest) = der.get(position + mark.len()..)?.split_first()?;
        rest.get(..usize::from(*length)).map(<[u8]>::to_vec)
    })
}

#[cfg(test)]
mod tests {
    use certgen::KeyAlgorithm;
    use kube_adapter::SystemEntropy;
    use rotator_core::Entropy;

    use super::*;

    fn key(algorithm: KeyAlgorithm) -> String {
        let key = SystemEntropy::new().private_key(algorithm);
        key.unwrap().expose_pkcs8_pem().to_string()
    }

    #[test]
    fn a_key_is_found_in_every_spelling_and_no_other_key_is() {
        for algorithm in [
            KeyAlgorithm::P256,
            KeyAlgorithm::P384,
            KeyAlgorithm::Ed25519,
        ] {
            is_found_in_every_spelling(&key(algorithm), &key(algorithm));
        }
    }

    fn is_found_in_every_spelling(ours: &str, other: &str) {
        let mut search = LeakSearch::default();
        assert!(search.add(ours.as_bytes()));
        for (pem, is_found) in [(ours, true), (other, false)] {
            let secret = secret(pem.as_bytes()).unwrap();
            let hex = hexadecimal(&secret);
            let mut texts = vec![
                secret.clone(),
                pem.as_bytes().to_vec(),
                pem.replace('\n', "\\n").into_bytes(),
                STANDARD.encode(pem).into_bytes(),
                format!(" {}", STANDARD.encode(format!("x{pem}"))).into_bytes(),
                URL_SAFE.encode(&secret).into_bytes(),
                hex.to_uppercase().into_bytes(),
                hex.into_bytes(),
                format!("{secret:?}").into_bytes(),
                format!("b\"{}\"", secret.escape_ascii()).into_bytes(),
                format!("{:?}", Bytes::copy_from_slice(&secret)).into_bytes(),
            ];
            texts.push([b"log: ".as_slice(), secret.get(9..).unwrap_or_default()].concat());
            for text in texts {
                let shown = String::from_utf8_lossy(&text);
                assert_eq!(search.finds_in(&text), is_found, "{shown}");
            }
        }
    }

    #[test]
    fn a_piece_is_found_in_whatever_way_it_is_escaped() {
        let piece = b"\0'\"\\\n\x7f\xffa";
        let mut search = LeakSearch::default();
        search.spell(piece);
        for text in [
            piece.escape_ascii().to_string(),
            format!("{:?}", Bytes::copy_from_slice(piece)),
        ] {
            assert!(search.finds_in(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_not_looked_for() {
        let mut search = LeakSearch::default();
        assert!(!search.add(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
        assert_eq!(search.keys(), 0);
    }
}
