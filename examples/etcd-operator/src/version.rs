//! Versions of etcd.

use std::fmt;

/// `major.minor.patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        let version = Self {
            major: next()?,
            minor: next()?,
            patch: next()?,
        };
        // Nothing follows, and the text is written as it is read: no sign, no leading zero.
        (version.to_string() == text).then_some(version)
    }

    /// etcd is upgraded one minor version at a time (<https://etcd.io/docs/latest/upgrades/>).
    pub(crate) fn skips_a_minor_after(self, before: &Self) -> bool {
        self.major != before.major || self.minor > before.minor.saturating_add(1)
    }

    pub(crate) fn next_minor(self) -> Self {
        Self {
            minor: self.minor.saturating_add(1),
            patch: 0,
            ..self
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            major,
            minor,
            patch,
        } = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}
