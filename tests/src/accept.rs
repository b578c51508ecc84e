//! Connections of a listener.

use std::time::Duration;

use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// The next one. That one failed, as for want of descriptors, is no reason to hear no more: its caller was refused.
pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}
