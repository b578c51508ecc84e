//! Makes certificates from given keys, names, times and serials.
//!
//! The profile: a leaf becomes valid with its root, a cross with the earlier of its two roots, and either expires no
//! later than its roots. Roots carry no path length, since a verifier would refuse the crosses below one that does.
//! Every certificate has subject and authority key identifiers. A leaf is named by its subject alternative names and is
//! for TLS servers only.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, SanType, SerialNumber,
    SubjectPublicKeyInfo,
};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::{
    certificate::Certificate,
    key::{PrivateKey, PublicKey},
    name::ServerNames,
    role::{CrossCert, LeafCert, RootCert},
    serial::Serial,
    time::UnixTime,
};

/// The content of a root to make.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a root says exactly this")]
pub struct RootRequest<'a> {
    /// The subject. Give each generation another one, since a verifier tries every root of one name.
    pub common_name: &'a str,
    /// Its serial number.
    pub serial: Serial,
    /// The first second of its validity.
    pub not_before: UnixTime,
    /// The last second of its validity.
    pub not_after: UnixTime,
}

/// The content of a leaf to make.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a leaf says exactly this")]
pub struct LeafRequest<'a> {
    /// The names that it is valid for.
    pub names: &'a ServerNames,
    /// The server's public key.
    pub public_key: &'a PublicKey,
    /// Its serial number.
    pub serial: Serial,
    /// The last second of its validity, unless its root expires earlier.
    pub not_after: UnixTime,
}

/// Makes a root for `key`, signed by the same key.
///
/// # Errors
///
/// [`IssueError`] if X.509 cannot express the times, or the end is before the start.
pub fn issue_root(request: &RootRequest<'_>, key: &PrivateKey) -> Result<RootCert, IssueError> {
    let mut params = params(
        request.common_name,
        request.serial,
        request.not_before,
        request.not_after,
    )?;
    authorise(&mut params);
    let issued = params.self_signed(key).map_err(|_| IssueError::Signing)?;
    Ok(RootCert::assumed(read_back(issued.der())?))
}

/// Makes a cross: the subject and key of root `subject`, signed by the key of root `issuer`.
///
/// It starts with the root that starts first, and expires with the one that expires first. So it is valid whenever both
/// are; and a `subject` that was made to start in the future, while the time was wrong, does not cut off `issuer` from
/// its successors.
///
/// # Errors
///
/// [`IssueError::KeyMismatch`] if `issuer_key` is not the issuer's, [`IssueError::PathLength`] if the issuer allows no
/// CA below it, [`IssueError::Times`] if `issuer` expires before `subject` becomes valid: the cross could join nothing.
pub fn issue_cross(
    subject: &RootCert,
    serial: Serial,
    issuer: &RootCert,
    issuer_key: &PrivateKey,
) -> Result<CrossCert, IssueError> {
    let (facts, above) = (subject.facts(), issuer.facts());
    if above.path_len == Some(0) {
        return Err(IssueError::PathLength);
    }
    let not_before = facts.not_before.min(above.not_before);
    let not_after = facts.not_after.min(above.not_after);
    if not_after < facts.not_before {
        return Err(IssueError::Times {
            not_before: facts.not_before,
            not_after,
        });
    }
    let common_name = common_name(subject).ok_or(IssueError::Subject)?;
    let mut params = params(&common_name, serial, not_before, not_after)?;
    authorise(&mut params);
    if let Some(id) = &facts.subject_key_id {
        params.key_identifier_method = KeyIdMethod::PreSpecified(id.clone());
    }
    let cross = sign(&params, &facts.public_key, issuer, issuer_key)?;
    if cross.facts().raw_subject == facts.raw_subject {
        Ok(CrossCert::assumed(cross))
    } else {
        Err(IssueError::Subject)
    }
}

