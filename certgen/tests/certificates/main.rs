//! What certificates say, what verifiers make of them, and what happens to bytes that are none.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and makes its own keys"
)]

mod any_bytes;
mod foreign;
mod go_rules;
mod keys;
mod names;
mod parts;
mod pki;
mod profile;
mod signers;
