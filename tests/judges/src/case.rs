//! One question: does a caller with this bundle accept this chain, for this name, at this time?

use std::fmt;

use certgen::{Anchor, Certificate, KeyAlgorithm, parse_bundle};

use crate::error::JudgeError;

/// One question. Chain and bundle are counted within the [`Matrix`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a case is exactly this")]
pub struct Case {
    /// Counted from 0.
    pub number: usize,
    /// Where it comes from: a life, or what was damaged.
    pub origin: String,
    /// The algorithm of all keys; none: several.
    pub algorithm: Option<KeyAlgorithm>,
    /// Which chain is served.
    pub chain: usize,
    /// Which bundle the caller has.
    pub bundle: usize,
    /// The name that it calls.
    pub name: String,
    /// Its time, in seconds since 1970.
    pub at: i64,
    /// How many generations lie between the leaf and the newest root of the bundle; none for what is damaged.
    pub distance: Option<usize>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            origin,
            algorithm,
            chain,
            bundle,
            name,
            at,
            distance,
        } = self;
        write!(
            f,
            "case {number}, {origin}: chain {chain} and bundle {bundle}"
        )?;
        if let Some(algorithm) = algorithm {
            write!(f, " of {algorithm}")?;
        }
        if let Some(distance) = distance {
            write!(f, ", {distance} generations apart")?;
        }
        write!(f, ", called as {name} at {at}")
    }
}

/// All questions, and what they are about.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Matrix {
    /// What servers present: the DER of a leaf, then of what is sent with it.
    pub chains: Vec<Vec<Vec<u8>>>,
    /// What callers have: the bytes of a caBundle.
    pub bundles: Vec<Vec<u8>>,
    /// The questions.
    pub cases: Vec<Case>,
}

impl Matrix {
    /// Adds a question, and numbers it.
    pub(crate) fn add(&mut self, case: Case) {
        let number = self.cases.len();
        self.cases.push(Case { number, ..case });
    }

    /// One in so many of the cases of sound chains, and of the damaged ones those of P-256; all if it is 1.
    pub fn sample(&self, one_in: usize) -> Vec<&Case> {
        let is_in = |case: &&Case| match case.distance {
            _ if one_in <= 1 => true,
            Some(_) => case.number.is_multiple_of(one_in),
            None => case.algorithm == Some(KeyAlgorithm::P256),
        };
        self.cases.iter().filter(is_in).collect()
    }

    /// One question.
    ///
    /// # Errors
    ///
    /// [`JudgeError::NoSuchCase`] if there are fewer.
    pub fn case(&self, number: usize) -> Result<&Case, JudgeError> {
        self.cases.get(number).ok_or(JudgeError::NoSuchCase {
            number,
            last: self.cases.len().saturating_sub(1),
        })
    }

    /// Whether a certificate of `case` is valid for the last second.
    pub fn is_last_second(&self, case: &Case) -> bool {
        let chain = self.chain(case).iter();
        let chain = chain.filter_map(|der| Certificate::from_der(der).ok());
        let bundle = parse_bundle(self.bundle(case)).anchors;
        let bundle = bundle.iter().map(Anchor::certificate).cloned();
        chain
            .chain(bundle)
            .any(|one| one.facts().not_after.as_secs() == case.at)
    }

    /// The chain that `case` is about.
    pub fn chain(&self, case: &Case) -> &[Vec<u8>] {
        self.chains.get(case.chain).map_or(&[], Vec::as_slice)
    }

    /// The bundle that `case` is about.
    pub fn bundle(&self, case: &Case) -> &[u8] {
        self.bundles.get(case.bundle).map_or(&[], Vec::as_slice)
    }
}
