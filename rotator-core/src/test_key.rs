//! A key for unit tests; integration tests use the ports' [`Entropy`](crate::Entropy).

use certgen::PrivateKey;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};

pub(crate) fn test_key() -> PrivateKey {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    PrivateKey::from_pkcs8_der(pkcs8.as_ref()).unwrap()
}
