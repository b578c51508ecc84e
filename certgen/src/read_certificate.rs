//! Reads a certificate as Go's `crypto/x509` does. Accepts what Go accepts, since an API server trusts it; refuses what
//! Go refuses, but for keys that are on no curve and some invalid names, which do no harm.

use alloc::{
    collections::BTreeSet,
    string::{String, ToString as _},
    vec::Vec,
};

use x509_parser::{prelude::FromDer as _, x509::X509Name};

use crate::{
    asn1::{Malformed, Reader, must, tag},
    asn1_time,
    facts::Facts,
    key::PublicKey,
    read_extension::read_extension,
    read_key::read_key,
    time::UnixTime,
};

/// Why bytes are not a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The bytes are not the DER of an X.509 certificate.
    #[error("not an X.509 certificate")]
    Malformed,
    /// Bytes follow the certificate.
    #[error("{count} bytes follow the certificate")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// An extension occurs twice (RFC 5280 §4.2).
    #[error("an extension stands twice")]
    DuplicateExtension,
}

/// Reads the facts of the one certificate in `der`.
pub(crate) fn read_certificate(der: &[u8]) -> Result<Facts, CertificateError> {
    let mut reader = Reader::new(der);
    let mut certificate = reader.read(tag::SEQUENCE)?;
    if !reader.is_empty() {
        return Err(CertificateError::TrailingBytes {
            count: reader.rest().len(),
        });
    }
    let mut signed = certificate.read(tag::SEQUENCE)?;
    let mut facts = read_signed(&mut signed, &mut certificate)?;
    read_extensions(&mut facts, &mut signed)?;
    // Go ignores what follows the signature or the extensions, too.
    certificate.bits()?;
    facts.subject = for_people(&readable(&facts.raw_subject));
    Ok(facts)
}

/// Reads everything before the extensions, and the algorithm that is repeated outside.
fn read_signed(signed: &mut Reader<'_>, outside: &mut Reader<'_>) -> Result<Facts, Malformed> {
    let version = read_version(signed)?;
    let serial = signed.integer(tag::INTEGER)?;
    must(serial.first().is_some_and(|byte| byte & 0x80 == 0))?;
    let mut algorithm = signed.read(tag::SEQUENCE)?;
    must(outside.read(tag::SEQUENCE)? == algorithm)?;
    algorithm.algorithm()?;
    let raw_issuer = read_name(signed)?;
    let mut validity = signed.read(tag::SEQUENCE)?;
    let not_before = asn1_time::read(&mut validity)?;
    let not_after = asn1_time::read(&mut validity)?;
    let raw_subject = read_name(signed)?;
    let key = signed.element(tag::SEQUENCE)?;
    read_key(key)?;
    Ok(Facts {
        serial: serial.to_vec(),
        not_before,
        not_after,
        version,
        ..Facts::new(raw_subject, raw_issuer, PublicKey::from_spki(key))
    })
}

/// Reads the version: 1, 2 or 3.
fn read_version(signed: &mut Reader<'_>) -> Result<u32, Malformed> {
    let Some(mut version) = signed.optional(tag::constructed(0))? else {
        return Ok(1);
    };
    let number = version.small_integer(tag::INTEGER)?;
    must(version.is_empty() && (0..3).contains(&number))?;
    u32::try_from(number + 1).map_err(|_| Malformed)
}

/// Reads a distinguished name, whose values must all be strings, and returns its bytes.
fn read_name(reader: &mut Reader<'_>) -> Result<Vec<u8>, Malformed> {
    let raw = reader.element(tag::SEQUENCE)?;
    let mut name = Reader::new(raw).read(tag::SEQUENCE)?;
    while !name.is_empty() {
        let mut set = name.read(tag::SET)?;
        while !set.is_empty() {
            let mut attribute = set.read(tag::SEQUENCE)?;
            attribute.oid()?;
            let value = attribute.any()?;
            must(is_string(value.tag, value.content))?;
        }
    }
    Ok(raw.to_vec())
}

