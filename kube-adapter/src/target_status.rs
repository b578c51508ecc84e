//! The state of one target, as an administrator would say it: a one-off run waits for it, and a standing run warns of
//! it.

use core::fmt;

use webhook_inject::PassedOver;

/// Whether a target can be injected now, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each status asks for its own answer"
)]
pub enum TargetStatus {
    /// It exists, and every requested entry is managed.
    Managed {
        /// How many entries.
        entries: usize,
    },
    /// The API server has not answered about it yet, or not for a while.
    Unknown,
    /// The object does not exist.
    Absent,
    /// The cluster does not serve this kind of object.
    NotInstalled,
    /// A permission to read it is missing.
    Forbidden {
        /// `list`, `watch`, …
        verb: String,
        /// The object, as a permission names it.
        object: String,
    },
    /// It exists, but has no entry that can be injected, or lacks a named one.
    NoUsableEntry(Vec<PassedOver>),
}

impl TargetStatus {
    /// Whether this target, or a named entry of it, is known not to be injected.
    pub fn is_uninjected(&self) -> bool {
        match self {
            Self::Managed { .. } | Self::Unknown => false,
            Self::Absent | Self::NotInstalled | Self::Forbidden { .. } | Self::NoUsableEntry(_) => {
                true
            }
        }
    }
}

/// Says why, without the target's name.
impl fmt::Display for TargetStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Managed { entries: 1 } => f.write_str("1 entry is managed"),
            Self::Managed { entries } => write!(f, "{entries} entries are managed"),
            Self::Unknown => f.write_str("the API server did not answer about it"),
            Self::Absent => f.write_str("it does not exist"),
            Self::NotInstalled => f.write_str(
                "the cluster does not have this kind of object: its API is not installed",
            ),
            Self::Forbidden { verb, object } => {
                write!(f, "it may not be read: grant {verb} on {object}")
            }
            Self::NoUsableEntry(reasons) => {
                for (index, reason) in reasons.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{reason}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_told() {
        let name = || "nope".to_owned();
        let reasons = vec![
            PassedOver::NoSuchEntry { name: name() },
            PassedOver::Url { name: name() },
        ];
        let status = TargetStatus::NoUsableEntry(reasons);
        assert_eq!(
            status.to_string(),
            "it has no entry named nope; entry nope calls a url; name the entry to manage it"
        );
        assert!(status.is_uninjected() && !TargetStatus::Unknown.is_uninjected());
    }
}
