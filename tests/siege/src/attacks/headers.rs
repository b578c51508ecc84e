//! Headers that do not end, or are too large.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, split},
    time::sleep,
};

use super::SLOWLY;
use crate::{
    frames::{
        CONTINUATION, END_HEADERS, END_STREAM, HEADERS, LONGEST, REMEMBERED, frame, get, header,
        header_to_remember, post,
    },
    front::Front,
    http2::Http2,
    tls::Offer,
};

const SIZE: usize = 16_000_000;
/// A table has room for 4,096 bytes, unless the server says otherwise: then a block of 16 kB stands for 49 MB.
const REMEMBERED_LENGTH: usize = 4_000;

pub(super) async fn slow_http1(front: Front) -> io::Result<()> {
    let mut tls = front.tls(Offer::Http1).await?;
    tls.write_all(b"POST /admit HTTP/1.1\r\nhost: guard\r\nx-slow: ")
        .await?;
    loop {
        tls.write_all(b"a").await?;
        tls.flush().await?;
        sleep(SLOWLY).await;
    }
}

pub(super) async fn slow_http2(front: Front) -> io::Result<()> {
    let mut connection = Http2::open(&front).await?;
    let stream = connection.next_stream();
    let begin = frame(HEADERS, 0, stream, &post(2));
    connection.send(&begin).await?;
    // One long header, of which each frame has a byte: empty frames are another attack.
    let slow = header("x-slow", &"a".repeat(4_000));
    for byte in slow {
        connection
            .send(&frame(CONTINUATION, 0, stream, &[byte]))
            .await?;
        sleep(SLOWLY).await;
    }
    connection.gone().await
}

pub(super) async fn huge_http1(front: Front) -> io::Result<()> {
    let tls = front.tls(Offer::Http1).await?;
    let (mut from, mut to) = split(tls);
    let sending = async {
        to.write_all(b"POST /admit HTTP/1.1\r\nhost: guard\r\n")
            .await?;
        let line = format!("x-large: {}\r\n", "a".repeat(1_000));
        for _ in 0..SIZE / line.len() {
            to.write_all(line.as_bytes()).await?;
        }
        to.flush().await
    };
    let mut answer = Vec::new();
    tokio::select! {
        sent = sending => sent?,
        read = from.read_to_end(&mut answer) => return read.map(drop),
    }
    from.read_to_end(&mut answer).await.map(drop)
}

pub(super) async fn huge_http2(front: Front) -> io::Result<()> {
    let mut connection = Http2::open(&front).await?;
    let stream = connection.next_stream();
    connection.send(&frame(HEADERS, 0, stream, &get())).await?;
    let block = header("x-large", &"a".repeat(LONGEST - 100));
    for _ in 0..SIZE / block.len() {
        connection
            .send(&frame(CONTINUATION, 0, stream, &block))
            .await?;
    }
    connection
        .send(&frame(CONTINUATION, END_HEADERS, stream, &[]))
        .await?;
    connection.gone().await
}

/// A small block that stands for a large one, on stream after stream.
pub(super) async fn bomb(front: Front) -> io::Result<()> {
    let mut connection = Http2::open(&front).await?;
    let mut block = get();
    block.extend(header_to_remember("x-bomb", &"a".repeat(REMEMBERED_LENGTH)));
    block.resize(LONGEST, REMEMBERED);
    for _ in 0..1_000 {
        let stream = connection.next_stream();
        let flags = END_HEADERS | END_STREAM;
        connection
            .send(&frame(HEADERS, flags, stream, &block))
            .await?;
    }
    connection.gone().await
}
