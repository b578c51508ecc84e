//! Connections that never get through a handshake.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use super::SLOWLY;
use crate::{
    front::Front,
    tls::{Offer, client_hello},
};

/// The most that a record may carry.
const RECORD: usize = 16_384;

pub(super) async fn slow(front: Front) -> io::Result<()> {
    let hello = client_hello(Offer::Http2).map_err(io::Error::other)?;
    let mut tcp = front.tcp().await?;
    for byte in hello {
        tcp.write_all(&[byte]).await?;
        sleep(SLOWLY).await;
    }
    until_hung_up(&mut tcp).await
}

/// Records of a message that says it has 16 MB, one after another.
pub(super) async fn huge(front: Front) -> io::Result<()> {
    let mut tcp = front.tcp().await?;
    let mut first = record();
    // RFC 8446, section 4: client_hello, and a length of three bytes.
    for (place, byte) in first.iter_mut().skip(5).zip([1, 0xff, 0xff, 0xff]) {
        *place = byte;
    }
    tcp.write_all(&first).await?;
    let next = record();
    for _ in 0..1_024 {
        tcp.write_all(&next).await?;
    }
    until_hung_up(&mut tcp).await
}

/// A record of the handshake with as much in it as there may be.
fn record() -> Vec<u8> {
    let [high, low] = u16::try_from(RECORD).unwrap_or_default().to_be_bytes();
    let mut bytes = vec![22, 3, 1, high, low];
    bytes.resize(5 + RECORD, 0);
    bytes
}

/// Half of them begin as a record of TLS does.
pub(super) async fn garbage(front: Front) -> io::Result<()> {
    let mut tcp = front.tcp().await?;
    // By the connection's port: the same in each run, and different for each connection.
    let mut state = u64::from(tcp.local_addr()?.port()) | 1;
    let mut bytes = Vec::new();
    for _ in 0..RECORD / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    if state & 2 == 0 {
        let length = bytes.iter_mut().zip([22, 3, 3, 0x3f, 0xff]);
        length.for_each(|(place, byte)| *place = byte);
    }
    tcp.write_all(&bytes).await?;
    until_hung_up(&mut tcp).await
}

pub(super) async fn until_hung_up(tcp: &mut TcpStream) -> io::Result<()> {
    let mut said = [0; 256];
    while tcp.read(&mut said).await? > 0 {}
    Ok(())
}
