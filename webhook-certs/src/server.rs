//! Serves HTTP until asked to stop, and then until the last call is answered.

use std::{convert::Infallible, error::Error, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::body::Body;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, MissedTickBehavior, interval},
};
use tower::Service;

mod answer;
mod bodies;
mod body;
mod connection;
mod connections;
mod counts;
mod gate;
mod limits;
mod stream;
mod transport;
mod trouble;

#[cfg(feature = "cli")]
pub(crate) use transport::Plain;
pub use {connection::RequestBody, counts::LimitCounts, limits::Limits};
pub(crate) use {counts::Counts, transport::Transport};

use gate::Gate;
use trouble::{News, Trouble};

const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long to accept calls after the stop: until every node knows that this endpoint is gone.
const LAST_CALLS: Duration = Duration::from_secs(5);
/// How long to drain: the longest timeout that a webhook may have.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// How long to wait after an error of `accept`, which may be a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a new connection waits if accepting it would end one that has just begun.
const PATIENCE: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// How many connections may be accepted before they are read: with more, connections would end for others unread.
const UNHEARD: usize = 64;

/// Serves `app` on `listener` until `stop`, goes on for five seconds while the endpoint disappears, and then answers
/// the remaining calls.
pub(crate) async fn serve<T, S, B>(
    transport: T,
    listener: TcpListener,
    app: S,
    (limits, counts): (Limits, Counts),
    stop: impl Future<Output = ()>,
) where
    T: Transport,
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let gate = Gate::new(limits, counts);
    serve_through(gate, transport, listener, app, stop).await;
}

async fn serve_through<T, S, B>(
    gate: Arc<Gate>,
    transport: T,
    listener: TcpListener,
    app: S,
    stop: impl Future<Output = ()>,
) where
    T: Transport,
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let last_call = async {
        stop.await;
        tracing::info!("stopping: serving on while the endpoint disappears");
        tokio::time::sleep(LAST_CALLS).await;
    };
    tokio::pin!(last_call);
    let mut rounds = interval(gate.limits.rounds());
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut trouble = Trouble::default();
    let unheard = Arc::new(Semaphore::new(UNHEARD));
    loop {
        let tcp = tokio::select! {
            tcp = accept(&listener, &gate, &mut trouble) => tcp,
            _ = rounds.tick(), if gate.has_connections() => {
                gate.sweep();
                continue;
            }
            () = &mut last_call => break,
        };
        let patience = Instant::now() + PATIENCE;
        while gate.is_crowded() && Instant::now() < patience {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let Some((seat, orders)) = tcp.peer_addr().ok().and_then(|peer| gate.enter(peer.ip()))
        else {
            continue;
        };
        let (transport, app, seat) = (transport.clone(), app.clone(), Arc::new(seat));
        let place = Arc::clone(&unheard).acquire_owned().await;
        tokio::spawn(async move {
            drop(place);
            connection::serve(transport, tcp, app, seat, orders).await;
        });
    }
    drop(listener);
    drain(&gate).await;
}

/// Accepts the next connection. Logs errors once, and their end.
async fn accept(listener: &TcpListener, gate: &Gate, trouble: &mut Trouble) -> TcpStream {
    loop {
        let accepted = listener.accept().await;
        match &accepted {
            Ok(_) => tell(trouble.accepted(gate.now())),
            Err(error) => {
                gate.counts.count(|counts| &mut counts.accept_errors);
                tell(trouble.failed(error, gate.now()));
                // Frees a descriptor, which may be what `accept` lacks.
                gate.shed_one();
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        if let Ok((tcp, _)) = accepted {
            return tcp;
        }
    }
}

fn tell(news: Option<News>) {
    match news {
        Some(News::Begun { error }) => tracing::warn!(
            %error,
            "connections are not accepted: idle ones are ended until they are; raise the limit of open files"
        ),
        Some(News::Over { errors }) => tracing::info!(errors, "connections are accepted again"),
        None => {}
    }
}

async fn drain(gate: &Gate) {
    let mut rounds = interval(gate.limits.rounds());
    let sweeping = async {
        loop {
            rounds.tick().await;
            gate.sweep();
        }
    };
    let drained = tokio::time::timeout(DRAIN_LIMIT, async {
        tokio::select! {
            () = gate.close() => {}
            () = sweeping => {}
        }
    });
    if drained.await.is_err() {
        tracing::warn!(
            "stopped with calls unanswered after {} s",
            DRAIN_LIMIT.as_secs()
        );
    }
}

/// Resolves on SIGTERM or SIGINT.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};

    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        // Without handlers the signals end the process, which does no harm.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests;
