//! The bytes of private keys.

use certgen::{KeyError, PrivateKey, RootRequest, Serial, UnixTime, issue_root};

/// Any bytes, as PEM and as the DER of each format: a key that is read can be written, read again, and signed with or not.
pub fn key(bytes: &[u8]) {
    read(PrivateKey::from_pem(bytes));
    read(PrivateKey::from_pkcs8_der(bytes));
    for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"] {
        read(PrivateKey::from_pem(enveloped(label, bytes).as_bytes()));
    }
}

fn enveloped(label: &str, der: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let body = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn read(outcome: Result<PrivateKey, KeyError>) {
    let Ok(key) = outcome else {
        return;
    };
    assert_eq!(format!("{key:?}"), "PrivateKey(<redacted>)");
    let pem = key.expose_pkcs8_pem();
    let again = PrivateKey::from_pem(pem.as_bytes()).expect("what was written is read");
    assert_eq!(again.public_key(), key.public_key());
    assert_eq!(*again.expose_pkcs8_pem(), *pem);
    assert_eq!(key.algorithm(), key.public_key().algorithm());

    let request = RootRequest {
        common_name: "guard CA",
        serial: Serial::from_random([1; 16]),
        not_before: UnixTime::from_secs(1_800_000_000),
        not_after: UnixTime::from_secs(1_900_000_000),
    };
    if let Ok(root) = issue_root(&request, &key) {
        assert!(root.matches(&key) && root.is_signed_by(&root));
    }
}
