//! A Service's cluster IP: connections go to the replicas in turn, and past those that do not listen.

use std::net::{SocketAddr, SocketAddrV4};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::accept::accept;

/// Forwards until dropped.
#[derive(Debug)]
pub struct RoundRobin(JoinHandle<()>);

impl RoundRobin {
    /// Listens on `address` for `replicas`.
    ///
    /// # Errors
    ///
    /// The address is taken.
    pub async fn start(address: SocketAddrV4, replicas: Vec<SocketAddr>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self(tokio::spawn(async move {
            let mut first = 0_usize;
            loop {
                let caller = accept(&listener).await;
                first = first.wrapping_add(1);
                tokio::spawn(forward(caller, replicas.clone(), first));
            }
        })))
    }
}

impl Drop for RoundRobin {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn forward(mut caller: TcpStream, replicas: Vec<SocketAddr>, first: usize) {
    let in_turn = replicas.iter().cycle().skip(first % replicas.len().max(1));
    for replica in in_turn.take(replicas.len()) {
        if let Ok(mut server) = TcpStream::connect(replica).await {
            // Either side may hang up.
            let _ = copy_bidirectional(&mut caller, &mut server).await;
            return;
        }
    }
}
