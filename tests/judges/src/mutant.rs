//! Certificates and bundles with a few changes: of bytes, of the tree that DER is, or of the lines of a PEM text.

mod bytes;
mod lines;
mod tree;

use crate::{corpus, random::Random};

/// A changed certificate or bundle.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a mutant is exactly this")]
pub struct Mutant {
    /// What it was made from.
    pub of: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// `count` changed certificates; first, each one of the corpus as it is.
pub fn certificates(seed: u64, count: usize) -> Vec<Mutant> {
    let (mut random, corpus) = (Random::new(seed), corpus::ders());
    let sound = corpus.iter().map(|(name, der)| Mutant {
        of: (*name).to_owned(),
        bytes: der.clone(),
    });
    let mut mutants: Vec<_> = sound.collect();
    while mutants.len() < count {
        let Some((name, der)) = random.pick(&corpus) else {
            break;
        };
        mutants.push(Mutant {
            of: (*name).to_owned(),
            bytes: certificate(der, &corpus, &mut random),
        });
    }
    mutants
}

/// The certificate with a few changes, perhaps with parts of the others.
pub(crate) fn certificate(der: &[u8], others: &[(&str, Vec<u8>)], random: &mut Random) -> Vec<u8> {
    let donor = random.pick(others).map_or(&[][..], |(_, der)| der);
    if random.below(3) == 0 {
        bytes::mutate(der, random)
    } else {
        tree::mutate(der, donor, random)
    }
}

/// `count` changed bundles of up to three certificates.
pub fn bundles(seed: u64, count: usize) -> Vec<Mutant> {
    let mut random = Random::new(seed);
    let mutants = (0..count).map(|_| {
        let size = random.below(4);
        let members: Vec<_> = (0..size)
            .filter_map(|_| random.pick(corpus::CORPUS))
            .collect();
        let names: Vec<_> = members.iter().map(|(name, _)| *name).collect();
        let text: String = members.iter().map(|(_, pem)| *pem).collect();
        Mutant {
            of: names.join(" and "),
            bytes: lines::mutate(&text, &mut random),
        }
    });
    mutants.collect()
}
