//! A chain with its private key, ready to present.

use std::{fmt, sync::Arc};

use certgen::{
    Bundle, Certificate, Chain, ChainError, Fingerprint, KeyError, PrivateKey, ServerNames,
    UnixTime, VerifyError, verify_chain,
};
use rustls::{crypto::ring::sign::any_supported_type, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

/// A chain whose leaf belongs to its key. Cheap to clone. `Debug` shows no key.
#[derive(Clone)]
pub struct ServingCert {
    chain: Arc<Chain>,
    issuer: Arc<str>,
    certified: Arc<CertifiedKey>,
}

impl ServingCert {
    /// Reads a `tls.crt` (the leaf first) and a `tls.key` (PKCS#8, SEC1 or PKCS#1).
    ///
    /// # Errors
    ///
    /// [`ServingCertError`] says which of the two is wrong. Keep the certificate that is served.
    pub fn from_pem(tls_crt: &[u8], tls_key: &[u8]) -> Result<Self, ServingCertError> {
        let chain = Chain::from_pem(tls_crt).map_err(ServingCertError::Chain)?;
        let key = PrivateKey::from_pem(tls_key).map_err(ServingCertError::Key)?;
        if !chain.leaf().matches(&key) {
            return Err(ServingCertError::Mismatch);
        }
        let der = PrivateKeyDer::from_pem_slice(key.expose_pkcs8_pem().as_bytes())
            .map_err(|_| ServingCertError::UnusableKey)?;
        let signer = any_supported_type(&der).map_err(|_| ServingCertError::UnusableKey)?;
        let presented = std::iter::once(chain.leaf().certificate())
            .chain(chain.intermediates())
            .map(|certificate| CertificateDer::from(certificate.der().to_vec()))
            .collect();
        Ok(Self {
            issuer: issuer(&chain).into(),
            certified: Arc::new(CertifiedKey::new(presented, signer)),
            chain: Arc::new(chain),
        })
    }

    /// Returns the chain to present.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Returns the leaf's fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        self.leaf().fingerprint()
    }

    /// Returns the last second of the leaf's validity.
    pub fn not_after(&self) -> UnixTime {
        self.leaf().facts().not_after
    }

    /// Returns the leaf's issuer: the subject of a CA certificate of the chain, or the issuer's key identifier in
    /// hexadecimal digits.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether a caller that trusts `bundle` and calls `server_name` accepts it at `now`, by kube-apiserver's rules.
    ///
    /// # Errors
    ///
    /// [`VerifyError`], worded close to the API server's log.
    pub fn is_accepted_by(
        &self,
        bundle: &Bundle,
        server_name: &str,
        now: UnixTime,
    ) -> Result<(), VerifyError> {
        verify_chain(&self.chain, bundle, server_name, now)
    }

    pub(crate) fn names(&self) -> Option<ServerNames> {
        self.leaf().facts().server_names()
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }

    pub(crate) fn shared_issuer(&self) -> Arc<str> {
        Arc::clone(&self.issuer)
    }

    fn leaf(&self) -> &Certificate {
        self.chain.leaf().certificate()
    }
}

impl fmt::Debug for ServingCert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServingCert")
            .field("leaf", &self.fingerprint())
            .field("issuer", &self.issuer())
            .field("not_after", &self.not_after())
            .finish_non_exhaustive()
    }
}

fn issuer(chain: &Chain) -> String {
    let facts = chain.leaf().facts();
    let known = chain
        .intermediates()
        .iter()
        .find(|ca| ca.facts().raw_subject == facts.raw_issuer);
    match (known, &facts.authority_key_id) {
        (Some(ca), _) => ca.facts().subject.clone(),
        (None, Some(id)) => id
            .iter()
            .fold(String::new(), |digits, byte| format!("{digits}{byte:02x}")),
        (None, None) => "unknown".into(),
    }
}

/// Why a chain and a key cannot be presented.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServingCertError {
    /// `tls.crt` is not a chain.
    #[error("tls.crt is not a chain")]
    Chain(#[source] ChainError),
    /// `tls.key` is not a private key.
    #[error("tls.key is not a private key")]
    Key(#[source] KeyError),
    /// The key is not the leaf's. A writer may be half-way: read again at the next change.
    #[error("tls.key does not belong to the certificate in tls.crt")]
    Mismatch,
    /// The TLS library cannot sign with this kind of key.
    #[error("tls.key is of a kind that cannot be used")]
    UnusableKey,
}
