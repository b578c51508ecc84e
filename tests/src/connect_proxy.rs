//! A forward proxy, as companies have them: HTTP's CONNECT, to one server whatever its name.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::accept::accept;

/// Longer requests are none.
const LIMIT: usize = 8192;

/// Forwards until dropped.
#[derive(Debug)]
pub struct ConnectProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl ConnectProxy {
    /// Listens on `address`, and takes every connection to `upstream`.
    ///
    /// # Errors
    ///
    /// The address is taken.
    pub async fn start(address: SocketAddr, upstream: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            loop {
                let caller = accept(&listener).await;
                tokio::spawn(forward(caller, upstream, Arc::clone(&heard)));
            }
        });
        Ok(Self {
            address,
            asked,
            task,
        })
    }

    /// `http://HOST:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked for, as `HOST:PORT`, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Either side may hang up at any time.
async fn forward(
    mut caller: TcpStream,
    upstream: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < LIMIT {
        head.push(caller.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head);
    let wanted = head.strip_prefix("CONNECT ")?.split(' ').next()?;
    asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(wanted.to_owned());
    let mut server = TcpStream::connect(upstream).await.ok()?;
    let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
    caller.write_all(established).await.ok()?;
    copy_bidirectional(&mut caller, &mut server).await.ok()?;
    Some(())
}