/// Whether a value is a string, as Go's `parseASN1String` decides.
fn is_string(tag: u8, content: &[u8]) -> bool {
    match tag {
        // T61String: read as Latin-1.
        0x14 => true,
        // PrintableString, and what is found in its place.
        0x13 => content
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"'()+,-./ :=?*&".contains(byte)),
        // UTF8String
        0x0c => core::str::from_utf8(content).is_ok(),
        // BMPString
        0x1e => is_bmp(content),
        // IA5String
        0x16 => content.is_ascii(),
        // NumericString
        0x12 => content
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b' '),
        _ => false,
    }
}

fn is_bmp(content: &[u8]) -> bool {
    let content = content.strip_suffix(&[0, 0]).unwrap_or(content);
    let (points, rest) = content.as_chunks::<2>();
    let is_point = |point: &[u8; 2]| {
        let point = u16::from_be_bytes(*point);
        !matches!(point, 0xfffe | 0xffff | 0xfdd0..=0xfdef | 0xd800..=0xdfff)
    };
    rest.is_empty() && points.iter().all(is_point)
}

/// Reads the extensions, which version 3 has; each may occur once.
fn read_extensions(facts: &mut Facts, signed: &mut Reader<'_>) -> Result<(), CertificateError> {
    if facts.version == 1 {
        return Ok(());
    }
    signed.optional(tag::context(1))?;
    signed.optional(tag::context(2))?;
    if facts.version == 2 {
        return Ok(());
    }
    let Some(mut extensions) = signed.optional(tag::constructed(3))? else {
        return Ok(());
    };
    let mut extensions = extensions.read(tag::SEQUENCE)?;
    let mut seen = BTreeSet::new();
    while !extensions.is_empty() {
        let mut extension = extensions.read(tag::SEQUENCE)?;
        let id = extension.oid()?;
        let is_critical = extension.is_next(tag::BOOLEAN) && extension.boolean()?;
        let value = extension.read(tag::OCTET_STRING)?.rest();
        if !seen.insert(id) {
            return Err(CertificateError::DuplicateExtension);
        }
        read_extension(facts, id, is_critical, value)?;
    }
    Ok(())
}

/// Makes a text safe for logs: an attacker may have written it.
fn for_people(text: &str) -> String {
    const LONGEST: usize = 200;
    text.chars()
        .take(LONGEST)
        .map(|c| if misleads(c) { '\u{fffd}' } else { c })
        .collect()
}

/// Whether a character can make a log line read otherwise than it is: control characters, and those that change the
/// direction or the place of their neighbours (Unicode Standard Annex 9 §2).
fn misleads(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// The name in readable form, for display only.
fn readable(name: &[u8]) -> String {
    X509Name::from_der(name)
        .map(|(_, name)| name.to_string())
        .unwrap_or_default()
}

impl From<Malformed> for CertificateError {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

impl Facts {
    /// Makes the facts of a certificate without extensions, valid from 1970 to 1970.
    pub(crate) fn new(raw_subject: Vec<u8>, raw_issuer: Vec<u8>, public_key: PublicKey) -> Self {
        Self {
            subject: String::new(),
            raw_subject,
            raw_issuer,
            serial: Vec::new(),
            not_before: UnixTime::from_secs(0),
            not_after: UnixTime::from_secs(0),
            subject_key_id: None,
            authority_key_id: None,
            is_ca: false,
            has_basic_constraints: false,
            path_len: None,
            key_usage: None,
            extended_key_usage: None,
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            public_key,
            version: 3,
            raw_names: None,
            has_constraints: false,
            has_unknown_critical: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_string_has_its_characters() {
        for (tag, sound, damaged) in [
            (0x12, &b"1 2"[..], &b"1a2"[..]),
            (0x13, b"a-Z 0.9", b"a@b"),
            (0x0c, "ä".as_bytes(), b"\xff"),
            (0x16, b"a@b", b"\xff"),
            (0x1e, b"\0a\0b\0\0", b"\0a\0"),
            (0x1e, b"\0a", b"\xd8\0"),
        ] {
            assert!(is_string(tag, sound), "{tag}");
            assert!(!is_string(tag, damaged), "{tag}");
        }
        assert!(is_string(0x14, b"\xff") && !is_string(0x04, b"a"));
    }
}
