//! The running server's side of certificate rotation: new certificates without a restart or a cut connection.
//!
//! * [`ServingCert`] is a chain with its key, as read from a serving record or a mounted Secret.
//! * [`Resolver`] presents one to each new handshake and swaps it in one atomic step. An offer that callers would not
//!   accept is refused, and the certificate in hand stays.
//! * [`Acceptor`] takes TLS connections with it and counts the callers that refused the certificate, by its issuer:
//!   the one direct sign that somebody does not trust us.
//! * [`ClientCa`] demands of callers a certificate of a given CA.
//! * [`FileWriter`] writes `tls.crt`, `tls.key` and `ca.crt` for servers in other languages, as a kubelet mount looks.
//!
//! Where the certificates come from is no matter of this crate.

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
