//! Serves `/healthz` and `/readyz`, for the kubelet.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use http::{Request, Response, StatusCode};
use tokio::{net::TcpListener, sync::watch, time::Instant};
use tower::service_fn;

use super::Failure;
use crate::server::{self, Counts, Limits, Plain, RequestBody};

/// How long a loop may take for one turn before it counts as stuck: a turn takes a minute or two, even if the API
/// server does not answer.
const STANDS_STILL_AFTER: Duration = Duration::from_secs(600);

/// Binds the address early, so that a taken port is reported before anything else happens.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::Undone(format!("--listen {address} cannot be had: {error}")))
}

/// What the answers depend on.
#[derive(Clone)]
pub(super) struct Health {
    /// Ready once every flag in `ready` is set; none turns false again.
    pub(super) ready: Vec<watch::Receiver<bool>>,
    /// When the loop last completed a turn, if there is one; a restart helps if it is stuck.
    pub(super) last_turn: Option<watch::Receiver<Instant>>,
}

impl Health {
    fn is_ready(&self) -> bool {
        self.ready.iter().all(|ready| *ready.borrow())
    }

    /// Whether the loop is stuck.
    ///
    /// An API server or a store that does not answer does not count: a restart would not help.
    fn would_a_restart_help(&self) -> bool {
        let last_turn = self.last_turn.as_ref().map(|turn| *turn.borrow());
        last_turn.is_some_and(|turn| turn.elapsed() >= STANDS_STILL_AFTER)
    }
}

/// Answers requests until dropped.
pub(super) async fn serve(listener: TcpListener, health: Health) {
    let app = service_fn(move |request: Request<RequestBody>| {
        let answer = answer(request.uri().path(), &health);
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let bounds = (Limits::of_pages(), Counts::default());
    server::serve(Plain, listener, app, bounds, std::future::pending()).await;
}

fn answer(path: &str, health: &Health) -> Response<String> {
    let (status, text) = match path {
        "/healthz" if health.would_a_restart_help() => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the keeping of certificates stands still: restart this process\n",
        ),
        "/healthz" => (StatusCode::OK, "ok\n"),
        "/readyz" if health.is_ready() => (StatusCode::OK, "ok\n"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn healthz_turns_red_when_the_loop_stands_still_and_green_when_it_goes_on() {
        let turns = watch::Sender::new(Instant::now());
        let health = Health {
            ready: Vec::new(),
            last_turn: Some(turns.subscribe()),
        };
        let status = || answer("/healthz", &health).status().as_u16();
        tokio::time::advance(STANDS_STILL_AFTER / 2).await;
        assert_eq!(status(), 200);
        tokio::time::advance(STANDS_STILL_AFTER / 2).await;
        assert_eq!(status(), 503);
        turns.send_replace(Instant::now());
        assert_eq!(status(), 200);
    }

    #[test]
    fn ready_is_no_matter_of_health() {
        let health = Health {
            ready: vec![watch::Sender::new(false).subscribe()],
            last_turn: None,
        };
        assert_eq!(answer("/healthz", &health).status(), 200);
        assert_eq!(answer("/readyz", &health).status(), 503);
    }
}
