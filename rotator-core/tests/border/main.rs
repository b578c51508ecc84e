//! What stands at the border of the core: ports, their errors, policies, and what people are told.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod conformance;
mod errors;
mod memory;
mod policy;
mod ports;
mod words;
