//! Reads PEM as Go's `encoding/pem` does, because Go reads a caBundle: any text may stand between blocks, a damaged
//! block is skipped, and what ends one block must end its line.

use alloc::{string::String, vec::Vec};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};

/// One decoded block.
pub(crate) struct Block<'a> {
    pub(crate) label: &'a [u8],
    pub(crate) has_headers: bool,
    pub(crate) bytes: Vec<u8>,
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";

/// Decodes base64 as Go does: requires padding, ignores spare bits of the last character.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// All blocks that Go would decode, in order.
pub(crate) fn blocks(text: &[u8]) -> impl Iterator<Item = Block<'_>> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let (block, after) = next(rest)?;
        rest = after;
        Some(block)
    })
}

/// How many blocks begin in `text`, decodable or not.
pub(crate) fn count_begins(text: &[u8]) -> usize {
    text.windows(BEGIN.len())
        .filter(|window| *window == BEGIN)
        .count()
}

/// The number of bytes that [`encode`] makes.
pub(crate) fn encoded_len(label: &str, bytes: &[u8]) -> usize {
    let base64 = bytes.len().div_ceil(3).saturating_mul(4);
    let line_ends = base64.saturating_sub(1) / 64;
    let frame = "-----BEGIN -----\n\n-----END -----\n".len();
    let labels = label.len().saturating_mul(2);
    [base64, line_ends, frame, labels]
        .into_iter()
        .fold(0, usize::saturating_add)
}

/// Encodes one block, in lines of 64 characters.
pub(crate) fn encode(label: &str, bytes: &[u8]) -> String {
    let base64 = STANDARD.encode(bytes);
    let mut text = String::with_capacity(base64.len() + base64.len() / 64 + 64);
    for part in ["-----BEGIN ", label, "-----\n"] {
        text.push_str(part);
    }
    for (position, character) in base64.chars().enumerate() {
        if position > 0 && position % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    for part in ["\n-----END ", label, "-----\n"] {
        text.push_str(part);
    }
    text
}

/// The first decodable block and the text after it, by the steps of Go's `pem.Decode`: a line with a colon counts as a
/// header even where it ends a block, and then everything after it is lost.
fn next(text: &[u8]) -> Option<(Block<'_>, &[u8])> {
    let mut rest = text;
    let mut passed = 0;
    loop {
        rest = rest.get(passed..)?;
        let end = find(rest, END)?;
        passed = end + END.len();
        let Some(begin) = begin_before(rest, end) else {
            continue;
        };
        let (label, body) = line(rest.get(begin..)?);
        let Some(label) = label.strip_suffix(DASHES) else {
            continue;
        };
        let (has_headers, body) = headers(body)?;
        let start = rest.len() - body.len();
        if start > passed {
            return None;
        }
        let base64 = rest.get(start..end);
        if has_headers && base64.is_none() {
            continue;
        }
        let after_end = rest.get(passed..)?;
        if let Some(bytes) = decode(base64.unwrap_or_default(), label, after_end) {
            let block = Block {
                label,
                has_headers,
                bytes,
            };
            return Some((block, line(after_end).1));
        }
    }
}

/// Where the label stands after the last BEGIN before `end`: a BEGIN without its own END is skipped.
fn begin_before(text: &[u8], end: usize) -> Option<usize> {
    let (before, _) = text.split_at_checked(end)?;
    let begin = rfind(before, BEGIN)?;
    let (preceding, _) = before.split_at_checked(begin)?;
    let starts_a_line = preceding.last().is_none_or(|byte| *byte == b'\n');
    starts_a_line.then_some(begin + BEGIN.len())
}

/// Whether there are headers, and the text after them; `None` if there is no such text.
fn headers(mut body: &[u8]) -> Option<(bool, &[u8])> {
    let mut has_headers = false;
    while !body.is_empty() {
        let (header, after) = line(body);
        if !header.contains(&b':') {
            return Some((has_headers, body));
        }
        has_headers = true;
        body = after;
    }
    None
}

/// Decodes the content of a block, if the text after its END mark fits.
fn decode(base64: &[u8], label: &[u8], after_end: &[u8]) -> Option<Vec<u8>> {
    let trailer = after_end.strip_prefix(label)?.strip_prefix(DASHES)?;
    if !line(trailer).0.is_empty() {
        return None;
    }
    let base64: Vec<u8> = base64
        .iter()
        .copied()
        .filter(|byte| !b" \t\r\n".contains(byte))
        .collect();
    LENIENT.decode(base64).ok()
}

/// Splits off the first line, without trailing blanks and line end.
fn line(text: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest): (&[u8], &[u8]) = match text.iter().position(|byte| *byte == b'\n') {
        None => (text, &[]),
        Some(end) => {
            let (line, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
            (
                line.strip_suffix(b"\r").unwrap_or(line),
                rest.get(1..).unwrap_or_default(),
            )
        }
    };
    let blanks = line
        .iter()
        .rev()
        .take_while(|byte| b" \t".contains(byte))
        .count();
    (line.get(..line.len() - blanks).unwrap_or_default(), rest)
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len())
        .position(|window| window == pattern)
}

fn rfind(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len())
        .rposition(|window| window == pattern)
}
