//! Changes of single bytes and stretches of them.

use crate::random::Random;

/// One to four changes.
pub(super) fn mutate(original: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..=random.below(4) {
        change(&mut bytes, random);
    }
    bytes
}

pub(super) fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    let place = random.below(bytes.len());
    let end = (place + random.below(8)).min(bytes.len());
    match random.below(7) {
        0 => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = random.byte();
            }
        }
        2 => bytes.insert(place, random.byte()),
        3 => drop(bytes.drain(place..end)),
        4 => bytes.truncate(place),
        5 => {
            let again: Vec<_> = bytes.get(place..end).unwrap_or_default().to_vec();
            bytes.splice(place..place, again);
        }
        _ => {
            let other = random.below(bytes.len());
            if other < bytes.len() && place < bytes.len() {
                bytes.swap(place, other);
            }
        }
    }
}
