//! What a [`WebhookPatcher`](crate::WebhookPatcher) knows: targets, their entries, and the certificates in them.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{error::Error, fmt, time::Duration};

use certgen::{Anchor, Bundle};

/// Names one target: `ValidatingWebhookConfiguration/guard.example.com`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetRef {
    kind: String,
    name: String,
}

impl TargetRef {
    /// Makes a reference. `kind` is for people and for telling targets apart; the core attaches no meaning to it.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            name: name.into(),
        }
    }

    /// The kind of object.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The object's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for TargetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// Names one entry within its target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName(String);

impl EntryName {
    /// Takes a name that is unique within the target.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One target as it was read: enough to decide, and to write only if nothing changed.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "patchers outside this crate build it"
)]
pub struct TargetView {
    /// Which target.
    pub target: TargetRef,
    /// The object's identity: another object of the same name has another uid.
    pub uid: String,
    /// The object's revision when it was read.
    pub revision: String,
    /// The entries of ours, in the object's order.
    pub entries: Vec<EntryView>,
    /// The last writer of the object's bundles, if known: for messages only.
    pub last_writer: Option<String>,
}

/// One entry of ours and its content.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "patchers outside this crate build it"
)]
pub struct EntryView {
    /// Which entry.
    pub name: EntryName,
    /// The certificates that an API server reads from it.
    pub bundle: EntryBundle,
}

/// What an API server reads from an entry's caBundle.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every state must visit every decision"
)]
pub enum EntryBundle {
    /// Absent or blank: the API server falls back to its system roots.
    Empty,
    /// Present, but no certificate in it can be parsed: every call fails.
    Unusable,
    /// At least one certificate.
    Holds(Vec<Anchor>),
}

impl EntryBundle {
    /// The certificates in it.
    pub fn anchors(&self) -> &[Anchor] {
        match self {
            Self::Holds(anchors) => anchors,
            Self::Empty | Self::Unusable => &[],
        }
    }
}

/// The state of one target.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every state must visit every decision"
)]
pub enum TargetState {
    /// It exists and was read.
    Readable(TargetView),
    /// There is no such object yet. The patcher notices when it appears.
    Absent,
    /// The permission to read it is missing: verb and object name it.
    Forbidden {
        /// `get`, `watch`, …
        verb: String,
        /// The object, in words that an administrator can act on.
        object: String,
    },
    /// The cluster does not know this kind of object.
    NotInstalled,
    /// It was not read yet, or the read failed for now.
    Unavailable,
}

/// The bundle that one entry shall contain.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "patchers outside this crate read it"
)]
pub struct EntryEdit {
    /// Which entry of the view.
    pub entry: EntryName,
    /// The whole new content of its caBundle.
    pub bundle: Bundle,
}

/// Why a bundle was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The target changed since it was observed. Observe again.
    #[error("the target changed since it was read")]
    Conflict,
    /// The target is gone. The patcher notices when it appears again.
    #[error("the target does not exist any more")]
    NotFound,
    /// The patcher paces writes of this kind, and this one's turn comes later. Nothing was sent; other targets do not wait.
    #[error("its turn comes later")]
    Paced {
        /// How much later.
        wait: Duration,
    },
    /// The API server did not answer, or asked to come back later. Try again.
    #[error("the API server did not answer")]
    Unavailable {
        /// How long it asked to wait, if it did.
        retry_after: Option<Duration>,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The permission to write it is missing. Grant it.
    #[error("not allowed: grant {verb} on {object}")]
    Forbidden {
        /// `patch`, `update`, …
        verb: String,
        /// The object, in words that an administrator can act on.
        object: String,
    },
    /// The API server, or a policy in front of it, refuses the content.
    #[error("the API server refuses the write: {reason}")]
    Refused {
        /// The API server's words.
        reason: String,
    },
}

impl PatchError {
    /// Whether a retry may succeed without an administrator.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Conflict | Self::NotFound | Self::Paced { .. } | Self::Unavailable { .. } => true,
            Self::Forbidden { .. } | Self::Refused { .. } => false,
        }
    }

    /// How long the API server asked to wait, if it did.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Paced { .. }
            | Self::Conflict
            | Self::NotFound
            | Self::Forbidden { .. }
            | Self::Refused { .. } => None,
        }
    }
}
