//! Accepts TLS connections, and counts what callers answer to the certificate.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use rustls::{ServerConfig, server::ResolvesServerCert, sign::CertifiedKey};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    counters::Counters,
    resolver::{Resolver, resume_nothing},
};

/// Accepts TLS connections with a [`Resolver`]'s certificate and counts refusals. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Acceptor {
    resolver: Resolver,
    config: Arc<ServerConfig>,
    counters: Counters,
}

impl Acceptor {
    /// Presents the certificate of `resolver`, with its [`server_config`](Resolver::server_config).
    ///
    /// # Errors
    ///
    /// As for [`Resolver::server_config`].
    pub fn new(resolver: &Resolver) -> Result<Self, rustls::Error> {
        let config = resolver.server_config()?;
        Ok(Self::with_config(resolver, config))
    }

    /// Presents the certificate of `resolver` under your own configuration.
    ///
    /// Ignores that configuration's certificates, tickets and session storage: a resumed session would outlive a
    /// replaced key.
    pub fn with_config(resolver: &Resolver, mut config: ServerConfig) -> Self {
        resume_nothing(&mut config);
        Self {
            resolver: resolver.clone(),
            config: Arc::new(config),
            counters: Counters::default(),
        }
    }

    /// Returns the counts of accepted and refused handshakes.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Completes one handshake. Set a time limit on it: a caller may send nothing.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the handshake failed; the caller's alert, if there was one, is counted.
    pub async fn accept<IO>(&self, io: IO) -> io::Result<ServerStream<IO>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let cert = self.resolver.current().ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotConnected, "there is no certificate yet")
        })?;
        // Pins one certificate for the whole handshake, so that a refusal counts for the certificate presented.
        let mut config = ServerConfig::clone(&self.config);
        config.cert_resolver = Arc::new(Pinned(cert.certified()));
        let issuer = cert.shared_issuer();
        let counters = self.counters.clone();
        match TlsAcceptor::from(Arc::new(config)).accept(io).await {
            Ok(tls) => {
                counters.completed(&issuer);
                Ok(ServerStream {
                    tls,
                    issuer,
                    counters,
                })
            }
            Err(error) => {
                note(&error, &issuer, &counters);
                Err(error)
            }
        }
    }
}

#[derive(Debug)]
struct Pinned(Arc<CertifiedKey>);

impl ResolvesServerCert for Pinned {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A TLS connection.
///
/// In TLS 1.3 the server's side completes before the caller has verified the certificate: its alert comes with the
/// first read, and is counted there.
#[derive(Debug)]
pub struct ServerStream<IO> {
    tls: TlsStream<IO>,
    issuer: Arc<str>,
    counters: Counters,
}

impl<IO> ServerStream<IO> {
    /// Returns the TLS stream within, with what was negotiated and the connection below.
    pub fn tls(&self) -> &TlsStream<IO> {
        &self.tls
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for ServerStream<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.tls).poll_read(cx, buffer));
        if let Err(error) = &read {
            note(error, &self.issuer, &self.counters);
        }
        Poll::Ready(read)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ServerStream<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }
}

fn note(error: &io::Error, issuer: &Arc<str>, counters: &Counters) {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::AlertReceived(alert)) => counters.alert(issuer, *alert),
        Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)) => {
            counters.caller_refused();
        }
        _ => {}
    }
}
