//! `/healthz` and `/readyz`, for the kubelet.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use http::{Request, Response, StatusCode};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::watch};

use super::Failure;

const HEADER_LIMIT: Duration = Duration::from_secs(5);

/// Takes the address, so that a port that is taken is told before anything else happens.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::Undone(format!("--listen {address} cannot be had: {error}")))
}

/// Answers until dropped. Ready is who has all of `ready`; none turns false again.
pub(super) async fn serve(listener: TcpListener, ready: Vec<watch::Receiver<bool>>) {
    loop {
        let Ok((tcp, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let ready = ready.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answer = answer(&request, ready.iter().all(|ready| *ready.borrow()));
                async { Ok::<_, Infallible>(answer) }
            });
            // A caller that goes away early is no matter of ours.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_LIMIT)
                .serve_connection(TokioIo::new(tcp), service)
                .await;
        });
    }
}

fn answer(request: &Request<Incoming>, ready: bool) -> Response<String> {
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
