//! A connection that records reads, and ends when no write succeeds for too long.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::gate::Seat;

/// The stream of a connection, with its place.
#[derive(Debug)]
pub(super) struct Stream<IO> {
    io: IO,
    seat: Arc<Seat>,
    /// Whether bytes between requests belong to the head of a request.
    has_heads: bool,
    /// Set while a write waits.
    late: Option<Pin<Box<Sleep>>>,
    stall: Duration,
}

impl<IO> Stream<IO> {
    pub(super) fn new(io: IO, seat: Arc<Seat>, has_heads: bool) -> Self {
        let stall = seat.gate().limits.answer_stall;
        Self {
            io,
            seat,
            has_heads,
            late: None,
            stall,
        }
    }

    /// Returns the result of a write, or an error if it took too long.
    fn timed<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.late = None;
            return written;
        }
        let stall = self.stall;
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(stall)));
        ready!(late.as_mut().poll(cx));
        (self.seat.gate().counts).count(|counts| &mut counts.answers_untaken);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Stream<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.io).poll_read(cx, buffer));
        if self.has_heads && buffer.filled().len() > before {
            self.seat.heard();
        }
        Poll::Ready(read)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Stream<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buffer);
        self.timed(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, buffers);
        self.timed(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.timed(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(cx);
        self.timed(cx, shut)
    }
}
