//! Makes certificates that the product would never make.

use certgen::{KeyAlgorithm, PrivateKey};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, SerialNumber,
};
use rotator_core::Entropy as _;
use time::OffsetDateTime;

use crate::{
    chance::Chance,
    error::JudgeError,
    life::{DNS, IPV4, START},
    pem,
};

pub(super) const DAY: i64 = 24 * 3600;

/// Parameters and a key: what a certificate is made from, by whomever it is signed.
pub(super) struct Draft {
    pub(super) params: CertificateParams,
    pub(super) key: PrivateKey,
}

/// Two generations as the product makes them, to be damaged.
pub(super) struct Workshop {
    algorithm: KeyAlgorithm,
    chance: Chance,
    pub(super) old: Draft,
    pub(super) new: Draft,
    pub(super) leaf: Draft,
}

impl Workshop {
    pub(super) fn new(algorithm: KeyAlgorithm, seed: u64) -> Result<Self, JudgeError> {
        let chance = Chance::new(seed);
        Ok(Self {
            algorithm,
            old: ca(&chance, algorithm, "old", 0, 100)?,
            new: ca(&chance, algorithm, "new", 0, 120)?,
            leaf: leaf(&chance, algorithm)?,
            chance,
        })
    }

    /// A CA that is valid for the first hundred days.
    pub(super) fn ca(&self, name: &str) -> Result<Draft, JudgeError> {
        ca(&self.chance, self.algorithm, name, 0, 100)
    }

    /// A CA that is valid from one day to another.
    pub(super) fn ca_of(&self, name: &str, from: i64, to: i64) -> Result<Draft, JudgeError> {
        ca(&self.chance, self.algorithm, name, from, to)
    }

    pub(super) fn leaf(&self) -> Result<Draft, JudgeError> {
        leaf(&self.chance, self.algorithm)
    }
}

impl Draft {
    /// The same key and parameters, but for a change.
    pub(super) fn changed(
        &self,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Result<Self, JudgeError> {
        let mut params = self.params.clone();
        change(&mut params);
        let key = duplicate(&self.key)?;
        Ok(Self { params, key })
    }

    pub(super) fn self_signed(&self) -> Result<Vec<u8>, JudgeError> {
        let made = self.params.self_signed(&self.key);
        made.map(|made| made.der().to_vec())
            .map_err(|_| JudgeError::Settings)
    }

    pub(super) fn under(&self, issuer: &Self) -> Result<Vec<u8>, JudgeError> {
        let issuer = Issuer::from_params(&issuer.params, &issuer.key);
        let made = self.params.signed_by(&self.key, &issuer);
        made.map(|made| made.der().to_vec())
            .map_err(|_| JudgeError::Settings)
    }

    /// The self-signed certificate as PEM.
    pub(super) fn pem(&self) -> Result<String, JudgeError> {
        self.self_signed().map(|der| pem::certificate(&der))
    }
}

pub(super) fn day(day: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(START + day * DAY).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn ca(
    chance: &Chance,
    algorithm: KeyAlgorithm,
    name: &str,
    from: i64,
    to: i64,
) -> Result<Draft, JudgeError> {
    let mut params = params(chance, name, Vec::new())?;
    params.not_before = day(from);
    params.not_after = day(to);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = chance
        .private_key(algorithm)
        .map_err(|_| JudgeError::Settings)?;
    Ok(Draft { params, key })
}

fn leaf(chance: &Chance, algorithm: KeyAlgorithm) -> Result<Draft, JudgeError> {
    let mut params = params(chance, "leaf", vec![DNS.to_owned(), IPV4.to_owned()])?;
    params.not_before = day(0);
    params.not_after = day(50);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = chance
        .private_key(algorithm)
        .map_err(|_| JudgeError::Settings)?;
    Ok(Draft { params, key })
}

fn params(
    chance: &Chance,
    name: &str,
    names: Vec<String>,
) -> Result<CertificateParams, JudgeError> {
    let mut params = CertificateParams::new(names).map_err(|_| JudgeError::Settings)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let serial = chance.serial().map_err(|_| JudgeError::Settings)?;
    params.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn duplicate(key: &PrivateKey) -> Result<PrivateKey, JudgeError> {
    let pem = key.expose_pkcs8_pem();
    PrivateKey::from_pem(pem.as_bytes()).map_err(|_| JudgeError::Settings)
}