/// Makes a leaf, signed by the key of root `issuer`. It becomes valid with the root, and expires as requested or with
/// the root.
///
/// # Errors
///
/// [`IssueError::KeyMismatch`] if `issuer_key` is not the issuer's, [`IssueError::Times`] if the leaf would expire
/// before it becomes valid.
pub fn issue_leaf(
    request: &LeafRequest<'_>,
    issuer: &RootCert,
    issuer_key: &PrivateKey,
) -> Result<LeafCert, IssueError> {
    let above = issuer.facts();
    let names = request.names;
    let mut params = params(
        &leaf_subject(names),
        request.serial,
        above.not_before,
        request.not_after.min(above.not_after),
    )?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = [KeyUsagePurpose::DigitalSignature].into();
    params.extended_key_usages = [ExtendedKeyUsagePurpose::ServerAuth].into();
    params.use_authority_key_identifier_extension = true;
    let dns = names
        .dns()
        .iter()
        .map(|name| name.as_str().try_into().map(SanType::DnsName));
    let ips = names.ips().iter().map(|ip| Ok(SanType::IpAddress(*ip)));
    let names: Result<Vec<_>, rcgen::Error> = dns.chain(ips).collect();
    params.subject_alt_names = names.map_err(|_| IssueError::Subject)?;
    Ok(LeafCert::assumed(sign(
        &params,
        request.public_key,
        issuer,
        issuer_key,
    )?))
}

fn params(
    common_name: &str,
    serial: Serial,
    not_before: UnixTime,
    not_after: UnixTime,
) -> Result<CertificateParams, IssueError> {
    let times = IssueError::Times {
        not_before,
        not_after,
    };
    let (Some(starts), Some(ends)) = (not_before.to_date_time(), not_after.to_date_time()) else {
        return Err(times);
    };
    if not_after < not_before {
        return Err(times);
    }
    let mut subject = DistinguishedName::new();
    subject.push(
        DnType::CommonName,
        DnValue::Utf8String(common_name.to_owned()),
    );
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
    params.not_before = starts;
    params.not_after = ends;
    Ok(params)
}

/// Sets `params` to those of a CA certificate.
fn authorise(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign].into();
    params.use_authority_key_identifier_extension = true;
}

fn sign(
    params: &CertificateParams,
    public_key: &PublicKey,
    issuer: &RootCert,
    issuer_key: &PrivateKey,
) -> Result<Certificate, IssueError> {
    // rcgen does not check this: it would sign with any key and still name this issuer.
    if !issuer.matches(issuer_key) {
        return Err(IssueError::KeyMismatch);
    }
    let public_key =
        SubjectPublicKeyInfo::from_der(public_key.spki_der()).map_err(|_| IssueError::Signing)?;
    let above = Issuer::from_ca_cert_der(&CertificateDer::from(issuer.der()), issuer_key)
        .map_err(|_| IssueError::Subject)?;
    let issued = params
        .signed_by(&public_key, &above)
        .map_err(|_| IssueError::Signing)?;
    let issued = read_back(issued.der())?;
    // Verifiers compare names byte by byte, so the issuer's name must be unchanged.
    if issued.facts().raw_issuer == issuer.facts().raw_subject {
        Ok(issued)
    } else {
        Err(IssueError::Subject)
    }
}

fn read_back(der: &[u8]) -> Result<Certificate, IssueError> {
    Certificate::from_der(der).map_err(|_| IssueError::Signing)
}

fn common_name(certificate: &Certificate) -> Option<String> {
    let (_, parsed) = X509Certificate::from_der(certificate.der()).ok()?;
    parsed
        .subject()
        .iter_common_name()
        .next()?
        .as_str()
        .ok()
        .map(ToOwned::to_owned)
}

/// The subject, for display only: verifiers look at the alternative names. RFC 5280 appendix A.1 allows 64 characters.
fn leaf_subject(names: &ServerNames) -> String {
    let first = names
        .dns()
        .first()
        .map(ToString::to_string)
        .filter(|name| name.len() <= 64);
    first.unwrap_or_else(|| "webhook".to_owned())
}

/// Why a certificate was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// X.509 cannot express the validity period, or it ends before it starts.
    #[error("no certificate can be valid from {not_before} to {not_after}")]
    Times {
        /// The requested start.
        not_before: UnixTime,
        /// The requested end.
        not_after: UnixTime,
    },
    /// The signing key is not that of the issuer's certificate.
    #[error("the signing key is not the key of the issuer's certificate")]
    KeyMismatch,
    /// The issuer's path length is 0: verifiers refuse any CA certificate below it.
    #[error("the issuer allows no CA certificate below it (its path length is 0)")]
    PathLength,
    /// The name of the subject or issuer cannot be written exactly as it is.
    #[error("the name of the subject or the issuer cannot be written as it stands")]
    Subject,
    /// The signature failed.
    #[error("signing failed")]
    Signing,
}
