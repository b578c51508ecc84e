//! Callers that do not read what they asked for.

use std::io;

use tokio::io::AsyncWriteExt;

use crate::{frames::INITIAL_WINDOW_SIZE, front::Front, http2::Http2, review, tls::Offer};

const STREAMS: usize = 200;
/// Of one connection of HTTP/1.
const REQUESTS: usize = 20_000;
/// An answer names the request by the text that the request gave.
const LARGE: usize = 1_000_000;

/// Requests one after another, until the server takes no more.
pub(super) async fn http1(front: Front) -> io::Result<()> {
    never_read(front, &review::http1(&review::named("a")), REQUESTS).await
}

/// The same with an answer of a megabyte each.
pub(super) async fn large_http1(front: Front) -> io::Result<()> {
    never_read(front, &review::http1(&review::named(&"a".repeat(LARGE))), 8).await
}

async fn never_read(front: Front, request: &[u8], times: usize) -> io::Result<()> {
    let mut tls = front.tls_without_room(Offer::Http1).await?;
    for _ in 0..times {
        tls.write_all(request).await?;
    }
    tls.flush().await?;
    // Not by reading, but by asking on and on, is it seen that the server has hung up.
    loop {
        tokio::time::sleep(super::SLOWLY).await;
        tls.write_all(b"\r\n").await?;
        tls.flush().await?;
    }
}

/// A window of nothing: no answer may have a body.
pub(super) async fn http2(front: Front) -> io::Result<()> {
    without_window(front, &review::named("a")).await
}

pub(super) async fn large_http2(front: Front) -> io::Result<()> {
    without_window(front, &review::named(&"a".repeat(LARGE))).await
}

async fn without_window(front: Front, body: &[u8]) -> io::Result<()> {
    let tls = front.tls(Offer::Http2).await?;
    let mut connection = Http2::open_with(tls, &[(INITIAL_WINDOW_SIZE, 0)]).await?;
    for _ in 0..STREAMS {
        connection.ask(body).await?;
    }
    connection.gone().await
}
