//! A way into the node's network: a socket in a folder is reached from every network namespace.

use std::{net::SocketAddr, path::PathBuf};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    task::JoinSet,
};

use crate::accept::accept;

/// Connections to `socket` go on to `address`.
pub(super) async fn inwards(socket: UnixListener, address: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((mut outer, _)) = socket.accept().await {
        connections.spawn(async move {
            if let Ok(mut inner) = TcpStream::connect(address).await {
                // Either side may go at any time.
                let _ended = copy_bidirectional(&mut outer, &mut inner).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Connections to `listener` go on to `socket`.
pub(super) async fn outwards(listener: TcpListener, socket: PathBuf) {
    let mut connections = JoinSet::new();
    loop {
        let mut outer = accept(&listener).await;
        let socket = socket.clone();
        connections.spawn(async move {
            if let Ok(mut inner) = UnixStream::connect(socket).await {
                // Either side may go at any time.
                let _ended = copy_bidirectional(&mut outer, &mut inner).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
