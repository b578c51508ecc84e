//! Bodies that are slow, do not end, or are too large.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, split},
    time::sleep,
};

use super::SLOWLY;
use crate::{front::Front, http2::Http2, tls::Offer};

/// Of a body that is sent byte by byte.
const SLOW_LENGTH: u64 = 1_000_000;
const SLOW_STREAMS: usize = 100;
const HUGE: usize = 100_000_000;
/// How many streams a connection of this attack begins at most.
const BEGUN: usize = 2_000;

pub(super) async fn slow_http1(front: Front) -> io::Result<()> {
    let tls = front.tls(Offer::Http1).await?;
    let (mut from, mut to) = split(tls);
    to.write_all(head(SLOW_LENGTH).as_bytes()).await?;
    let sending = async {
        loop {
            to.write_all(b" ").await?;
            to.flush().await?;
            sleep(SLOWLY).await;
        }
    };
    let mut answer = Vec::new();
    tokio::select! {
        sent = sending => sent,
        read = from.read_to_end(&mut answer) => read.map(drop),
    }
}

pub(super) async fn slow_http2(front: Front) -> io::Result<()> {
    let mut connection = Http2::open(&front).await?;
    let mut streams = Vec::new();
    for _ in 0..SLOW_STREAMS {
        streams.push(connection.begin(SLOW_LENGTH).await?);
    }
    loop {
        for stream in &streams {
            connection.data(*stream, 1).await?;
        }
        if streams.iter().all(|stream| connection.is_done(*stream)) {
            return Ok(());
        }
        sleep(SLOWLY).await;
    }
}

/// Sends so many bytes of a body on each of so many streams, as the windows allow, and never the last byte. A stream that the
/// server ends is replaced.
pub(super) async fn unfinished(front: Front, streams: usize, length: u64) -> io::Result<()> {
    let mut connection = Http2::open(&front).await?;
    let mut open: Vec<(u32, u64)> = Vec::new();
    let mut begun = 0;
    loop {
        while open.len() < streams && begun < BEGUN {
            open.push((connection.begin(length + 1).await?, length));
            begun += 1;
        }
        let mut sent = 0;
        for (stream, left) in &mut open {
            let now = connection.data(*stream, *left).await?;
            *left -= now;
            sent += now;
        }
        let before = open.len();
        open.retain(|(stream, _)| !connection.is_done(*stream));
        if sent == 0 && open.len() == before {
            connection.changed().await?;
        }
    }
}

pub(super) async fn huge_http1(front: Front) -> io::Result<()> {
    let tls = front.tls(Offer::Http1).await?;
    let (mut from, mut to) = split(tls);
    let length = u64::try_from(HUGE).unwrap_or(u64::MAX);
    to.write_all(head(length).as_bytes()).await?;
    let sending = async {
        let piece = vec![b' '; 65_536];
        for _ in 0..HUGE / piece.len() {
            to.write_all(&piece).await?;
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

fn head(length: u64) -> String {
    format!(
        "POST /admit HTTP/1.1\r\nhost: guard\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}
