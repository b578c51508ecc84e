//! The settings of a rotator.

use alloc::{string::String, vec::Vec};

use certgen::ServerNames;

use crate::{policy::Policy, store::RecordName};

/// What a rotator keeps.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a caller must give every part")]
pub struct Settings {
    /// The name of the authority in the subject of its roots: `guard.guard-system`.
    pub subject: String,
    /// The authority record.
    pub authority: RecordName,
    /// The serving records, all under the one authority.
    pub serving: Vec<ServingSettings>,
    /// How long certificates live, and when they are replaced.
    pub policy: Policy,
}

/// One serving record that a rotator keeps.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a caller must give every part")]
pub struct ServingSettings {
    /// The record.
    pub record: RecordName,
    /// The names that its leaf must carry.
    pub names: ServerNames,
}
