//! PEM as the judge reads and writes it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use x509_parser::pem::Pem;

/// The DER of every certificate in a text, as far as it can be read.
pub(crate) fn certificates(text: &[u8]) -> Vec<Vec<u8>> {
    Pem::iter_from_buffer(text)
        .map_while(Result::ok)
        .filter(|block| block.label == "CERTIFICATE")
        .map(|block| block.contents)
        .collect()
}

/// The DER of the first private key in a text.
pub(crate) fn private_key(text: &[u8]) -> Option<Vec<u8>> {
    Pem::iter_from_buffer(text)
        .map_while(Result::ok)
        .find(|block| block.label == "PRIVATE KEY")
        .map(|block| block.contents)
}

/// The text that RFC 7468 §3 calls strict: 64 characters a line, LF after each.
pub(crate) fn strict(ders: &[Vec<u8>]) -> Vec<u8> {
    let mut text = Vec::new();
    for der in ders {
        text.extend(b"-----BEGIN CERTIFICATE-----\n");
        for line in STANDARD.encode(der).as_bytes().chunks(64) {
            text.extend(line);
            text.push(b'\n');
        }
        text.extend(b"-----END CERTIFICATE-----\n");
    }
    text
}
