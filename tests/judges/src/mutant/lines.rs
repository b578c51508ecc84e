//! Changes of a PEM text.

use super::bytes;
use crate::random::Random;

/// One to four changes.
pub(super) fn mutate(text: &str, random: &mut Random) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = text
        .split_inclusive('\n')
        .map(|line| line.as_bytes().to_vec())
        .collect();
    for _ in 0..=random.below(4) {
        change(&mut lines, random);
    }
    let mut text = lines.concat();
    if random.below(8) == 0 {
        bytes::change(&mut text, random);
    }
    text
}

fn change(lines: &mut Vec<Vec<u8>>, random: &mut Random) {
    let (place, other) = (random.below(lines.len()), random.below(lines.len()));
    let inserted = random
        .pick(LINES)
        .map_or_else(Vec::new, |line| line.to_vec());
    match random.below(8) {
        0 if place < lines.len() => drop(lines.remove(place)),
        1 => lines.extend(lines.get(place).cloned()),
        2 if place < lines.len() && other < lines.len() => lines.swap(place, other),
        3 | 4 => lines.insert(place, inserted),
        5 => {
            if let Some(line) = edge(lines, random) {
                insert(line, random);
            }
        }
        _ => {
            if let Some(line) = lines.get_mut(place) {
                if random.below(2) == 0 {
                    bytes::change(line, random);
                } else {
                    insert(line, random);
                }
            }
        }
    }
}

/// A line that begins or ends a block, or stands beside one.
fn edge<'a>(lines: &'a mut [Vec<u8>], random: &mut Random) -> Option<&'a mut Vec<u8>> {
    let edges = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.starts_with(b"-----"));
    let edges: Vec<_> = edges.map(|(number, _)| number).collect();
    let near = random.pick(&edges)? + random.below(3);
    lines.get_mut(near.saturating_sub(1))
}

/// Puts a piece that means something to a reader of PEM anywhere in the line, or in place of something.
fn insert(line: &mut Vec<u8>, random: &mut Random) {
    let piece = random.pick(PIECES).copied().unwrap_or_default();
    let place = match random.below(4) {
        0 => 0,
        1 => line.len(),
        2 => line.len().saturating_sub(1),
        _ => random.below(line.len()),
    };
    let end = (place + random.below(3) * random.below(6)).min(line.len());
    line.splice(place..end, piece.iter().copied());
}

const PIECES: &[&[u8]] = &[
    b"-",
    b"--",
    b"-----",
    b"\n",
    b"\r",
    b"\r\n",
    b" ",
    b"\t",
    b"\x0b",
    b":",
    b"=",
    b"==",
    b"A",
    b"AAAA",
    b"\0",
    b"-----BEGIN ",
    b"-----END ",
    b"-----END CERTIFICATE-----",
    b"-----BEGIN CERTIFICATE-----",
    b"\n-----END ",
    b"X509 ",
    b"#",
    b"_",
    b"\xff",
    b"\xef\xbb\xbf",
];

const LINES: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b"# a comment\n",
    b"key: value\n",
    b":\n",
    b"a:b:c\n",
    b"AAAA\n",
    b"AAA=\n",
    b"-----BEGIN CERTIFICATE-----\n",
    b"-----END CERTIFICATE-----\n",
    b"-----END CERTIFICATE-----",
    b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    b"-----BEGIN -----\n-----END -----\n",
    b"-----BEGIN A:B-----\n",
    b"-----BEGIN CERTIFICATE-----\nkey: value\n-----END CERTIFICATE-----\n",
    b"-----BEGIN CERTIFICATE-----\nkey: value\n\nAAAA\n-----END CERTIFICATE-----\n",
    b" -----BEGIN CERTIFICATE-----\n",
    b"-----END CERTIFICATE----- \n",
    b"\n\n\n",
];
