//! A server that admits everything, with a certificate of an attacker.

use std::{convert::Infallible, net::SocketAddrV4, sync::Arc};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use scenarios::{Failure, until};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

use crate::forgery::Leaf;

/// Answers until dropped.
#[derive(Debug)]
pub(crate) struct Impostor(JoinHandle<()>);

impl Impostor {
    /// In the place of a Service's server.
    pub(crate) async fn start(address: SocketAddrV4, leaf: &Leaf) -> Result<Self, Failure> {
        let certificate = CertificateDer::from_pem_slice(leaf.certificate.as_bytes())?;
        let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut listener = None;
        until("the place of the server is free", async || {
            listener = TcpListener::bind(address).await.ok();
            Ok(listener.is_some())
        })
        .await?;
        let listener = listener.ok_or("nothing listens")?;
        Ok(Self(tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let tls = acceptor.accept(tcp).await?;
                    let mut http = http1::Builder::new();
                    let serving = http
                        .keep_alive(false)
                        .serve_connection(TokioIo::new(tls), service_fn(admit));
                    serving.await?;
                    Ok::<(), Failure>(())
                });
            }
        })))
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn admit(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let review: Value = serde_json::from_slice(&body).unwrap_or_default();
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": { "uid": review.pointer("/request/uid"), "allowed": true },
    });
    let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
    let json = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    Ok(response)
}
