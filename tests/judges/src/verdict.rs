//! What a judge says to a case.

use std::fmt;

/// What a judge says to a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a judge says yes or no")]
pub enum Verdict {
    /// The call would be made.
    Accepts,
    /// The call would be refused, for this reason, in the judge's words.
    Refuses(String),
}

impl Verdict {
    /// Whether it is yes.
    pub fn is_accepted(&self) -> bool {
        match self {
            Self::Accepts => true,
            Self::Refuses(_) => false,
        }
    }

    /// Whether the other is yes if this is, and no if this is; for whatever reason.
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.is_accepted() == other.is_accepted()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepts => f.write_str("accepts"),
            Self::Refuses(reason) => write!(f, "refuses: {reason}"),
        }
    }
}
