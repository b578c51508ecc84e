//! Serves HTTPS until asked to stop, and then until the last caller is answered.

use std::{convert::Infallible, io, time::Duration};

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tower::Service;
use webhook_serve::Acceptor;

/// API servers give up on a webhook after 30 s at most.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
const HEADER_LIMIT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// After the order to stop, calls still come until every node knows that this endpoint is gone.
const LAST_CALLS: Duration = Duration::from_secs(5);
/// The longest time-out that a webhook may have.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// After an error of `accept`, which may be want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` on `listener` until `stop`, goes on for five seconds while the endpoint disappears, and then answers what
/// is under way.
pub(crate) async fn serve<S, B>(
    acceptor: Acceptor,
    listener: TcpListener,
    app: S,
    stop: impl Future<Output = ()>,
) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let connections = GracefulShutdown::new();
    let last_call = async {
        stop.await;
        tracing::info!("stopping: serving on while the endpoint disappears");
        tokio::time::sleep(LAST_CALLS).await;
    };
    tokio::pin!(last_call);
    loop {
        let tcp = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) => tcp,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = &mut last_call => break,
        };
        let (acceptor, app, watcher) = (acceptor.clone(), app.clone(), connections.watcher());
        tokio::spawn(async move { connection(&acceptor, tcp, app, watcher).await });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_LIMIT, connections.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            "stopped with calls unanswered after {} s",
            DRAIN_LIMIT.as_secs()
        );
    }
    Ok(())
}

async fn connection<S, B>(
    acceptor: &Acceptor,
    tcp: TcpStream,
    app: S,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Latency matters more than packets; a socket that refuses the option works all the same.
    let _ = tcp.set_nodelay(true);
    let tls = match tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(tcp)).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a handshake failed");
            return;
        }
        Err(_) => return,
    };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT);
    // A caller whose machine is gone says nothing any more.
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE);
    // By what was negotiated: who says nothing must not leave it open.
    let builder = match tls.tls().get_ref().1.alpn_protocol() {
        Some(b"h2") => builder.http2_only(),
        _ => builder.http1_only(),
    };
    let service = TowerToHyperService::new(app);
    let serving = builder.serve_connection_with_upgrades(TokioIo::new(tls), service);
    if let Err(error) = watcher.watch(serving.into_owned()).await {
        tracing::debug!(error = %error, "a connection ended early");
    }
}

/// Resolves on SIGTERM or SIGINT.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};

    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        // Without handlers the signals end the process, which harms nothing.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
