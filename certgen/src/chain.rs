//! The chain that a server presents: its leaf, and the CA certificates that lead to a trusted root.

use alloc::{string::String, vec::Vec};

use crate::{
    certificate::Certificate,
    pem,
    role::{CrossCert, LeafCert},
};

/// A leaf and the CA certificates presented with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    leaf: LeafCert,
    intermediates: Vec<Certificate>,
}

impl Chain {
    /// Makes a chain of a leaf and its crosses, newest first.
    pub fn new(leaf: LeafCert, crosses: Vec<CrossCert>) -> Self {
        Self {
            leaf,
            intermediates: crosses
                .into_iter()
                .map(|cross| cross.certificate().clone())
                .collect(),
        }
    }

    /// Reads a `tls.crt`: the leaf first, then CA certificates in any order.
    ///
    /// # Errors
    ///
    /// [`ChainError`] says which certificate is not the expected one.
    pub fn from_pem(text: &[u8]) -> Result<Self, ChainError> {
        let blocks = pem::blocks(text).filter(|block| block.label == b"CERTIFICATE");
        let parsed = blocks.enumerate().map(|(position, block)| {
            Certificate::from_der(&block.bytes).map_err(|_| ChainError::Malformed { position })
        });
        let mut certificates: Vec<_> = parsed.collect::<Result<_, _>>()?;
        if certificates.is_empty() {
            return Err(ChainError::Empty);
        }
        check_size(&certificates)?;
        let leaf = LeafCert::try_from(certificates.remove(0)).map_err(|_| ChainError::NoLeaf)?;
        match certificates
            .iter()
            .position(|certificate| !certificate.facts().is_ca)
        {
            Some(position) => Err(ChainError::NotACa {
                position: position.saturating_add(1),
            }),
            None => Ok(Self {
                leaf,
                intermediates: certificates,
            }),
        }
    }

    /// One PEM block each, the leaf first.
    pub fn to_pem(&self) -> String {
        let certificates = [self.leaf.certificate()]
            .into_iter()
            .chain(&self.intermediates);
        certificates.map(Certificate::to_pem).collect()
    }

    /// The leaf.
    pub fn leaf(&self) -> &LeafCert {
        &self.leaf
    }

    /// The CA certificates presented with it.
    pub fn intermediates(&self) -> &[Certificate] {
        &self.intermediates
    }
}

/// `maxHandshakeCertificateMsg` in Go's crypto/tls: the longest certificate message that an API server reads.
const LONGEST_MESSAGE: usize = 262_144;

/// Checks the size of the TLS 1.3 message (RFC 8446 §4.4.2): four bytes, and five beside each certificate.
fn check_size(certificates: &[Certificate]) -> Result<(), ChainError> {
    let beside = certificates.len().saturating_mul(5).saturating_add(4);
    let sizes = certificates.iter().map(|it| it.der().len());
    let size = sizes.fold(beside, usize::saturating_add);
    if size > LONGEST_MESSAGE {
        return Err(ChainError::TooLong { size });
    }
    Ok(())
}

/// Why a text is not a chain. Positions count from 0, the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The text contains no certificate.
    #[error("there is no certificate in it")]
    Empty,
    /// The chain is longer than what an API server reads in a handshake.
    #[error("its certificates are {size} bytes in a handshake, an API server reads 262144")]
    TooLong {
        /// Its size as presented, in bytes.
        size: usize,
    },
    /// The first certificate is a CA certificate.
    #[error("its first certificate is a CA's, not a server's")]
    NoLeaf,
    /// A block is not a certificate.
    #[error("its certificate number {position}, counted from 0, cannot be parsed")]
    Malformed {
        /// Its position.
        position: usize,
    },
    /// A later certificate is not a CA certificate.
    #[error("its certificate number {position}, counted from 0, is not a CA's")]
    NotACa {
        /// Its position.
        position: usize,
    },
}
