//! Chains and bundles as nobody should make them, and as somebody will.

mod anchors;
mod chains;
mod constraints;
mod names;
mod text;
mod workshop;

use std::collections::BTreeSet;

use certgen::{Anchor, Certificate, KeyAlgorithm, parse_bundle};

use crate::{
    case::{Case, Matrix},
    corpus,
    error::JudgeError,
    life::{DNS, IPV4, START},
    matrix::boundaries,
    mutant,
    pem::certificate,
    random::Random,
};
use workshop::{DAY, Workshop};

/// A chain and a bundle, and what is odd about them.
#[derive(Clone)]
struct Damage {
    origin: &'static str,
    chain: Vec<Vec<u8>>,
    bundle: Vec<u8>,
    names: &'static [&'static str],
}

impl Damage {
    fn new(origin: &'static str, chain: Vec<Vec<u8>>, bundle: impl Into<Vec<u8>>) -> Self {
        Self {
            origin,
            chain,
            bundle: bundle.into(),
            names: &[DNS, IPV4],
        }
    }

    fn called(self, names: &'static [&'static str]) -> Self {
        Self { names, ..self }
    }

    /// One second on each side of every boundary, and a day on which all that is sound is valid.
    fn moments(&self) -> BTreeSet<i64> {
        let chain = self
            .chain
            .iter()
            .filter_map(|der| Certificate::from_der(der).ok());
        let bundle = parse_bundle(&self.bundle).anchors;
        let bundle = bundle.iter().map(Anchor::certificate).cloned();
        let boundaries = chain.chain(bundle).flat_map(|one| boundaries(&one));
        boundaries.chain([START + 10 * DAY]).collect()
    }
}

impl Matrix {
    /// Adds all that is damaged, in each algorithm.
    ///
    /// # Errors
    ///
    /// [`JudgeError::Settings`] if a certificate cannot be made.
    pub(crate) fn add_damaged(&mut self, seed: u64) -> Result<(), JudgeError> {
        let mut random = Random::new(seed);
        for algorithm in [
            KeyAlgorithm::P256,
            KeyAlgorithm::P384,
            KeyAlgorithm::Ed25519,
        ] {
            let shop = Workshop::new(algorithm, random.next_u64())?;
            let all = [
                anchors::all(&shop)?,
                chains::all(&shop)?,
                constraints::all(&shop)?,
                names::all(&shop)?,
                text::all(&shop)?,
            ];
            for damage in all.into_iter().flatten() {
                self.add_damage(damage, algorithm);
            }
        }
        Ok(())
    }

    /// Sound leaves, and anchors that are mutants of the root that signed them, or of the leaf itself.
    ///
    /// # Errors
    ///
    /// [`JudgeError::Settings`] if a certificate cannot be made.
    pub fn of_mutated_anchors(seed: u64, count: usize) -> Result<Self, JudgeError> {
        let (mut matrix, mut random) = (Self::default(), Random::new(seed));
        let shop = Workshop::new(KeyAlgorithm::P256, random.next_u64())?;
        let (root, leaf) = (shop.new.self_signed()?, shop.leaf.under(&shop.new)?);
        // Ours refuses whoever has constraints, Go asks what they say.
        let mut donors = corpus::ders();
        donors.retain(|(name, _)| !["constrained", "policies"].contains(name));
        for number in 0..count {
            let (origin, chain, anchor) = if number % 4 == 0 {
                let mutant = mutant::certificate(&leaf, &donors, &mut random);
                ("a mutated leaf as anchor", mutant.clone(), mutant)
            } else {
                let mutant = mutant::certificate(&root, &donors, &mut random);
                ("a mutated root", leaf.clone(), mutant)
            };
            matrix.add(Case {
                number,
                origin: origin.to_owned(),
                algorithm: Some(KeyAlgorithm::P256),
                chain: number,
                bundle: number,
                name: DNS.to_owned(),
                at: START + 10 * DAY,
                distance: None,
            });
            matrix.chains.push(vec![chain]);
            matrix.bundles.push(certificate(&anchor).into_bytes());
        }
        Ok(matrix)
    }

    fn add_damage(&mut self, damage: Damage, algorithm: KeyAlgorithm) {
        let (chain, bundle) = (self.chains.len(), self.bundles.len());
        for at in damage.moments() {
            for name in damage.names {
                self.add(Case {
                    number: 0,
                    origin: damage.origin.to_owned(),
                    algorithm: Some(algorithm),
                    chain,
                    bundle,
                    name: (*name).to_owned(),
                    at,
                    distance: None,
                });
            }
        }
        self.chains.push(damage.chain);
        self.bundles.push(damage.bundle);
    }
}
