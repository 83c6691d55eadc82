//! Counts how often we wait for the other side: for tests that say how long a way is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A byte stream that counts its flights: whatever we say until the other side is heard is one.
pub(crate) struct Counted<S> {
    inner: S,
    flights: Arc<AtomicUsize>,
    saying: bool,
}

impl<S> Counted<S> {
    /// Counts from 0 on.
    pub(crate) fn new(inner: S, flights: Arc<AtomicUsize>) -> Counted<S> {
        flights.store(0, Ordering::SeqCst);
        Counted { inner, flights, saying: false }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        let counted = self.get_mut();
        ready!(Pin::new(&mut counted.inner).poll_read(context, buffer))?;
        counted.saying = false;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let counted = self.get_mut();
        let written = ready!(Pin::new(&mut counted.inner).poll_write(context, bytes))?;
        if !std::mem::replace(&mut counted.saying, true) {
            counted.flights.fetch_add(1, Ordering::SeqCst);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}
