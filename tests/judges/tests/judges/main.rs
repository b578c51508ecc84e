//! Ours beside Go's, OpenSSL's and rustls-webpki's.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod verdicts;
