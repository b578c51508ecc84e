//! What must hold of any bytes whatever: one function for each kind of input, which panics where it does not hold.
//!
//! A fuzzer looks for bytes that make one of them panic (`fuzz/`); the corpus that it gathered is replayed by an ordinary
//! test. See `docs/fuzzing.md`.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a finding is a panic"
)]

mod bundle;
mod certificate;
pub mod installation;
mod key;
mod laws;
mod object;
mod plan;
mod record;
mod world;

pub use crate::{
    bundle::bundle, certificate::certificate, key::key, object::object, plan::plan, record::record,
};

/// What is asked of one input.
pub type Body = fn(&[u8]);

/// Each target by its name: that of its corpus, too.
pub const TARGETS: &[(&str, Body)] = &[
    ("bundle", bundle),
    ("certificate", certificate),
    ("key", key),
    ("object", object),
    ("plan", plan),
    ("record", record),
];
