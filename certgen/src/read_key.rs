//! Which public keys Go reads.

use crate::asn1::{Malformed, Reader, must, tag};

const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const DSA: &[u8] = b"\x2a\x86\x48\xce\x38\x04\x01";
const ECDSA: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const X25519: &[u8] = b"\x2b\x65\x6e";
const ED25519: &[u8] = b"\x2b\x65\x70";

/// The curves, each with the number of bytes of a coordinate.
const CURVES: [(&[u8], usize); 4] = [
    (b"\x2b\x81\x04\x00\x21", 28),
    (b"\x2a\x86\x48\xce\x3d\x03\x01\x07", 32),
    (b"\x2b\x81\x04\x00\x22", 48),
    (b"\x2b\x81\x04\x00\x23", 66),
];

const NULL: &[u8] = &[5, 0];

/// Whether Go reads the `SubjectPublicKeyInfo`: the key must fit if Go knows its algorithm. Does not check whether a
/// point is on its curve.
pub(crate) fn read_key(info: &[u8]) -> Result<(), Malformed> {
    let mut info = Reader::new(info).read(tag::SEQUENCE)?;
    let mut algorithm = info.read(tag::SEQUENCE)?;
    let (id, parameters) = algorithm.algorithm()?;
    let (unused, key) = info.bits()?;
    // Go shifts the bits to the right before it looks at them, which leaves no key.
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

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        let length = if length < 0x80 {
            vec![length]
        } else {
            vec![0x81, length]
        };
        [&[tag], &length[..], content].concat()
    }

    fn integers(values: &[&[u8]]) -> Vec<u8> {
        let all: Vec<_> = values.iter().map(|value| der(2, value)).collect();
        der(0x30, &all.concat())
    }

    /// Whether Go reads a key of this algorithm, with these parameters and bits.
    fn reads(id: &[u8], parameters: &[u8], unused: u8, key: &[u8]) -> bool {
        let algorithm = der(0x30, &[&der(6, id), parameters].concat());
        let key = der(3, &[&[unused], key].concat());
        read_key(&der(0x30, &[algorithm, key].concat())).is_ok()
    }

    #[test]
    fn an_rsa_key_is_a_positive_modulus_and_a_positive_exponent() {
        let sound = integers(&[&[5], &[3]]);
        assert!(reads(RSA, NULL, 0, &sound));
        assert!(!reads(RSA, &[], 0, &sound));
        assert!(!reads(RSA, NULL, 1, &sound));
        for damaged in [[[0], [3]], [[0x80], [3]], [[5], [0]], [[5], [0x80]]] {
            let [modulus, exponent] = &damaged;
            assert!(!reads(RSA, NULL, 0, &integers(&[modulus, exponent])));
        }
    }

    #[test]
    fn a_point_is_uncompressed_and_as_long_as_its_curve_asks() {
        for (curve, size) in CURVES {
            let mut point = vec![9; 1 + 2 * size];
            point[0] = 4;
            assert!(reads(ECDSA, &der(6, curve), 0, &point));
            assert!(!reads(ECDSA, &der(6, curve), 0, &point[1..]));
            point[0] = 2;
            assert!(!reads(ECDSA, &der(6, curve), 0, &point));
        }
        assert!(!reads(ECDSA, &der(6, RSA), 0, &[4; 65]));
    }

    #[test]
    fn other_keys_are_read_if_go_knows_them_and_passed_if_not() {
        for id in [ED25519, X25519] {
            assert!(reads(id, &[], 0, &[9; 32]));
            assert!(!reads(id, &[], 0, &[9; 31]) && !reads(id, NULL, 0, &[9; 32]));
        }
        let sound = integers(&[&[5], &[3], &[2]]);
        assert!(reads(DSA, &sound, 0, &der(2, &[7])));
        assert!(!reads(DSA, &sound, 0, &der(2, &[0])));
        assert!(!reads(
            DSA,
            &integers(&[&[5], &[3], &[0]]),
            0,
            &der(2, &[7])
        ));
        assert!(!reads(DSA, &integers(&[&[5], &[3]]), 0, &der(2, &[7])));
        assert!(reads(&[0x2a], NULL, 3, &[0xf8]));
    }
}
