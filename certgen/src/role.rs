//! One type for each purpose of a certificate, so that the compiler keeps them apart.

use core::ops::Deref;

use crate::certificate::Certificate;

/// A self-signed CA certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootCert(Certificate);

/// A CA's subject and key, signed by another CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossCert(Certificate);

/// A certificate that is not a CA's: it identifies a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafCert(Certificate);

impl TryFrom<Certificate> for RootCert {
    type Error = RoleError;

    fn try_from(certificate: Certificate) -> Result<Self, RoleError> {
        if certificate.facts().is_ca && certificate.is_signed_by(&certificate) {
            Ok(Self(certificate))
        } else {
            Err(RoleError::NotARoot)
        }
    }
}

impl TryFrom<Certificate> for CrossCert {
    type Error = RoleError;

    fn try_from(certificate: Certificate) -> Result<Self, RoleError> {
        let facts = certificate.facts();
        if facts.is_ca && facts.raw_subject != facts.raw_issuer {
            Ok(Self(certificate))
        } else {
            Err(RoleError::NotACross)
        }
    }
}

impl TryFrom<Certificate> for LeafCert {
    type Error = RoleError;

    fn try_from(certificate: Certificate) -> Result<Self, RoleError> {
        if certificate.facts().is_ca {
            Err(RoleError::NotALeaf)
        } else {
            Ok(Self(certificate))
        }
    }
}

/// Why a certificate does not have the expected role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoleError {
    /// It is not a CA, or not signed by its own key.
    #[error("not a self-signed CA certificate")]
    NotARoot,
    /// It is not a CA, or is named as its own issuer.
    #[error("not a CA certificate signed by another CA")]
    NotACross,
    /// It is a CA.
    #[error("a CA certificate, not a server's")]
    NotALeaf,
}

macro_rules! is_a_certificate {
    ($($role:ty),*) => {$(
        impl $role {
            /// The certificate, without its role.
            pub fn certificate(&self) -> &Certificate {
                &self.0
            }

            pub(crate) fn assumed(certificate: Certificate) -> Self {
                Self(certificate)
            }
        }

        impl Deref for $role {
            type Target = Certificate;

            fn deref(&self) -> &Certificate {
                &self.0
            }
        }
    )*};
}

is_a_certificate!(RootCert, CrossCert, LeafCert);
