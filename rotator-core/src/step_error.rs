//! Why an action was not carried out.

use alloc::string::String;
use core::time::Duration;

use certgen::{ChainError, IssueError, VerifyError};

use crate::{
    authority_record::RecordError, ports::EntropyError, store::StoreError, target::PatchError,
};

/// Why an action was not carried out. Nothing was written, or the store did not say.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The record was not read.
    #[error("the record was not read")]
    Read(#[source] StoreError),
    /// The store did not take the record.
    #[error("the record was not written")]
    Store(#[from] StoreError),
    /// The target may not be read: it stays as it is until an administrator grants the permission.
    #[error("the target may not be read: grant {verb} on {object}")]
    TargetForbidden {
        /// `get`, `watch`, …
        verb: String,
        /// The object, in words that an administrator can act on.
        object: String,
    },
    /// The target was not read for now.
    #[error("the target was not read")]
    TargetUnavailable,
    /// The target did not take the bundle.
    #[error("the bundle was not written")]
    Patch(#[from] PatchError),
    /// A certificate could not be made.
    #[error("a certificate could not be made")]
    Issue(#[from] IssueError),
    /// The record would not be readable. Please report this.
    #[error("the record to be written would not be readable")]
    Record(#[from] RecordError),
    /// Callers would refuse the new chain. It was discarded. Please report this.
    #[error("the new chain does not verify under every root up to its own")]
    Chain(#[from] VerifyError),
    /// The new chain would not be readable: it has too many names, or too long ones. It was discarded.
    #[error("the new chain does not read back")]
    ChainCheck(#[from] ChainError),
    /// The new bundle does not read back as intended. It was discarded. Please report this.
    #[error("the new bundle does not read back as it was meant")]
    BundleCheck,
    /// The source of randomness failed, so no key or serial was made.
    #[error("no randomness")]
    Entropy(#[from] EntropyError),
    /// What the action needs was not in what was read. Observe again.
    #[error("the decision no longer fits what was read")]
    Vanished,
}

impl StepError {
    /// Whether a retry may succeed without an administrator.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Read(error) | Self::Store(error) => error.is_transient(),
            Self::Patch(error) => error.is_transient(),
            Self::Entropy(_) | Self::Vanished | Self::TargetUnavailable => true,
            Self::Issue(_)
            | Self::Record(_)
            | Self::Chain(_)
            | Self::ChainCheck(_)
            | Self::BundleCheck
            | Self::TargetForbidden { .. } => false,
        }
    }

    /// Whether another writer was faster: the ordinary outcome of two writers.
    pub fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Conflict)
                | Self::Patch(PatchError::Conflict | PatchError::NotFound)
        )
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Read(error) | Self::Store(error) => error.retry_after(),
            Self::Patch(error) => error.retry_after(),
            Self::Issue(_)
            | Self::Record(_)
            | Self::Chain(_)
            | Self::ChainCheck(_)
            | Self::BundleCheck
            | Self::Entropy(_)
            | Self::TargetForbidden { .. }
            | Self::TargetUnavailable
            | Self::Vanished => None,
        }
    }
}
