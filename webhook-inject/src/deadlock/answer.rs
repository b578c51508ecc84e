//! Answers to a question that cannot always be answered from outside.

use alloc::string::String;

/// What is true, false, or not known.
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

    /// As `&&` does: what is false stays false, whatever stands beside it.
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

    /// As `||` does.
    pub(super) fn any(truths: impl IntoIterator<Item = Self>) -> Self {
        Self::all(truths.into_iter().map(Self::negated)).negated()
    }
}

/// Whether a webhook is asked before something is written, from the least to the most certain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(
    clippy::exhaustive_enums,
    reason = "callers that warn must tell them apart"
)]
pub enum Asked {
    /// It is not.
    No,
    /// It is if the label is set: the entry selects what has it.
    IfLabelled(String),
    /// It may be: that depends on what is named here, which is not known from outside.
    CannotTell(String),
    /// It is.
    Yes,
}
