//! Keys in every form that is found in Secrets.

use certgen::{KeyAlgorithm, KeyError, PrivateKey};

#[test]
fn an_algorithm_is_named_as_it_is_written_in_a_configuration() {
    for (algorithm, name) in [
        (KeyAlgorithm::P256, "p256"),
        (KeyAlgorithm::P384, "p384"),
        (KeyAlgorithm::Ed25519, "ed25519"),
    ] {
        assert_eq!((algorithm.as_str(), &*algorithm.to_string()), (name, name));
        assert_eq!(name.parse(), Ok(algorithm));
    }
    let refused = "rsa".parse::<KeyAlgorithm>();
    assert_eq!(
        refused,
        Err(KeyError::UnknownAlgorithm { name: "rsa".into() })
    );
}

#[test]
fn a_key_is_written_letter_by_letter_as_openssl_writes_it() {
    for pem in [
        include_str!("keys/p256.pkcs8.pem"),
        include_str!("keys/rsa.pkcs8.pem"),
    ] {
        let key = PrivateKey::from_pem(pem.as_bytes()).unwrap();
        assert_eq!(*key.expose_pkcs8_pem(), pem);
    }
}

#[test]
fn each_form_of_a_key_is_the_same_key_and_is_written_as_pkcs8() {
    for (algorithm, forms) in [
        (
            Some(KeyAlgorithm::P256),
            &[
                include_bytes!("keys/p256.sec1.pem").as_slice(),
                include_bytes!("keys/p256.pkcs8.pem"),
            ][..],
        ),
        (
            Some(KeyAlgorithm::P384),
            &[
                include_bytes!("keys/p384.sec1.pem"),
                include_bytes!("keys/p384.pkcs8.pem"),
            ],
        ),
        (
            Some(KeyAlgorithm::Ed25519),
            &[include_bytes!("keys/ed25519.pkcs8.pem")],
        ),
        (
            None,
            &[
                include_bytes!("keys/rsa.pkcs1.pem"),
                include_bytes!("keys/rsa.pkcs8.pem"),
            ],
        ),
    ] {
        let keys: Vec<PrivateKey> = forms
            .iter()
            .map(|form| PrivateKey::from_pem(form).unwrap())
            .collect();
        for key in &keys {
            assert_eq!(key.algorithm(), algorithm);
            assert_eq!(key.public_key(), keys[0].public_key());
            let pem = key.expose_pkcs8_pem();
            assert!(
                pem.starts_with("-----BEGIN PRIVATE KEY-----\n")
                    && pem.ends_with("-----END PRIVATE KEY-----\n")
            );
            assert_eq!(
                PrivateKey::from_pem(pem.as_bytes()).unwrap().public_key(),
                key.public_key()
            );
        }
    }
}

#[test]
fn what_cannot_be_used_says_why() {
    let refused = |pem: &[u8]| PrivateKey::from_pem(pem).err();
    assert_eq!(refused(b""), Some(KeyError::NotFound));
    assert_eq!(
        refused(include_bytes!("keys/encrypted.pem")),
        Some(KeyError::Encrypted)
    );
    assert_eq!(
        refused(include_bytes!("keys/p521.sec1.pem")),
        Some(KeyError::Unsupported)
    );
}

#[test]
fn debug_shows_nothing_of_a_key() {
    let pem = include_str!("keys/p256.pkcs8.pem");
    let shown = format!("{:?}", PrivateKey::from_pem(pem.as_bytes()).unwrap());
    let body: String = pem
        .lines()
        .filter(|line| !line.starts_with("---"))
        .collect();
    assert!(
        !shown.contains(&body[20..40]) && shown == "PrivateKey(<redacted>)",
        "{shown}"
    );
}
