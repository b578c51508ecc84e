//! The layer below HTTP: TLS for webhooks, none for the pages of a kubelet.

use std::io;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use webhook_serve::{Acceptor, ServerStream};

pub(crate) trait Transport: Clone + Send + Sync + 'static {
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn open(&self, tcp: TcpStream) -> impl Future<Output = io::Result<Self::Io>> + Send;

    /// Whether the connection uses HTTP/2, by what was negotiated: a silent caller must not leave it open.
    fn is_http2(io: &Self::Io) -> bool;
}

impl Transport for Acceptor {
    type Io = ServerStream<TcpStream>;

    fn open(&self, tcp: TcpStream) -> impl Future<Output = io::Result<Self::Io>> + Send {
        self.accept(tcp)
    }

    fn is_http2(io: &Self::Io) -> bool {
        io.tls().get_ref().1.alpn_protocol() == Some(b"h2")
    }
}

/// HTTP/1 without TLS.
#[cfg(feature = "cli")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

#[cfg(feature = "cli")]
impl Transport for Plain {
    type Io = TcpStream;

    async fn open(&self, tcp: TcpStream) -> io::Result<TcpStream> {
        Ok(tcp)
    }

    fn is_http2(_: &TcpStream) -> bool {
        false
    }
}
