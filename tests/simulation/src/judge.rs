//! An independent judge of all that is written and of every call that could be made.
//!
//! It shares no code with the product's decoder and verifier: certificates are read by x509-parser, signatures verified by
//! ring, paths searched by Go's rules, records read from their documented format.

mod authority;
mod certificate;
mod history;
mod hostile;
mod paths;
mod pem;
mod promise;
mod record;
mod serving;
mod shelf;
mod target;
pub(crate) mod verdict;

#[cfg(test)]
pub(crate) use self::promise::Call;
pub(crate) use self::{
    history::{Clocks, Judge},
    promise::{Bench, Calls, Promise, Refused},
    shelf::{BundleId, ChainId, Shelf},
    verdict::{Verdict, demand},
};
