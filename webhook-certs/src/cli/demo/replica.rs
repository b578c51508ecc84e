//! A replica of the webhook server: real HTTPS on loopback, with the real resolver.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
};

use http::Response;
use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};
use webhook_serve::{Acceptor, Resolver};

use super::Failure;
use crate::{
    server::{self, Counts, Limits, RequestBody},
    words::in_full,
};

/// Starts to serve the certificate of `resolver`, and returns the address.
pub(super) async fn start(
    tasks: &mut JoinSet<()>,
    resolver: &Resolver,
) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(|error| Failure::Undone(format!("no port on loopback: {error}")))?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::Undone(in_full(&error)))?;
    let acceptor = Acceptor::new(resolver).map_err(|error| Failure::Undone(in_full(&error)))?;
    tasks.spawn(async move {
        let app = tower::service_fn(admit);
        let bounds = (Limits::default(), Counts::default());
        server::serve(acceptor, listener, app, bounds, std::future::pending()).await;
    });
    Ok(address)
}

/// Resolves when all replicas serve. As in a cluster, callers come when the endpoints are ready.
pub(super) async fn all_serve(resolvers: &[Resolver]) {
    for resolver in resolvers {
        resolver.serving().await;
    }
}

/// Allows every request.
async fn admit(request: Request<RequestBody>) -> Result<Response<Full<Bytes>>, Infallible> {
    let Ok(body) = request.into_body().collect().await;
    let body = body.to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap_or_default();
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": { "uid": review.pointer("/request/uid"), "allowed": true },
    });
    Ok(Response::new(Full::new(Bytes::from(answer.to_string()))))
}
