//! Which public keys Go reads.

use crate::{
    asn1::{Malformed, Reader, must, tag},
    read_certificate::read_algorithm,
};

const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const DSA: &[u8] = b"\x2a\x86\x48\xce\x38\x04\x01";
const ECDSA: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const X25519: &[u8] = b"\x2b\x65\x6e";
const ED25519: &[u8] = b"\x2b\x65\x70";

/// Curves, and the bytes of a coordinate.
const CURVES: [(&[u8], usize); 4] = [
    (b"\x2b\x81\x04\x00\x21", 28),
    (b"\x2a\x86\x48\xce\x3d\x03\x01\x07", 32),
    (b"\x2b\x81\x04\x00\x22", 48),
    (b"\x2b\x81\x04\x00\x23", 66),
];

const NULL: &[u8] = &[5, 0];

/// Whether Go reads the `SubjectPublicKeyInfo`: of an algorithm that it knows, the key must be one. Whether a point is
/// on its curve is not looked at.
pub(crate) fn read_key(info: &[u8]) -> Result<(), Malformed> {
    let mut info = Reader::new(info).read(tag::SEQUENCE)?;
    let mut algorithm = info.read(tag::SEQUENCE)?;
    let (id, parameters) = read_algorithm(&mut algorithm)?;
    let (unused, key) = info.bits()?;
    // Go shifts the bits to the right before it looks at them: no key is left then.
    must(unused == 0 || !matches!(id, RSA | DSA | ECDSA))?;
    match id {
        RSA => must(parameters == NULL).and_then(|()| rsa(key)),
        DSA => dsa(parameters, key),
        ECDSA => point(parameters, key),
        ED25519 | X25519 => must(parameters.is_empty() && key.len() == 32),
        _ => Ok(()),
    }
}

fn rsa(key: &[u8]) -> Result<(), Malformed> {
    let mut key = Reader::new(key).read(tag::SEQUENCE)?;
    positive(&mut key)?;
    must(key.small_integer(tag::INTEGER)? > 0)
}

fn dsa(parameters: &[u8], key: &[u8]) -> Result<(), Malformed> {
    positive(&mut Reader::new(key))?;
    let mut parameters = Reader::new(parameters).read(tag::SEQUENCE)?;
    (0..3).try_for_each(|_| positive(&mut parameters))
}

fn positive(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let integer = reader.integer(tag::INTEGER)?;
    must(!matches!(integer, [0] | [0x80..=0xff, ..]))
}

fn point(parameters: &[u8], key: &[u8]) -> Result<(), Malformed> {
    let curve = Reader::new(parameters).oid()?;
    let size = CURVES.iter().find(|(id, _)| *id == curve);
    let (_, size) = size.ok_or(Malformed)?;
    must(key.first() == Some(&4) && key.len() == 1 + 2 * size)
}
