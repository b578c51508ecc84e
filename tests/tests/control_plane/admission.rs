//! A `service:` reference reaches a listener on a loopback cluster IP, under the Service's name.

use std::{convert::Infallible, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use certgen::{
    Bundle, Chain, KeyAlgorithm, LeafRequest, PrivateKey, RootRequest, ServerNames, UnixTime,
};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, body::Bytes, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::PostParams};
use kube_adapter::SystemEntropy;
use rotator_core::Entropy;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use scenarios::{ControlPlane, WebhookService, apply, until};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_rustls::TlsAcceptor;

#[tokio::test]
async fn an_api_server_calls_a_webhook_through_its_service() {
    let control_plane = ControlPlane::start(1).await.unwrap();
    let client = control_plane.client(0).await.unwrap();
    let service = WebhookService::create(&control_plane, &client, "guard-system", "guard", 0)
        .await
        .unwrap();
    let (bundle, tls) = certificates();
    let (calls, mut called) = mpsc::unbounded_channel();
    let listener = TcpListener::bind(service.address).await.unwrap();
    let server = tokio::spawn(serve(listener, tls, calls));

    apply(&client, &configuration(&service, &bundle).to_string())
        .await
        .unwrap();
    let config_maps = Api::<ConfigMap>::namespaced(client, "default");
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let object: ConfigMap =
        serde_json::from_value(json!({"metadata": {"generateName": "probe-"}})).unwrap();
    // A configuration takes effect some time after it was stored; nothing tells when.
    let mut asked_for = None;
    until("a call", async || {
        config_maps.create(&dry_run, &object).await?;
        asked_for = called.try_recv().ok();
        Ok(asked_for.is_some())
    })
    .await
    .unwrap();
    let name = asked_for.flatten();
    assert_eq!(name.as_deref(), Some("guard.guard-system.svc"));
    server.abort();
}

fn certificates() -> (Bundle, TlsAcceptor) {
    let entropy = SystemEntropy::new();
    let key = || entropy.private_key(KeyAlgorithm::P256).unwrap();
    let (root_key, leaf_key) = (key(), key());
    let (not_before, not_after) = (
        UnixTime::from_secs(1_577_836_800),
        UnixTime::from_secs(2_493_072_000),
    );
    let request = RootRequest {
        common_name: "guard CA 1",
        serial: entropy.serial().unwrap(),
        not_before,
        not_after,
    };
    let root = certgen::issue_root(&request, &root_key).unwrap();
    let names = ServerNames::for_service("guard", "guard-system").unwrap();
    let public_key = leaf_key.public_key();
    let request = LeafRequest {
        names: &names,
        public_key,
        serial: entropy.serial().unwrap(),
        not_after,
    };
    let chain = Chain::new(
        certgen::issue_leaf(&request, &root, &root_key).unwrap(),
        Vec::new(),
    );
    (
        Bundle::new([root.into()]).unwrap(),
        acceptor(&chain, &leaf_key),
    )
}

fn acceptor(chain: &Chain, key: &PrivateKey) -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(chain.to_pem().as_bytes())
        .collect::<Result<_, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.expose_pkcs8_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    TlsAcceptor::from(Arc::new(
        config
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap(),
    ))
}

fn configuration(service: &WebhookService, bundle: &Bundle) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "guard.example.com"},
        "webhooks": [{
            "name": "guard.example.com",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
            "clientConfig": {
                "service": {"namespace": service.namespace, "name": service.name, "port": WebhookService::PORT},
                "caBundle": STANDARD.encode(bundle.to_pem()),
            },
        }],
    })
}

/// Allows everything and reports the name that each caller asked for.
async fn serve(
    listener: TcpListener,
    tls: TlsAcceptor,
    calls: mpsc::UnboundedSender<Option<String>>,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = tls.accept(stream).await.unwrap();
        calls
            .send(stream.get_ref().1.server_name().map(str::to_owned))
            .unwrap();
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(allow)),
        );
    }
}

async fn allow(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": review["request"]["uid"], "allowed": true},
    });
    Ok(Response::builder()
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(answer.to_string())))
        .unwrap())
}
