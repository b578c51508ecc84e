//! `/healthz` and `/readyz`, for the kubelet.

use std::{convert::Infallible, net::SocketAddr};

use http::{Request, Response, StatusCode};
use tokio::{net::TcpListener, sync::watch};
use tower::service_fn;

use super::Failure;
use crate::server::{self, Counts, Limits, Plain, RequestBody};

/// Takes the address, so that a port that is taken is told before anything else happens.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::Undone(format!("--listen {address} cannot be had: {error}")))
}

/// Answers until dropped. Ready once every flag in `ready` is set; none turns false again.
pub(super) async fn serve(listener: TcpListener, ready: Vec<watch::Receiver<bool>>) {
    let app = service_fn(move |request| {
        let answer = answer(&request, ready.iter().all(|ready| *ready.borrow()));
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let bounds = (Limits::of_pages(), Counts::default());
    server::serve(Plain, listener, app, bounds, std::future::pending()).await;
}

fn answer(request: &Request<RequestBody>, ready: bool) -> Response<String> {
    let (status, text) = match request.uri().path() {
        "/healthz" => (StatusCode::OK, "ok\n"),
        "/readyz" if ready => (StatusCode::OK, "ok\n"),
        "/readyz" => (
            StatusCode::SERVICE_UNAVAILABLE,
            "not every certificate, bundle and file is in place yet\n",
        ),
        _ => (StatusCode::NOT_FOUND, "there are /healthz and /readyz\n"),
    };
    let mut answer = Response::new(text.to_owned());
    *answer.status_mut() = status;
    answer
}
