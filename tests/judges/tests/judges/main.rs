//! Ours beside Go's, OpenSSL's and rustls-webpki's.
#![expect(clippy::print_stdout, reason = "a test tells its figures")]

mod verdicts;
