//! HTTP/2 frames written by hand: no library sends what an attack sends.

/// What a client says first.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The longest frame that every server takes.
pub(crate) const LONGEST: usize = 16_384;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GO_AWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// The identifiers of two settings.
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;
pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;

/// RFC 9113, section 4.1: length, type, flags, stream, payload.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    let mut bytes = Vec::with_capacity(9 + payload.len());
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

pub(crate) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in values {
        payload.extend_from_slice(&name.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &payload)
}

/// The headers of `POST /admit`, in HPACK (RFC 7541) without a table and without Huffman's code.
pub(crate) fn post(content_length: u64) -> Vec<u8> {
    // By number in the static table: the method, then the scheme.
    let mut block = vec![0x83, 0x87];
    // Names by number, values as text: path (4), authority (1), content-type (31), content-length (28).
    literal(&mut block, &[0x04], "/admit");
    literal(&mut block, &[0x01], "guard.guard-system.svc");
    literal(&mut block, &[0x0f, 0x10], "application/json");
    literal(&mut block, &[0x0f, 0x0d], &content_length.to_string());
    block
}

/// The headers of `GET /`.
pub(crate) fn get() -> Vec<u8> {
    let mut block = vec![0x82, 0x87, 0x84];
    literal(&mut block, &[0x01], "guard.guard-system.svc");
    block
}

/// A header whose name is text, too.
pub(crate) fn header(name: &str, value: &str) -> Vec<u8> {
    let mut block = Vec::new();
    literal(&mut block, &[0x00], name);
    text(&mut block, value);
    block
}

/// A header that the server puts into its table: the first in it is then number 62.
pub(crate) fn header_to_remember(name: &str, value: &str) -> Vec<u8> {
    let mut block = Vec::new();
    literal(&mut block, &[0x40], name);
    text(&mut block, value);
    block
}

/// The first header in the server's table, in one byte.
pub(crate) const REMEMBERED: u8 = 0x80 | 0x3e;

fn literal(block: &mut Vec<u8>, name: &[u8], value: &str) {
    block.extend_from_slice(name);
    text(block, value);
}

/// RFC 7541, section 5.2: the length with a prefix of seven bits, then the bytes.
fn text(block: &mut Vec<u8>, value: &str) {
    let length = value.len();
    if let Ok(short @ ..127) = u8::try_from(length) {
        block.push(short);
    } else {
        block.push(127);
        let mut rest = length.saturating_sub(127);
        while rest >= 128 {
            block.push(u8::try_from(rest % 128).unwrap_or_default() | 0x80);
            rest /= 128;
        }
        block.push(u8::try_from(rest).unwrap_or_default());
    }
    block.extend_from_slice(value.as_bytes());
}

/// A frame's first nine bytes, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Head {
    pub(crate) fn read(bytes: [u8; 9]) -> Self {
        let [a, b, c, kind, flags, stream @ ..] = bytes;
        Self {
            length: usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or_default(),
            kind,
            flags,
            stream: u32::from_be_bytes(stream) & 0x7fff_ffff,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let bytes = frame(HEADERS, END_HEADERS, 5, &[7; 300]);
        let head: [u8; 9] = bytes[..9].try_into().unwrap();
        let expected = Head {
            length: 300,
            kind: HEADERS,
            flags: END_HEADERS,
            stream: 5,
        };
        assert_eq!(Head::read(head), expected);
    }

    #[test]
    fn a_long_text_has_the_length_of_rfc_7541() {
        let mut block = Vec::new();
        text(&mut block, &"a".repeat(1337 + 96));
        // 1433 = 127 + 26 + 10 × 128.
        assert_eq!(&block[..3], &[127, 0x1a | 0x80, 10]);
    }
}
