//! Serves one connection, from its handshake to its end.

use std::{convert::Infallible, error::Error, pin::pin, sync::Arc};

use axum_core::extract::DefaultBodyLimit;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::{Body, Bytes, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{net::TcpStream, sync::watch};
use tower::{Service, ServiceExt};

use super::{
    KEEP_ALIVE,
    answer::{Answer, refusal},
    body::take,
    connections::Order,
    gate::{Call, Seat},
    stream::Stream,
    transport::Transport,
};

/// What HTTP may buffer for one connection, in bytes, besides the bodies that are accounted for.
const HTTP1_BUFFER: usize = 64 * 1024;
const HTTP2_CONNECTION_WINDOW: u32 = 256 * 1024;
const HTTP2_STREAM_WINDOW: u32 = 64 * 1024;
const HTTP2_SEND_BUFFER: usize = 64 * 1024;
const HTTP2_HEADERS: u32 = 16 * 1024;
/// How many requests at once on one connection.
const HTTP2_STREAMS: u32 = 100;

/// The body of a request as the app gets it: complete.
pub type RequestBody = Full<Bytes>;

/// Serves one connection until it ends or is told to.
pub(super) async fn serve<T, S, B>(
    transport: T,
    tcp: TcpStream,
    app: S,
    seat: Arc<Seat>,
    mut orders: watch::Receiver<Order>,
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
    // Latency matters more than packets; a socket that refuses the option still works.
    let _ = tcp.set_nodelay(true);
    let opening = async {
        // A silent caller costs little memory, and is dropped first. `readable` would not do: tokio assumes it of a new
        // connection.
        tcp.peek(&mut [0]).await?;
        seat.spoke();
        transport.open(tcp).await
    };
    let opened = tokio::select! {
        opened = opening => opened,
        () = told_to_end(&mut orders) => return,
    };
    let io = match opened {
        Ok(io) => io,
        Err(error) => {
            tracing::debug!(%error, "a handshake failed");
            return;
        }
    };
    seat.opened();
    let is_http2 = T::is_http2(&io);
    let io = TokioIo::new(Stream::new(io, Arc::clone(&seat), !is_http2));
    let of_calls = Arc::clone(&seat);
    let service = service_fn(move |request| answer(request, app.clone(), of_calls.begin()));
    let builder = builder(is_http2);
    let mut serving = pin!(builder.serve_connection_with_upgrades(io, service));
    loop {
        tokio::select! {
            ended = &mut serving => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                break;
            }
            order = told(&mut orders) => match order {
                Order::Leave => serving.as_mut().graceful_shutdown(),
                Order::End => return,
                Order::Stay => {}
            }
        }
    }
    // If the app has taken over the connection, it keeps the place as well.
    seat.upgraded();
}

async fn told(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.changed().await {
        Ok(()) => *orders.borrow_and_update(),
        Err(_) => std::future::pending().await,
    }
}

async fn told_to_end(orders: &mut watch::Receiver<Order>) {
    while told(orders).await != Order::End {}
}

fn builder(is_http2: bool) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // The time limit of a head starts with its first byte: a caller that has not begun one is idle.
    (builder.http1())
        .header_read_timeout(None)
        .max_buf_size(HTTP1_BUFFER);
    // Detects a caller whose machine is gone.
    (builder.http2())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW)
        .max_send_buf_size(HTTP2_SEND_BUFFER)
        .max_header_list_size(HTTP2_HEADERS)
        .max_concurrent_streams(HTTP2_STREAMS);
    if is_http2 {
        builder.http2_only()
    } else {
        builder.http1_only()
    }
}

/// Reads the body, and calls the app.
async fn answer<S, B>(
    request: Request<Incoming>,
    app: S,
    call: Call,
) -> Result<Response<Answer>, Infallible>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let (bytes, room) = if body.is_end_stream() {
        (Bytes::new(), None)
    } else {
        match take(body, call.seat()).await {
            Ok((bytes, room)) => (bytes, Some(room)),
            Err(why) => {
                call.seat().gate().counts.no_body(why);
                return Ok(Answer::of(refusal(why), call));
            }
        }
    };
    call.at_work();
    let mut request = Request::from_parts(head, Full::new(bytes));
    // axum would refuse more than 2 MB, though all of it is here.
    DefaultBodyLimit::disable().apply(&mut request);
    let response = app.oneshot(request).await?;
    drop(room);
    Ok(Answer::of(response, call))
}
