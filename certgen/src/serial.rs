//! Serial numbers.

/// A certificate's serial number: 16 bytes, positive, not zero (RFC 5280 §4.1.2.2).
///
/// Always made from randomness: two certificates of one issuer must not share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serial([u8; 16]);

impl Serial {
    /// Makes a serial from random bytes. Takes 126 of the 128 bits; the highest two are fixed, so that every serial is
    /// positive and equally long.
    pub const fn from_random(bytes: [u8; 16]) -> Self {
        let random = u128::from_be_bytes(bytes);
        Self(((random & (u128::MAX >> 2)) | (1 << 126)).to_be_bytes())
    }

    /// Big-endian, as in the certificate.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The last four bytes: a short tag for people.
    pub const fn tail(&self) -> [u8; 4] {
        let [.., a, b, c, d] = self.0;
        [a, b, c, d]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_positive_and_never_shorter() {
        for bytes in [[0; 16], [0xff; 16]] {
            let serial = Serial::from_random(bytes);
            assert_eq!(serial.as_bytes()[0] & 0xc0, 0x40);
            assert_eq!(serial.as_bytes()[1..], bytes[1..]);
        }
    }

    #[test]
    fn its_tail_is_its_last_four_bytes() {
        let serial =
            Serial::from_random(core::array::from_fn(|place| u8::try_from(place).unwrap()));
        assert_eq!(serial.tail(), [12, 13, 14, 15]);
    }
}
