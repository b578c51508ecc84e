//! Certificates that we would never make.

use super::pki::NAME;
use certgen::Certificate;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

/// What a certificate is to say, and its key.
pub(crate) struct Foreign {
    pub(crate) params: CertificateParams,
    pub(crate) key: KeyPair,
}

impl Foreign {
    pub(crate) fn new(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2040, 1, 1);
        change(&mut params);
        Self {
            params,
            key: KeyPair::generate().unwrap(),
        }
    }

    pub(crate) fn ca(name: &str, constraints: BasicConstraints) -> Self {
        Self::new(name, |params| params.is_ca = IsCa::Ca(constraints))
    }

    pub(crate) fn self_signed(&self) -> Certificate {
        Certificate::from_der(self.params.self_signed(&self.key).unwrap().der()).unwrap()
    }

    pub(crate) fn signed_by(&self, issuer: &Self) -> Certificate {
        let issuer = rcgen::Issuer::from_params(&issuer.params, &issuer.key);
        Certificate::from_der(self.params.signed_by(&self.key, &issuer).unwrap().der()).unwrap()
    }
}
