//! A TCP stream whose first bytes are acknowledged at once.
//!
//! A kernel delays acknowledgements by 40 ms in the hope of sending them along with data. A server that has not switched
//! Nagle's algorithm off (RFC 1122 §4.2.3.4; Prosody has not) holds its next words back until then: of a login it is the
//! features, which come after the tickets of TLS 1.3, to which a client says nothing.

use super::Fuse;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Reads that are acknowledged at once: those of a login and of the first answers. Later the kernel knows best.
const READS: u8 = 48;

/// A TCP stream, its first reads acknowledged at once where the system can do that. A blown fuse ends it.
pub(super) struct Prompt {
    stream: TcpStream,
    left: u8,
    fuse: Fuse,
}

impl Prompt {
    pub(super) fn new(stream: TcpStream, fuse: Fuse) -> Prompt {
        Prompt { stream, left: READS, fuse }
    }

    fn is_whole(&self) -> io::Result<()> {
        if self.fuse.is_blown() { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    /// Has what was read acknowledged. The kernel goes back to delaying by itself, so it is told after each read.
    fn acknowledge(&mut self) {
        if self.left > 0 {
            self.left -= 1;
            #[cfg(any(target_os = "linux", target_os = "android"))]
            let _ = self.stream.set_quickack(true);
        }
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        if self.fuse.is_blown() {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Prompt {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        let prompt = self.get_mut();
        ready!(Pin::new(&mut prompt.stream).poll_read(context, buffer))?;
        prompt.acknowledge();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.is_whole()?;
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context,
        slices: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        self.is_whole()?;
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        self.is_whole()?;
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn the_first_reads_are_acknowledged_at_once_and_later_ones_as_the_kernel_likes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut theirs, _) = listener.accept().await.unwrap();
        let mut ours = Prompt::new(ours, Fuse::default());
        for read in 0..=READS {
            // As the kernel does by itself once data goes back and forth.
            ours.stream.set_quickack(false).unwrap();
            theirs.write_all(b"x").await.unwrap();
            assert_eq!(ours.read_u8().await.unwrap(), b'x');
            assert_eq!(ours.stream.quickack().unwrap(), read < READS, "read {read}");
        }
    }

    #[tokio::test]
    async fn a_blown_fuse_lets_no_byte_out_not_even_what_the_kernel_holds() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut theirs, _) = listener.accept().await.unwrap();
        let fuse = Fuse::default();
        let mut ours = Prompt::new(ours, fuse.clone());
        // More than both kernels hold: the rest waits here for room that never comes.
        let mut written = 0;
        while ours.stream.try_write(&[b'x'; 1 << 16]).map(|some| written += some).is_ok() {}
        fuse.blow();
        assert_eq!(ours.write(b"y").await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        assert!(ours.shutdown().await.is_err());
        drop(ours);
        let (mut read, mut buffer) = (0, vec![0; 1 << 16]);
        let end = loop {
            match theirs.read(&mut buffer).await {
                Ok(0) => break None,
                Ok(some) => read += some,
                Err(error) => break Some(error.kind()),
            }
        };
        assert_eq!(end, Some(io::ErrorKind::ConnectionReset));
        assert!(read < written, "all {written} bytes came");
    }
}
