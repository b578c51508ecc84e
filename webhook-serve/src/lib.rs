//! The running server's side of certificate rotation: new certificates without a restart or a cut connection.
//!
//! * [`ServingCert`] is a chain with its key, as read from a serving record or a mounted Secret.
//! * [`Resolver`] presents one to each new handshake and swaps it atomically. It refuses an offer that callers would
//!   not accept, and keeps the current certificate.
//! * [`Acceptor`] accepts TLS connections with it and counts, by issuer, the callers that refused the certificate: the
//!   only direct sign that a caller does not trust it.
//! * [`ClientCa`] requires callers to present a certificate of a given CA.
//! * [`FileWriter`] writes `tls.crt`, `tls.key` and `ca.crt` for servers in other languages, as a kubelet mounts them.
//!
//! This crate does not care where the certificates come from.

mod accept;
mod client_ca;
mod counters;
mod files;
mod folder;
mod judge;
mod resolver;
mod serving_cert;

pub use crate::{
    accept::{Acceptor, ServerStream},
    client_ca::{ClientCa, ClientCaError},
    counters::{Counters, Handshakes, Refusals},
    files::{FileError, FileWriter, Files, Written},
    folder::Exposure,
    judge::{Refusal, Verdict},
    resolver::Resolver,
    serving_cert::{ServingCert, ServingCertError},
};
