//! X.509 for Kubernetes webhooks, without I/O, clock or randomness.
//!
//! * [`issue_root`], [`issue_cross`] and [`issue_leaf`] make certificates from given keys, names, times and serials.
//! * [`Chain`] is what a server presents, [`Bundle`] what a caBundle contains; the types keep a leaf out of a bundle.
//! * [`Certificate::facts`] returns the fields of a stored certificate, without trusting it.
//! * [`verify`] answers as kube-apiserver will, by the rules of Go's `crypto/x509`.
//!
//! A *cross* joins two roots: it carries the newer root's subject and key and is signed by the older root's key. A
//! server that presents `leaf, cross` is accepted by callers that know either root.
//!
//! ```
//! use certgen::*;
//! # fn key() -> PrivateKey {
//! #     use ring::{rand::SystemRandom, signature::*};
//! #     let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
//! #     PrivateKey::from_pkcs8_der(document.as_ref()).unwrap()
//! # }
//! # fn serial(n: u8) -> Serial { Serial::from_random([n; 16]) }
//! let (now, later) = (UnixTime::from_secs(1_800_000_000), UnixTime::from_secs(1_900_000_000));
//! let (old_key, new_key, leaf_key) = (key(), key(), key());
//! let root = |common_name, serial| RootRequest { common_name, serial, not_before: now, not_after: later };
//! let old = issue_root(&root("guard CA 1", serial(1)), &old_key)?;
//! let new = issue_root(&root("guard CA 2", serial(2)), &new_key)?;
//! let cross = issue_cross(&new, serial(3), &old, &old_key)?;
//!
//! let names = ServerNames::for_service("guard", "guard-system")?;
//! let request = LeafRequest { names: &names, public_key: leaf_key.public_key(), serial: serial(4), not_after: later };
//! let chain = Chain::new(issue_leaf(&request, &new, &new_key)?, vec![cross]);
//!
//! // Callers that have only seen the old root, and callers that have only seen the new one, both accept it.
//! for trusted in [old, new] {
//!     let bundle = Bundle::new([Anchor::from(trusted)])?;
//!     verify_chain(&chain, &bundle, "guard.guard-system.svc", now)?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It does not revoke, does not read certificate requests, and does not make RSA keys.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod asn1;
mod asn1_time;
mod bundle;
mod certificate;
mod chain;
mod der;
mod facts;
mod issue;
mod key;
mod name;
mod pem;
mod read_certificate;
mod read_extension;
mod read_key;
mod role;
mod serial;
mod time;
mod verify;

pub use crate::{
    bundle::{Anchor, Bundle, EmptyBundle, ParsedBundle, Skipped, parse_bundle},
    certificate::{Certificate, Fingerprint, FingerprintError},
    chain::{Chain, ChainError},
    facts::{ExtendedKeyUsage, Facts, KeyUsage},
    issue::{IssueError, LeafRequest, RootRequest, issue_cross, issue_leaf, issue_root},
    key::{KeyAlgorithm, KeyError, PrivateKey, PublicKey},
    name::{DnsName, NameError, ServerNames},
    read_certificate::CertificateError,
    role::{CrossCert, LeafCert, RoleError, RootCert},
    serial::Serial,
    time::UnixTime,
    verify::{VerifyError, verify, verify_chain},
};
