//! A page of a program's health server.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const LIMIT: Duration = Duration::from_secs(30);

/// The whole answer, from its first line on.
///
/// # Errors
///
/// Nobody listens, or half a minute passed without the whole answer.
pub async fn page(address: SocketAddr, path: &str) -> std::io::Result<Vec<u8>> {
    timeout(LIMIT, asked(address, path)).await?
}

async fn asked(address: SocketAddr, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: guard\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}
