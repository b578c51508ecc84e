//! The facts in a certificate: its fields and extensions, as read.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use crate::{key::PublicKey, name::ServerNames, time::UnixTime};

/// The facts in a certificate: its fields and extensions, as read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and none excludes another"
)]
pub struct Facts {
    /// The subject, for display: without control characters, and shortened if it is very long.
    pub subject: String,
    /// The subject's DER: names are the same only if these bytes are.
    pub raw_subject: Vec<u8>,
    /// The issuer's DER.
    pub raw_issuer: Vec<u8>,
    /// The serial number, big-endian.
    pub serial: Vec<u8>,
    /// The first second of its validity.
    pub not_before: UnixTime,
    /// The last second of its validity.
    pub not_after: UnixTime,
    /// The subject key identifier.
    pub subject_key_id: Option<Vec<u8>>,
    /// The authority key identifier.
    pub authority_key_id: Option<Vec<u8>>,
    /// Whether basic constraints are present and say CA:TRUE.
    pub is_ca: bool,
    /// Whether basic constraints are present at all.
    pub has_basic_constraints: bool,
    /// How many CAs may follow it in a chain; `None`: any number.
    pub path_len: Option<u32>,
    /// What its key may be used for; `None`: anything.
    pub key_usage: Option<KeyUsage>,
    /// What the certificate may be used for; `None`: anything.
    pub extended_key_usage: Option<ExtendedKeyUsage>,
    /// Its DNS names, as written.
    pub dns_names: Vec<String>,
    /// Its addresses.
    pub ip_addresses: Vec<IpAddr>,
    /// Its public key.
    pub public_key: PublicKey,
    pub(crate) version: u32,
    pub(crate) raw_names: Option<Vec<u8>>,
    pub(crate) has_constraints: bool,
    pub(crate) has_unknown_critical: bool,
}

/// What a key may be used for (RFC 5280 §4.2.1.3), as far as this product asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyUsage {
    /// Sign data, as a server does in a handshake.
    pub digital_signature: bool,
    /// Sign certificates.
    pub cert_sign: bool,
    /// Sign revocation lists.
    pub crl_sign: bool,
}

/// What a certificate may be used for (RFC 5280 §4.2.1.12), as far as this product asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtendedKeyUsage {
    /// Anything.
    pub any: bool,
    /// To be a TLS server.
    pub server_auth: bool,
    /// To be a TLS client.
    pub client_auth: bool,
}

impl Facts {
    /// Those of its names that a server can have; `None` if there are none.
    pub fn server_names(&self) -> Option<ServerNames> {
        let dns = self.dns_names.iter().filter_map(|name| name.parse().ok());
        ServerNames::new(dns, self.ip_addresses.iter().copied()).ok()
    }

    /// Whether it may sign certificates, as Go reads RFC 5280 §4.2.1.9 and §4.2.1.3.
    pub(crate) fn may_sign(&self) -> bool {
        let constrained = (self.version == 3 && !self.has_basic_constraints)
            || (self.has_basic_constraints && !self.is_ca);
        !constrained && self.key_usage.is_none_or(|usage| usage.cert_sign)
    }
}
