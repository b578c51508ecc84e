//! One question: does a caller with this bundle accept this chain, for this name, at this time?

use std::fmt;

use crate::error::JudgeError;

/// One question. Chain and bundle are counted within the [`Matrix`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a case is exactly this")]
pub struct Case {
    /// Where it comes from: a life, or what was damaged.
    pub origin: String,
    /// Which chain is served.
    pub chain: usize,
    /// Which bundle the caller has.
    pub bundle: usize,
    /// The name that it calls.
    pub name: String,
    /// Its time, in seconds since 1970.
    pub at: i64,
    /// How many generations lie between the leaf and the newest root of the bundle.
    pub distance: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            origin,
            chain,
            bundle,
            name,
            at,
            distance,
        } = self;
        write!(
            f,
            "{origin}: chain {chain}, bundle {bundle}, {name} at {at}, distance {distance}"
        )
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

    /// The chain that `case` is about.
    pub fn chain(&self, case: &Case) -> &[Vec<u8>] {
        self.chains.get(case.chain).map_or(&[], Vec::as_slice)
    }

    /// The bundle that `case` is about.
    pub fn bundle(&self, case: &Case) -> &[u8] {
        self.bundles.get(case.bundle).map_or(&[], Vec::as_slice)
    }
}
