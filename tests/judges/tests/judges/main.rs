//! Ours beside Go's, OpenSSL's and rustls-webpki's.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and tells its figures"
)]

mod crowded;
mod reading;
mod verdicts;
