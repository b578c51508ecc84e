//! What a rotator keeps, as its caller says it.

use alloc::{string::String, vec::Vec};

use certgen::ServerNames;

use crate::{policy::Policy, store::RecordName};

/// What is to be kept.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever keeps certificates must say all of it"
)]
pub struct Settings {
    /// Names the authority in the subject of its roots: `guard.guard-system`.
    pub subject: String,
    /// The authority record.
    pub authority: RecordName,
    /// The serving records, all under the one authority.
    pub serving: Vec<ServingSettings>,
    /// When what is replaced.
    pub policy: Policy,
}

/// One serving record to be kept.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever keeps certificates must say all of it"
)]
pub struct ServingSettings {
    /// The record.
    pub record: RecordName,
    /// The names that its leaf must carry.
    pub names: ServerNames,
}
