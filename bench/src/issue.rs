//! A root and a leaf, beside the bare cryptography that they need.

use std::hint::black_box;

use certgen::{LeafRequest, RootRequest, ServerNames, UnixTime, issue_leaf, issue_root};
use kube_adapter::SystemEntropy;
use ring::{
    error::Unspecified,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rotator_core::{Entropy, Policy};
use scenarios::Failure;

use crate::{figure::Figures, stopwatch::in_turn};

const CALLS: u32 = 200;
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const END: UnixTime = UnixTime::from_secs(1_810_000_000);

/// As large as what is signed in a certificate of ours.
const TO_BE_SIGNED: [u8; 400] = [0x30; 400];

pub(crate) fn measure(figures: &mut Figures) -> Result<(), Failure> {
    let names = ServerNames::for_service("guard", "guard-system")?;
    let random = SystemRandom::new();
    let ours = || root_and_leaf(&names);
    let bare = || bare_cryptography(&random).map_err(|_| Failure::from("no cryptography"));
    let (ours, bare) = in_turn(CALLS, ours, bare)?;
    let ratio = ours.as_secs_f64() / bare.as_secs_f64();
    figures.require(
        "root and leaf issued, both keys made",
        format_args!("{ours:.1?}, {ratio:.2} × the bare cryptography ({bare:.1?})"),
        "≤ 1.25 ×",
        ratio <= 1.25,
    )?;
    Ok(())
}

fn root_and_leaf(names: &ServerNames) -> Result<(), Failure> {
    let entropy = SystemEntropy::new();
    let algorithm = Policy::standard().algorithm();
    let root_key = entropy.private_key(algorithm)?;
    let request = RootRequest {
        common_name: "guard.guard-system webhook CA g1 00000000",
        serial: entropy.serial()?,
        not_before: NOW,
        not_after: END,
    };
    let root = issue_root(&request, &root_key)?;
    let leaf_key = entropy.private_key(algorithm)?;
    let request = LeafRequest {
        names,
        public_key: leaf_key.public_key(),
        serial: entropy.serial()?,
        not_after: END,
    };
    black_box(issue_leaf(&request, &root, &root_key)?);
    Ok(())
}

/// Two keys made and read, two signatures: no program that keeps its keys can do with less.
fn bare_cryptography(random: &SystemRandom) -> Result<(), Unspecified> {
    for _ in 0..2 {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, random)?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), random)
            .map_err(|_| Unspecified)?;
        black_box(key.sign(random, &TO_BE_SIGNED)?);
    }
    Ok(())
}
