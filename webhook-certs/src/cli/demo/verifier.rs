//! A TLS client that verifies servers as an API server does: by Go's rules, with the bundle that it has seen.

use std::sync::Arc;

use certgen::{Anchor, Certificate, verify};
use kube_adapter::local_time;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

/// Go's verification in a rustls client.
#[derive(Debug)]
struct AsGo {
    anchors: Arc<[Anchor]>,
    provider: Arc<CryptoProvider>,
}

/// Makes a client that trusts these anchors and keeps no session, so that every call is a full handshake.
pub(super) fn client(
    anchors: Arc<[Anchor]>,
    provider: Arc<CryptoProvider>,
) -> Result<ClientConfig, Error> {
    let verifier = AsGo {
        anchors,
        provider: Arc::clone(&provider),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

impl ServerCertVerifier for AsGo {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let read = |der: &CertificateDer<'_>| {
            Certificate::from_der(der)
                .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))
        };
        let leaf = read(leaf)?;
        let intermediates = intermediates
            .iter()
            .map(read)
            .collect::<Result<Vec<_>, _>>()?;
        let anchors = self.anchors.iter().map(Anchor::certificate);
        let name = server_name.to_str();
        verify(&leaf, &intermediates, anchors, &name, local_time())
            .map(|()| ServerCertVerified::assertion())
            .map_err(|error| CertificateError::Other(OtherError(Arc::new(error))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
