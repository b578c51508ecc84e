//! The attackers' side of TLS: they verify nothing, and may offer what a server must refuse.

use std::sync::Arc;

use rustls::{
    CipherSuite, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    SupportedCipherSuite,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// What an attacker offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// As callers of HTTP/1 that say nothing of HTTP/2.
    Http1,
    /// HTTP/2.
    Http2,
    /// TLS 1.2 with the one cipher whose records are easily made by hand.
    Old,
}

/// # Errors
///
/// The provider does not know a protocol version: a mistake of ours.
pub(crate) fn config(offer: Offer) -> Result<Arc<ClientConfig>, Error> {
    let mut provider = ring::default_provider();
    let versions = match offer {
        Offer::Http1 | Offer::Http2 => rustls::ALL_VERSIONS,
        Offer::Old => &[&rustls::version::TLS12],
    };
    if offer == Offer::Old {
        let is_chosen = |suite: &SupportedCipherSuite| {
            suite.suite() == CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        };
        provider.cipher_suites.retain(is_chosen);
    }
    let provider = Arc::new(provider);
    let verifier = Arc::new(AnyServer(Arc::clone(&provider)));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.enable_secret_extraction = offer == Offer::Old;
    if offer == Offer::Http2 {
        config.alpn_protocols = vec![b"h2".to_vec()];
    }
    Ok(Arc::new(config))
}

pub(crate) fn server_name() -> ServerName<'static> {
    ServerName::try_from("guard.guard-system.svc")
        .unwrap_or_else(|_| ServerName::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()))
}

/// The record in which a client says hello.
///
/// # Errors
///
/// The configuration is of no use.
pub(crate) fn client_hello(offer: Offer) -> Result<Vec<u8>, Error> {
    let mut connection = ClientConnection::new(config(offer)?, server_name())?;
    let mut bytes = Vec::new();
    let written = connection.write_tls(&mut bytes);
    written.map_err(|error| Error::General(error.to_string()))?;
    Ok(bytes)
}

#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
