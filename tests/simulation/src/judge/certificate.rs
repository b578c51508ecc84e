//! A certificate as the judge reads it: by x509-parser, with nothing of the product's own reader.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, UnparsedPublicKey,
    VerificationAlgorithm,
};
use x509_parser::{
    extensions::{GeneralName, ParsedExtension},
    prelude::{FromDer as _, X509Certificate},
};

#[derive(Clone, Debug)]
pub(crate) struct Cert {
    pub(crate) der: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) public_key: Vec<u8>,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    /// Basic constraints say CA:TRUE.
    pub(crate) is_ca: bool,
    pub(crate) path_len: Option<u32>,
    /// Key usage is absent or has keyCertSign.
    pub(crate) may_sign: bool,
    /// Extended key usage is absent or has serverAuth.
    pub(crate) may_serve: bool,
    pub(crate) names: Vec<String>,
    raw_names: Vec<u8>,
    to_be_signed: Vec<u8>,
    signature: Vec<u8>,
    algorithm: String,
    key_bits: Vec<u8>,
}

impl Cert {
    /// Reads one certificate; none if these bytes are not one, or one that the judge does not understand in full.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let (rest, parsed) = X509Certificate::from_der(der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let mut cert = Self {
            der: der.to_vec(),
            subject: parsed.subject().as_raw().to_vec(),
            issuer: parsed.issuer().as_raw().to_vec(),
            public_key: parsed.public_key().raw.to_vec(),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            is_ca: false,
            path_len: None,
            may_sign: true,
            may_serve: true,
            names: Vec::new(),
            raw_names: Vec::new(),
            to_be_signed: parsed.tbs_certificate.as_ref().to_vec(),
            signature: parsed.signature_value.data.to_vec(),
            algorithm: parsed.signature_algorithm.algorithm.to_id_string(),
            key_bits: parsed.public_key().subject_public_key.data.to_vec(),
        };
        for extension in parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::BasicConstraints(constraints) => {
                    cert.is_ca = constraints.ca;
                    cert.path_len = constraints.path_len_constraint;
                }
                ParsedExtension::KeyUsage(usage) => cert.may_sign = usage.key_cert_sign(),
                ParsedExtension::ExtendedKeyUsage(usage) => {
                    cert.may_serve = usage.any || usage.server_auth;
                }
                ParsedExtension::SubjectAlternativeName(names) => {
                    cert.raw_names = extension.value.to_vec();
                    let dns = names.general_names.iter().filter_map(|name| match name {
                        GeneralName::DNSName(name) => Some((*name).to_owned()),
                        _ => None,
                    });
                    cert.names = dns.collect();
                }
                ParsedExtension::SubjectKeyIdentifier(_)
                | ParsedExtension::AuthorityKeyIdentifier(_) => {}
                _ if extension.critical => return None,
                _ => {}
            }
        }
        Some(cert)
    }

    /// Whether the key of `issuer` made this signature. Names are the caller's to compare.
    pub(crate) fn is_signed_by(&self, issuer: &Self) -> bool {
        let algorithm: &dyn VerificationAlgorithm = match self.algorithm.as_str() {
            "1.2.840.10045.4.3.2" => &ECDSA_P256_SHA256_ASN1,
            "1.2.840.10045.4.3.3" => &ECDSA_P384_SHA384_ASN1,
            "1.3.101.112" => &ED25519,
            _ => return false,
        };
        UnparsedPublicKey::new(algorithm, &issuer.key_bits)
            .verify(&self.to_be_signed, &self.signature)
            .is_ok()
    }

    /// Go takes certificates with the same subject, key and names for one entity, which stands in a path once.
    pub(crate) fn is_same_entity(&self, other: &Self) -> bool {
        self.subject == other.subject
            && self.public_key == other.public_key
            && self.raw_names == other.raw_names
    }

    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}
