//! Reads DER as Go's `cryptobyte` does: accepts and refuses the same values.

/// Universal and context tags, as they stand in the first byte.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// `[number] IMPLICIT` of a primitive type.
    pub(crate) const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// `[number]` of a constructed type, or EXPLICIT.
    pub(crate) const fn constructed(number: u8) -> u8 {
        0xa0 | number
    }
}

/// The bytes that are still to be read. Each method takes one value off the front, or fails if it is not as expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reader<'a>(&'a [u8]);

/// One value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    pub(crate) tag: u8,
    /// The whole value, tag and length included.
    pub(crate) element: &'a [u8],
    pub(crate) content: &'a [u8],
}

/// The bytes are not the expected DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether the next value has this tag.
    pub(crate) fn is_next(self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// Reads a value of any tag. Lengths must be in their shortest form (X.690 §10.1); tags take one byte.
    pub(crate) fn any(&mut self) -> Result<Value<'a>, Malformed> {
        let (value, after) = first(self.0).ok_or(Malformed)?;
        self.0 = after;
        Ok(value)
    }

    /// Reads a value of this tag and returns a reader of its content.
    pub(crate) fn read(&mut self, tag: u8) -> Result<Self, Malformed> {
        let value = self.any()?;
        must(value.tag == tag)?;
        Ok(Self(value.content))
    }

    /// Reads a value of this tag and returns its bytes, tag and length included.
    pub(crate) fn element(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        let value = self.any()?;
        must(value.tag == tag)?;
        Ok(value.element)
    }

    /// Reads a value of this tag if it comes next.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Self>, Malformed> {
        if self.is_next(tag) {
            self.read(tag).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(crate) fn boolean(&mut self) -> Result<bool, Malformed> {
        match self.read(tag::BOOLEAN)?.0 {
            [0] => Ok(false),
            [0xff] => Ok(true),
            _ => Err(Malformed),
        }
    }

    /// Reads an integer in its shortest form and returns its bytes; the highest bit is the sign.
    pub(crate) fn integer(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        let bytes = self.read(tag)?.0;
        match bytes {
            [] | [0, 0..0x80, ..] | [0xff, 0x80..=0xff, ..] => Err(Malformed),
            _ => Ok(bytes),
        }
    }

    /// Reads an integer of at most eight bytes.
    pub(crate) fn small_integer(&mut self, tag: u8) -> Result<i64, Malformed> {
        let bytes = self.integer(tag)?;
        let is_negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
        let mut extended = [if is_negative { 0xff } else { 0 }; 8];
        let start = extended.len().checked_sub(bytes.len());
        let place = start.and_then(|start| extended.get_mut(start..));
        place.ok_or(Malformed)?.copy_from_slice(bytes);
        Ok(i64::from_be_bytes(extended))
    }

    /// Reads an algorithm's identifier and the bytes of its parameters, if any.
    pub(crate) fn algorithm(&mut self) -> Result<(&'a [u8], &'a [u8]), Malformed> {
        let id = self.oid()?;
        if self.is_empty() {
            return Ok((id, &[]));
        }
        Ok((id, self.any()?.element))
    }

    /// Reads an object identifier whose numbers are all below 2³¹, and returns its bytes.
    pub(crate) fn oid(&mut self) -> Result<&'a [u8], Malformed> {
        let bytes = self.long_oid()?;
        let mut arcs = bytes.split_inclusive(|byte| byte & 0x80 == 0);
        must(arcs.all(|arc| match arc {
            [high, _, _, _, _] => *high & 0x7f < 0x08,
            arc => arc.len() <= 5,
        }))?;
        Ok(bytes)
    }

    /// Reads an object identifier with numbers of any size, and returns its bytes.
    pub(crate) fn long_oid(&mut self) -> Result<&'a [u8], Malformed> {
        let bytes = self.read(tag::OID)?.0;
        let mut arcs = bytes.split_inclusive(|byte| byte & 0x80 == 0);
        must(bytes.last().is_some_and(|last| last & 0x80 == 0))?;
        must(arcs.all(|arc| arc.first() != Some(&0x80)))?;
        Ok(bytes)
    }

    /// Reads a bit string and returns the number of unused bits, each of which must be 0, and the bytes.
    pub(crate) fn bits(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let bits = self.read(tag::BIT_STRING)?.0;
        let (unused, bytes) = bits.split_first().ok_or(Malformed)?;
        let mask = 1_u8.checked_shl(u32::from(*unused)).ok_or(Malformed)?;
        let has_unused = match bytes.last() {
            None => *unused == 0,
            Some(last) => last & (mask - 1) == 0,
        };
        must(has_unused)?;
        Ok((*unused, bytes))
    }
}

