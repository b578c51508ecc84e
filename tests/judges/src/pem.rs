//! Certificates as PEM, whatever their bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// One block. Ours would do, but it writes sound certificates only.
pub(crate) fn certificate(der: &[u8]) -> String {
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for (position, character) in STANDARD.encode(der).chars().enumerate() {
        if position > 0 && position % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text + "\n-----END CERTIFICATE-----\n"
}
