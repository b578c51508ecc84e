//! What the judge finds.

use std::fmt;

/// An invariant or a promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// `I0` to `I9`, or the name of a promise.
    pub rule: &'static str,
    /// What was found.
    pub finding: String,
}

impl Violation {
    pub(crate) fn new(rule: &'static str, finding: impl Into<String>) -> Self {
        Self {
            rule,
            finding: finding.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.finding)
    }
}

pub(crate) type Verdict = Result<(), Violation>;

/// A violation of `rule` unless `holds`.
pub(crate) fn demand(holds: bool, rule: &'static str, finding: impl FnOnce() -> String) -> Verdict {
    if holds {
        Ok(())
    } else {
        Err(Violation::new(rule, finding()))
    }
}
