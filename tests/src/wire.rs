//! A wire to an API server that can be cut, and joined to another one.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use crate::accept::accept;

/// Forwards connections until dropped.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    to: watch::Sender<SocketAddr>,
    task: JoinHandle<()>,
}

impl Wire {
    /// From `address` to `to`.
    ///
    /// # Errors
    ///
    /// The address is taken.
    pub async fn start(address: SocketAddr, to: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let (to, end) = watch::channel(to);
        let task = tokio::spawn(async move {
            loop {
                let client = accept(&listener).await;
                tokio::spawn(forward(client, end.clone()));
            }
        });
        Ok(Self { address, to, task })
    }

    /// Where it begins.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts every connection; new ones lead to `to`.
    pub fn move_to(&self, to: SocketAddr) {
        self.to.send_replace(to);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(mut client: TcpStream, mut to: watch::Receiver<SocketAddr>) {
    let server = *to.borrow_and_update();
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    tokio::select! {
        // Either side may hang up.
        _ = copy_bidirectional(&mut client, &mut server) => {}
        // Moved, or dropped.
        _ = to.changed() => {}
    }
}
