//! The reading half of a stream: a buffer before the assembler.

use super::parse::{Assembler, Broken, Item};
use crate::error::{Error, ErrorKind};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes taken from the socket at once.
const CHUNK: usize = 16 << 10;

/// Reads items off a byte stream.
pub(crate) struct Reader<R> {
    io: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    assembler: Assembler,
    /// Nothing was read of this stream yet.
    fresh: bool,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(crate) fn new(io: R) -> Self {
        let buffer = vec![0; CHUNK].into_boxed_slice();
        Reader { io, buffer, start: 0, end: 0, assembler: Assembler::new(), fresh: true }
    }

    /// The next header belongs to a new stream (RFC 6120 §4.3.3).
    pub(crate) fn restart(&mut self) {
        self.assembler = Assembler::new();
        self.fresh = true;
    }

    /// The bare byte stream again; `None` if bytes were read that nobody asked for.
    pub(crate) fn into_inner(self) -> Option<R> {
        (self.start == self.end).then_some(self.io)
    }

    /// The next item of what was read already.
    pub(crate) fn ready(&mut self) -> Result<Option<Item>, Error> {
        if self.fresh {
            // White space behind the last word of the stream before it (RFC 6120 §4.6.1) is none before a declaration.
            let read = &self.buffer[self.start..self.end];
            self.start += read.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.fresh = self.start == self.end;
        }
        let mut input = &self.buffer[self.start..self.end];
        let item = self.assembler.next(&mut input);
        self.start = self.end - input.len();
        item.map_err(|broken| match broken {
            Broken::NotXmpp => ErrorKind::NotXmpp.into(),
            Broken::Forbidden => ErrorKind::OutOfTurn.into(),
            _ if !self.assembler.opened() => ErrorKind::NotXmpp.into(),
            Broken::Xml | Broken::TooLarge => ErrorKind::StreamRefused.into(),
        })
    }

    /// About what the last stanza takes in memory, bytes.
    pub(crate) fn weight(&self) -> usize {
        self.assembler.weight()
    }

    /// Reads more bytes. Only after [`Reader::ready`] had nothing. Cancel-safe: the one await is a single read.
    pub(crate) async fn fill(&mut self) -> Result<(), Error> {
        debug_assert_eq!(self.start, self.end, "the parser takes all that it is given");
        let read = self.io.read(&mut self.buffer).await;
        match read {
            Ok(0) | Err(_) => Err(ErrorKind::Disconnected.into()),
            Ok(n) => {
                self.start = 0;
                self.end = n;
                Ok(())
            }
        }
    }

    /// The next item. Cancel-safe: nothing is lost between [`Reader::fill`] and [`Reader::ready`].
    pub(crate) async fn next(&mut self) -> Result<Item, Error> {
        loop {
            match self.ready()? {
                Some(item) => return Ok(item),
                None => self.fill().await?,
            }
        }
    }
}
