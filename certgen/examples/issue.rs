//! A CA rotation by hand: two roots, the cross that joins them, and a leaf that callers of either root accept.

use std::{error::Error, io::Write};

use certgen::{
    Anchor, Bundle, Certificate, Chain, LeafRequest, PrivateKey, RootRequest, Serial, ServerNames,
    UnixTime, issue_cross, issue_leaf, issue_root, verify_chain,
};
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};

fn main() -> Result<(), Box<dyn Error>> {
    // The crate has no clock and no randomness: you bring both.
    let now = UnixTime::from_secs(1_800_000_000);
    let in_a_month = UnixTime::from_secs(1_802_592_000);
    let in_a_year = UnixTime::from_secs(1_831_536_000);

    let (old_key, new_key, leaf_key) = (new_key()?, new_key()?, new_key()?);
    let root = |common_name, key: &PrivateKey| -> Result<_, Box<dyn Error>> {
        let request = RootRequest {
            common_name,
            serial: new_serial()?,
            not_before: now,
            not_after: in_a_year,
        };
        Ok(issue_root(&request, key)?)
    };
    let old = root("guard CA 1", &old_key)?;
    let new = root("guard CA 2", &new_key)?;
    let cross = issue_cross(&new, new_serial()?, &old, &old_key)?;

    let names = ServerNames::for_service("guard", "guard-system")?;
    let request = LeafRequest {
        names: &names,
        public_key: leaf_key.public_key(),
        serial: new_serial()?,
        not_after: in_a_month,
    };
    let leaf = issue_leaf(&request, &new, &new_key)?;
    tell("leaf", &leaf)?;
    tell("cross", &cross)?;
    let chain = Chain::new(leaf, vec![cross]);

    for root in [old, new] {
        tell("root", &root)?;
        let bundle = Bundle::new([Anchor::from(root)])?;
        verify_chain(&chain, &bundle, "guard.guard-system.svc", now)?;
        writeln!(std::io::stdout(), "  its callers accept the leaf")?;
    }
    Ok(())
}

fn tell(what: &str, certificate: &Certificate) -> std::io::Result<()> {
    let facts = certificate.facts();
    writeln!(
        std::io::stdout(),
        "{what:5}  {}, {} to {}",
        facts.subject,
        facts.not_before,
        facts.not_after
    )
}

fn new_key() -> Result<PrivateKey, Box<dyn Error>> {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
        .map_err(|_| "no randomness")?;
    Ok(PrivateKey::from_pkcs8_der(pkcs8.as_ref())?)
}

fn new_serial() -> Result<Serial, Box<dyn Error>> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| "no randomness")?;
    Ok(Serial::from_random(bytes))
}
