//! The bytes of a caBundle.

use certgen::{Bundle, parse_bundle};

/// Any bytes are a bundle or none; what was read is written canonically, and read again as the same set.
pub fn bundle(bytes: &[u8]) {
    let parsed = parse_bundle(bytes);
    let Ok(bundle) = Bundle::new(parsed.anchors.iter().cloned()) else {
        assert!(parsed.anchors.is_empty());
        return;
    };
    let prints = bundle.fingerprints();
    assert_eq!(prints.len(), parsed.anchors.len(), "each is read only once");

    let pem = bundle.to_pem();
    // Their own base64 stood there, and a line end more for each 64 characters of it.
    assert!(
        pem.len() <= bytes.len() + bytes.len() / 60 + 8,
        "{} bytes from {}",
        pem.len(),
        bytes.len()
    );
    let again = parse_bundle(pem.as_bytes());
    assert!(again.skipped.is_empty() && pem.ends_with('\n'));
    let again = Bundle::new(again.anchors).expect("it is not empty");
    assert_eq!(again.fingerprints(), prints);
    assert_eq!(again.to_pem(), pem);

    // Order and repetition make no difference.
    let reversed = parsed.anchors.iter().rev().chain(&parsed.anchors).cloned();
    let reversed = Bundle::new(reversed).expect("it is not empty");
    assert_eq!(reversed.to_pem(), pem);
}