/// Turns a condition into a `Result`, for `?`.
pub(crate) fn must(holds: bool) -> Result<(), Malformed> {
    if holds { Ok(()) } else { Err(Malformed) }
}

fn first(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (length, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        (long_length(length)?, rest)
    };
    let (content, after) = rest.split_at_checked(length)?;
    let (element, _) = bytes.split_at_checked(bytes.len() - after.len())?;
    let value = Value {
        tag: *tag,
        element,
        content,
    };
    Some((value, after))
}

fn long_length(bytes: &[u8]) -> Option<usize> {
    if bytes.is_empty() || bytes.len() > 4 || bytes.first() == Some(&0) {
        return None;
    }
    let length = bytes
        .iter()
        .fold(0_u32, |length, byte| (length << 8) | u32::from(*byte));
    usize::try_from(length)
        .ok()
        .filter(|length| *length >= 0x80)
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    fn read<'a, T>(
        der: &'a [u8],
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, Malformed>,
    ) -> Option<T> {
        read(&mut Reader::new(der)).ok()
    }

    #[test]
    fn lengths_are_as_short_as_can_be() {
        let value = |der| read(der, |reader| reader.any().map(|value| value.content.len()));
        assert_eq!(value(&[4, 0]), Some(0));
        assert_eq!(value(&[4, 0x81, 1, 9]), None);
        assert_eq!(value(&[4, 0x80]), None);
        let mut indefinite = [9; 0x82];
        (indefinite[0], indefinite[1]) = (4, 0x80);
        assert_eq!(value(&indefinite), None);
        assert_eq!(value(&[4, 2, 9]), None);
        let mut long = [9; 0x83];
        (long[0], long[1], long[2]) = (4, 0x81, 0x80);
        assert_eq!(value(&long), Some(0x80));
        assert_eq!(value(&[4, 0x85, 0, 0, 0, 0, 1, 9]), None);
        let five = [&[4, 0x85, 1, 0, 0, 0, 0x80][..], &[9; 0x80]].concat();
        assert_eq!(value(&five), None);
        let mut four = vec![9; 6 + (1 << 24)];
        four[..6].copy_from_slice(&[4, 0x84, 1, 0, 0, 0]);
        assert_eq!(value(&four), Some(1 << 24));
        assert_eq!(value(&[0x1f, 1, 9]), None);
    }

    #[test]
    fn truth_is_a_byte_of_ones_and_its_opposite_a_byte_of_zeros() {
        let value = |der| read(der, Reader::boolean);
        assert_eq!(value(&[1, 1, 0]), Some(false));
        assert_eq!(value(&[1, 1, 0xff]), Some(true));
        for refused in [&[1, 1, 1][..], &[1, 0], &[1, 2, 0, 0], &[2, 1, 0]] {
            assert_eq!(value(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn integers_are_as_short_as_can_be() {
        let value = |der| read(der, |reader| reader.small_integer(tag::INTEGER));
        assert_eq!(value(&[2, 1, 0]), Some(0));
        assert_eq!(value(&[2, 1, 0xff]), Some(-1));
        assert_eq!(value(&[2, 2, 0, 0x80]), Some(128));
        assert_eq!(value(&[2, 2, 0xff, 0x7f]), Some(-129));
        for refused in [
            &[2, 0][..],
            &[2, 2, 0, 0x7f],
            &[2, 2, 0xff, 0x80],
            &[4, 1, 0],
        ] {
            assert_eq!(value(refused), None, "{refused:?}");
        }
        assert_eq!(value(&[2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn numbers_of_an_object_identifier_are_below_2_to_the_31() {
        let value = |der| read(der, |reader| reader.oid().map(<[u8]>::len));
        assert_eq!(value(&[6, 3, 0x55, 0x1d, 0x0f]), Some(3));
        assert_eq!(value(&[6, 6, 0x55, 0x87, 0xff, 0xff, 0xff, 0x7f]), Some(6));
        for refused in [
            &[6, 0][..],
            &[6, 1, 0x80],
            &[6, 2, 0x55, 0x81],
            &[6, 3, 0x55, 0x80, 1],
            &[6, 6, 0x55, 0x88, 0x80, 0x80, 0x80, 0],
            &[6, 7, 0x55, 0x81, 0x80, 0x80, 0x80, 0x80, 0],
        ] {
            assert_eq!(value(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn unused_bits_are_zero_and_at_most_seven() {
        let value = |der| read(der, |reader| reader.bits().map(|(unused, _)| unused));
        assert_eq!(value(&[3, 2, 5, 0xa0]), Some(5));
        assert_eq!(value(&[3, 1, 0]), Some(0));
        for refused in [&[3, 0][..], &[3, 1, 1], &[3, 2, 5, 0xb0], &[3, 2, 8, 0]] {
            assert_eq!(value(refused), None, "{refused:?}");
        }
    }
}
