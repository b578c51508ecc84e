//! Writes the little DER that older key formats need: an envelope around the same key.

use alloc::vec::Vec;

use x509_parser::der_parser::asn1_rs::{
    FromDer as _, Integer, OctetString, Oid, Sequence, TaggedExplicit,
};
use zeroize::Zeroizing;

/// `AlgorithmIdentifier { rsaEncryption, NULL }` (RFC 3279 §2.3.1).
const RSA: &[u8] = &[
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];
/// `AlgorithmIdentifier { ecPublicKey, prime256v1 }` (RFC 5480 §2.1.1).
const P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
    0xce, 0x3d, 0x03, 0x01, 0x07,
];
/// `AlgorithmIdentifier { ecPublicKey, secp384r1 }`.
const P384: &[u8] = &[
    0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04,
    0x00, 0x22,
];

/// Wraps a PKCS#1 RSA key in a PKCS#8 envelope (RFC 5958 §2).
pub(crate) fn pkcs1_to_pkcs8(pkcs1: &[u8]) -> Zeroizing<Vec<u8>> {
    envelope(RSA, pkcs1)
}

/// Wraps a SEC1 key (RFC 5915 §3) in a PKCS#8 envelope; `None` if its curve is not one of ours. The key names its
/// curve, or its length determines it.
pub(crate) fn sec1_to_pkcs8(sec1: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (_, sequence) = Sequence::from_der(sec1).ok()?;
    let (rest, _version) = Integer::from_der(&sequence.content).ok()?;
    let (rest, key) = OctetString::from_der(rest).ok()?;
    let named =
        TaggedExplicit::<Oid<'_>, x509_parser::der_parser::error::BerError, 0>::from_der(rest).ok();
    let named = named.map(|(_, oid)| oid.into_inner().to_id_string());
    let algorithm = match (named.as_deref(), key.as_ref().len()) {
        (Some("1.2.840.10045.3.1.7") | None, 32) => P256,
        (Some("1.3.132.0.34") | None, 48) => P384,
        _ => return None,
    };
    Some(envelope(algorithm, sec1))
}

/// The `SubjectPublicKeyInfo` of an RSA public key.
pub(crate) fn rsa_spki(public: &[u8]) -> Vec<u8> {
    let mut bits = alloc::vec![0];
    bits.extend_from_slice(public);
    let mut content = RSA.to_vec();
    content.extend(tagged(0x03, &bits).iter());
    tagged(0x30, &content).to_vec()
}

fn envelope(algorithm: &[u8], key: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut content = Zeroizing::new(alloc::vec![0x02, 0x01, 0x00]);
    content.extend_from_slice(algorithm);
    content.extend_from_slice(&tagged(0x04, key));
    tagged(0x30, &content)
}

fn tagged(tag: u8, content: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(content.len() + 6));
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | u8::try_from(significant.len()).unwrap_or(0));
            out.extend_from_slice(&significant);
        }
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_written_in_as_few_bytes_as_der_allows() {
        for (length, written) in [
            (0, &[0][..]),
            (127, &[127]),
            (128, &[0x81, 128]),
            (255, &[0x81, 255]),
            (256, &[0x82, 1, 0]),
        ] {
            let content = alloc::vec![7; length];
            let expected = [&[0x04], written, &content].concat();
            assert_eq!(*tagged(0x04, &content), expected, "{length}");
        }
    }
}
