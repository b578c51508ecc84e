//! Answers to questions that a reader of the object cannot always answer.

use alloc::string::String;

/// What is true, false, or unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    Unknown,
}

impl From<bool> for Truth {
    fn from(is_so: bool) -> Self {
        if is_so { Self::True } else { Self::False }
    }
}

impl Truth {
    pub(super) fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }

    /// Joins truths as `&&` does: false stays false, whatever stands beside it.
    pub(super) fn all(truths: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::True;
        for truth in truths {
            match truth {
                Self::True => {}
                Self::False => return Self::False,
                Self::Unknown => all = Self::Unknown,
            }
        }
        all
    }

    /// Joins truths as `||` does.
    pub(super) fn any(truths: impl IntoIterator<Item = Self>) -> Self {
        Self::all(truths.into_iter().map(Self::negated)).negated()
    }
}

/// Whether the API server asks a webhook before a write, from the least to the most certain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(
    clippy::exhaustive_enums,
    reason = "callers that warn must tell them apart"
)]
pub enum Asked {
    /// It does not.
    No,
    /// It does if the label is set: the entry selects objects that have it.
    IfLabelled(String),
    /// It may: that depends on what is named here, and the object does not say.
    CannotTell(String),
    /// It does.
    Yes,
}
