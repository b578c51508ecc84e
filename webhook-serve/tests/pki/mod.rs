//! Roots and leaves for tests.

use std::sync::Arc;

use certgen::{
    Chain, LeafRequest, PrivateKey, RootCert, RootRequest, Serial, ServerNames, UnixTime,
    issue_leaf, issue_root,
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, client::WantsClientCert, pki_types::CertificateDer,
    version::TLS12,
};
use webhook_serve::ServingCert;

/// A time at which everything here is valid unless it says otherwise.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
pub(crate) const LATER: UnixTime = UnixTime::from_secs(4_000_000_000);
pub(crate) const NAME: &str = "guard.guard-system.svc";

pub(crate) struct Ca {
    key: PrivateKey,
    root: RootCert,
}

pub(crate) struct Issued {
    pub(crate) tls_crt: String,
    pub(crate) tls_key: String,
}

impl Ca {
    pub(crate) fn new(common_name: &str) -> Self {
        let key = key();
        let request = RootRequest {
            common_name,
            serial: Serial::from_random([1; 16]),
            not_before: UnixTime::from_secs(1_600_000_000),
            not_after: LATER,
        };
        let root = issue_root(&request, &key).unwrap();
        Self { key, root }
    }

    pub(crate) fn issue(&self, names: &ServerNames, not_after: UnixTime) -> Issued {
        let leaf_key = key();
        let request = LeafRequest {
            names,
            public_key: leaf_key.public_key(),
            serial: Serial::from_random([2; 16]),
            not_after,
        };
        let leaf = issue_leaf(&request, &self.root, &self.key).unwrap();
        Issued {
            tls_crt: Chain::new(leaf, Vec::new()).to_pem(),
            tls_key: leaf_key.expose_pkcs8_pem().to_string(),
        }
    }

    pub(crate) fn client(&self, tls12_only: bool) -> Arc<ClientConfig> {
        Arc::new(self.client_builder(tls12_only).with_no_client_auth())
    }

    /// What is left to say is which certificate the client has.
    pub(crate) fn client_builder(
        &self,
        tls12_only: bool,
    ) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        let mut roots = RootCertStore::empty();
        let der = self.root.certificate().der().to_vec();
        roots.add(CertificateDer::from(der)).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = if tls12_only {
            builder.with_protocol_versions(&[&TLS12]).unwrap()
        } else {
            builder.with_safe_default_protocol_versions().unwrap()
        };
        builder.with_root_certificates(roots)
    }
}

impl Issued {
    pub(crate) fn cert(&self) -> ServingCert {
        ServingCert::from_pem(self.tls_crt.as_bytes(), self.tls_key.as_bytes()).unwrap()
    }
}

pub(crate) fn names() -> ServerNames {
    ServerNames::for_service("guard", "guard-system").unwrap()
}

pub(crate) fn key() -> PrivateKey {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    PrivateKey::from_pkcs8_der(pkcs8.as_ref()).unwrap()
}
