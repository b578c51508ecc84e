//! An authority of our own, for the example alone.

use std::error::Error;

use certgen::{
    Chain, LeafRequest, PrivateKey, RootRequest, Serial, ServerNames, UnixTime, issue_leaf,
    issue_root,
};
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rustls::pki_types::CertificateDer;

type Pems = Result<(Vec<u8>, Vec<u8>), Box<dyn Error>>;

/// A root, and a function that makes a new certificate under it: `tls.crt` and `tls.key`.
pub(crate) fn authority() -> Result<(CertificateDer<'static>, impl FnMut() -> Pems), Box<dyn Error>>
{
    let key = private_key()?;
    let root = issue_root(
        &RootRequest {
            common_name: "guard CA 1",
            serial: serial()?,
            not_before: UnixTime::from_secs(1_700_000_000),
            not_after: UnixTime::from_secs(4_000_000_000),
        },
        &key,
    )?;
    let der = CertificateDer::from(root.certificate().der().to_vec());
    let names = ServerNames::for_service("guard", "guard-system")?;
    let renew = move || {
        let leaf_key = private_key()?;
        let request = LeafRequest {
            names: &names,
            public_key: leaf_key.public_key(),
            serial: serial()?,
            not_after: UnixTime::from_secs(4_000_000_000),
        };
        let chain = Chain::new(issue_leaf(&request, &root, &key)?, Vec::new());
        let tls_key = leaf_key.expose_pkcs8_pem().as_bytes().to_vec();
        Ok((chain.to_pem().into_bytes(), tls_key))
    };
    Ok((der, renew))
}

fn private_key() -> Result<PrivateKey, Box<dyn Error>> {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
        .map_err(|_| "no randomness")?;
    Ok(PrivateKey::from_pkcs8_der(pkcs8.as_ref())?)
}

fn serial() -> Result<Serial, Box<dyn Error>> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| "no randomness")?;
    Ok(Serial::from_random(bytes))
}
