//! What a [`SecretStore`](crate::SecretStore) keeps: named records of secret bytes, each with a revision.

use alloc::{boxed::Box, collections::BTreeMap, string::String, vec::Vec};
use core::{error::Error, fmt, time::Duration};

use zeroize::Zeroizing;

/// The name of a record, as the store understands it: for a Kubernetes Secret its `metadata.name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordName(String);

impl RecordName {
    /// Takes any text; a store refuses what it cannot use.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Entry names and their secret bytes. No `Clone`; `Debug` shows names and sizes only; wiped on drop.
#[derive(Default, PartialEq, Eq)]
pub struct Record {
    entries: BTreeMap<String, Zeroizing<Vec<u8>>>,
}

impl Record {
    /// A record without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one entry, and replaces its old value.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.entries
            .insert(name.into(), Zeroizing::new(value.into()));
    }

    /// Removes one entry, if it is there.
    pub fn remove(&mut self, name: &str) {
        self.entries.remove(name);
    }

    /// The bytes of one entry.
    pub fn expose(&self, name: &str) -> Option<&[u8]> {
        self.entries.get(name).map(|bytes| bytes.as_slice())
    }

    /// All entries with their bytes, ordered by name. For stores.
    pub fn expose_entries(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// The names of all entries, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Makes a second copy of the same secrets; a method instead of `Clone`, so that each copy is explicit.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            entries: self.entries.clone(),
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names every field, so that a new one is a compile error here.
        let Self { entries } = self;
        let mut map = f.debug_map();
        for (name, bytes) in entries {
            map.entry(name, &format_args!("<redacted, {} bytes>", bytes.len()));
        }
        map.finish()
    }
}

/// An opaque version token: only the store compares it, for equality.
///
/// An absent record has a revision too, so that making one is a compare-and-swap like any other write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision(String);

impl Revision {
    /// Takes any text by which the store recognises what was read.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The answer to a read.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "stores outside this crate build it"
)]
pub struct Stored {
    /// The record; `None` if it is absent or has no entries (a pre-made empty Secret).
    pub record: Option<Record>,
    /// The revision to hand to `save`.
    pub revision: Revision,
}

/// Why a store did not answer, or did not write.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another writer wrote since the read. Read again.
    #[error("the record changed since it was read")]
    Conflict,
    /// The store did not answer, or asked to come back later. Whether a write took place is unknown. Try again.
    #[error("the store did not answer")]
    Unavailable {
        /// How long the store asked to wait.
        retry_after: Option<Duration>,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store refuses us. Grant the permission.
    #[error("not allowed: grant {verb} on {object}")]
    Forbidden {
        /// `get`, `update`, …
        verb: String,
        /// The object, in words that an administrator can act on: `secrets/guard-ca in namespace guard-system`.
        object: String,
    },
    /// The content is not a record of ours. It is never overwritten.
    #[error("{object} is not a record that this program can read: {reason}")]
    Unreadable {
        /// The object, as in `Forbidden`.
        object: String,
        /// What is wrong and what to do, without any of the content.
        reason: String,
    },
    /// A quota or a policy forbids it. Ask its owner.
    #[error("the store refused: {reason}")]
    Refused {
        /// What the store says, without any of the content.
        reason: String,
    },
    /// The record does not fit.
    #[error("a record of {size} bytes is more than the store's limit of {limit}")]
    TooLarge {
        /// Size of the refused record, in bytes.
        size: usize,
        /// The store's limit, in bytes.
        limit: usize,
    },
}

impl StoreError {
    /// Whether a retry may succeed without an administrator.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Conflict | Self::Unavailable { .. } => true,
            Self::Forbidden { .. }
            | Self::Unreadable { .. }
            | Self::Refused { .. }
            | Self::TooLarge { .. } => false,
        }
    }

    /// How long the store asked to wait, if it did.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Conflict
            | Self::Forbidden { .. }
            | Self::Unreadable { .. }
            | Self::Refused { .. }
            | Self::TooLarge { .. } => None,
        }
    }
}
