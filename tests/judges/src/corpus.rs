//! Certificates to begin with: the product's, what others make, and rare ones. Always the same bytes, so that a seed
//! gives the same mutants.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Name and PEM of each.
pub(crate) const CORPUS: &[(&str, &str)] = &[
    ("bmp", include_str!("../corpus/bmp.pem")),
    ("constrained", include_str!("../corpus/constrained.pem")),
    ("controller", include_str!("../corpus/controller.pem")),
    ("ed25519", include_str!("../corpus/ed25519.pem")),
    ("ed448", include_str!("../corpus/ed448.pem")),
    (
        "explicit-curve",
        include_str!("../corpus/explicit-curve.pem"),
    ),
    ("k256", include_str!("../corpus/k256.pem")),
    ("length", include_str!("../corpus/length.pem")),
    ("long-life", include_str!("../corpus/long-life.pem")),
    ("long-serial", include_str!("../corpus/long-serial.pem")),
    ("names", include_str!("../corpus/names.pem")),
    ("netscape", include_str!("../corpus/netscape.pem")),
    ("no-subject", include_str!("../corpus/no-subject.pem")),
    ("p224", include_str!("../corpus/p224.pem")),
    ("p384", include_str!("../corpus/p384.pem")),
    ("p521", include_str!("../corpus/p521.pem")),
    ("plain", include_str!("../corpus/plain.pem")),
    ("pointers", include_str!("../corpus/pointers.pem")),
    ("policies", include_str!("../corpus/policies.pem")),
    ("printable", include_str!("../corpus/printable.pem")),
    ("product-cross", include_str!("../corpus/product-cross.pem")),
    ("product-leaf", include_str!("../corpus/product-leaf.pem")),
    ("product-root", include_str!("../corpus/product-root.pem")),
    ("pss", include_str!("../corpus/pss.pem")),
    ("sha1", include_str!("../corpus/sha1.pem")),
    ("small-rsa", include_str!("../corpus/small-rsa.pem")),
    ("teletex", include_str!("../corpus/teletex.pem")),
    ("unknown", include_str!("../corpus/unknown.pem")),
    ("utf8", include_str!("../corpus/utf8.pem")),
    ("version-1", include_str!("../corpus/version-1.pem")),
    ("zero-serial", include_str!("../corpus/zero-serial.pem")),
];

/// Name and DER of each.
pub(crate) fn ders() -> Vec<(&'static str, Vec<u8>)> {
    let ders = CORPUS.iter().map(|(name, pem)| {
        let base64 = pem.lines().filter(|line| !line.starts_with("-----"));
        let base64: String = base64.collect();
        (*name, STANDARD.decode(base64).unwrap_or_default())
    });
    ders.collect()
}
