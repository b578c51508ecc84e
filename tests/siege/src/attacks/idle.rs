//! Connections that are there, and say nothing.

use std::io;

use super::handshakes::until_hung_up;
use crate::{front::Front, http2::Http2, review};

pub(super) async fn tcp(front: Front) -> io::Result<()> {
    let mut tcp = front.tcp().await?;
    until_hung_up(&mut tcp).await
}

/// Says that it speaks HTTP/2, and nothing else.
pub(super) async fn http2(front: Front) -> io::Result<()> {
    Http2::open(&front).await?.gone().await
}

/// Has been answered once.
pub(super) async fn after_a_call(front: Front) -> io::Result<()> {
    let mut connection = Http2::open(&front).await?;
    connection.ask(&review::named("idle")).await?;
    connection.gone().await
}
