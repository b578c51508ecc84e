//! Foreign verifiers beside ours, over a generated matrix of chains and bundles.
//!
//! A [`Matrix`] is made of what the product itself published over many generations, and of damaged certificates. Each
//! of its [`Case`]s is put to four judges: [`ours`], [`go`], [`openssl`] and [`webpki`].

mod case;
mod chance;
mod corpus;
mod damaged;
mod error;
pub mod explained;
pub mod go;
mod life;
mod matrix;
pub mod mutant;
pub mod openssl;
pub mod ours;
mod pem;
mod random;
pub mod reading;
pub mod replay;
pub mod settings;
mod tally;
mod threads;
mod verdict;
pub mod webpki;

pub use crate::{
    case::{Case, Matrix},
    error::JudgeError,
    life::{Length, Life, Lived},
    random::Random,
    tally::{Class, Explained, LAST_SECOND, Tally},
    verdict::Verdict,
};
