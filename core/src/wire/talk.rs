//! A stream while it is being set up: one side speaks, then the other.

use super::features::{Features, StreamLimits};
use super::parse::Item;
use super::patience::Turns;
use super::reader::Reader;
use super::xml::{self, ns};
use super::{Arrived, stream_error};
use crate::error::{Error, ErrorKind};
use crate::net::Socket;
use minidom::Element;
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout_at};

/// Stanzas that may come before the login is through; a server that sends more has something else in mind.
const EARLY: usize = 256;

/// Both halves of a stream.
pub(crate) struct Talk {
    pub reader: Reader<ReadHalf<Socket>>,
    pub writer: WriteHalf<Socket>,
    /// Stanzas that came while something else was waited for.
    pub early: Vec<Arrived>,
    /// What the last features said of this stream; none if there were none since the login.
    pub limits: Option<StreamLimits>,
    /// Whoever is there has opened a stream of XMPP.
    met: bool,
    turns: Turns,
    /// When all of it must be over.
    until: Instant,
}

impl Talk {
    /// Over a byte stream; the time begins now.
    pub(crate) fn new(socket: Socket, turns: Turns) -> Self {
        let (read, writer) = tokio::io::split(socket);
        Talk {
            reader: Reader::new(read),
            writer,
            early: Vec::new(),
            limits: None,
            met: false,
            turns,
            until: Instant::now() + turns.all,
        }
    }

    /// The bare byte stream again; `None` if the server said more than it was asked.
    pub(crate) fn into_socket(self) -> Option<Socket> {
        Some(self.reader.into_inner()?.unsplit(self.writer))
    }

    /// Opens a stream, or opens it again after a login by SASL, and returns what the server offers.
    pub(crate) async fn open(&mut self, to: &str, from: Option<&str>) -> Result<Features, Error> {
        self.reader.restart();
        self.say(&xml::header(to, from)).await?;
        match self.item().await? {
            Item::Opened => self.met = true,
            _ => return Err(ErrorKind::NotXmpp.into()),
        }
        self.features().await
    }

    /// The features, which must come next.
    ///
    /// Errors: `OutOfTurn`, and those of [`Talk::hear`].
    pub(crate) async fn features(&mut self) -> Result<Features, Error> {
        let features = self.hear().await?;
        if features.is("features", ns::STREAMS) {
            let features = Features::read(&features);
            self.limits = Some(features.limits);
            Ok(features)
        } else {
            Err(ErrorKind::OutOfTurn.into())
        }
    }

    pub(crate) async fn say(&mut self, text: &str) -> Result<(), Error> {
        let write = async {
            self.writer.write_all(text.as_bytes()).await?;
            self.writer.flush().await
        };
        let until = self.turns.next(self.until);
        match timeout_at(until, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(ErrorKind::Disconnected.into()),
            Err(_) => Err(ErrorKind::TimedOut.into()),
        }
    }

    /// The next nonza. Stanzas on the way are kept for later.
    ///
    /// Errors: what a stream error means, `OutOfTurn`, `Disconnected`, `TimedOut`.
    pub(crate) async fn hear(&mut self) -> Result<Element, Error> {
        loop {
            match self.item().await? {
                Item::Nonza(element) => return Ok(element),
                Item::Stanza(arrived) => self.keep(arrived)?,
                Item::Opened => return Err(ErrorKind::OutOfTurn.into()),
                Item::Closed => return Err(ErrorKind::Disconnected.into()),
            }
        }
    }

    /// The answer to a request of XEP-0198. A server that counts already may ask and tell before it.
    pub(crate) async fn hear_sm(&mut self) -> Result<Element, Error> {
        loop {
            let heard = self.hear().await?;
            if !heard.is("r", ns::SM) && !heard.is("a", ns::SM) {
                return Ok(heard);
            }
        }
    }

    /// The answer to the `iq` with this id. Stanzas on the way are kept for later.
    pub(crate) async fn answer(&mut self, id: &str) -> Result<Element, Error> {
        loop {
            match self.item().await? {
                Item::Stanza(Arrived::Whole(iq)) if is_answer(&iq, id) => return Ok(iq),
                Item::Stanza(arrived) => self.keep(arrived)?,
                Item::Nonza(_) => {}
                Item::Opened => return Err(ErrorKind::OutOfTurn.into()),
                Item::Closed => return Err(ErrorKind::Disconnected.into()),
            }
        }
    }

    /// Errors: `OutOfTurn` if there were stanzas. Before the server has proved itself nobody is there who could say any.
    pub(crate) fn nothing_early(&self) -> Result<(), Error> {
        if self.early.is_empty() { Ok(()) } else { Err(ErrorKind::OutOfTurn.into()) }
    }

    /// What somebody means who says neither of what a login may be answered by: refused, if it is a task that we do not
    /// know (`<continue/>` of XEP-0388); else `OutOfTurn`.
    pub(crate) fn neither(heard: &Element) -> Error {
        if heard.name() == "continue" { ErrorKind::LoginRefused } else { ErrorKind::OutOfTurn }.into()
    }

    async fn item(&mut self) -> Result<Item, Error> {
        let until = self.turns.next(self.until);
        let item = timeout_at(until, self.reader.next()).await.map_err(|_| ErrorKind::TimedOut)?;
        let item = item.map_err(|error| self.unreadable(error))?;
        match item {
            Item::Nonza(element) if element.is("error", ns::STREAMS) => Err(stream_error(&element).0),
            item => Ok(item),
        }
    }

    /// What cannot be read on is ended by us, for something that may not come; it was no mistaken place either, once a
    /// stream was opened there.
    fn unreadable(&self, error: Error) -> Error {
        match error.kind {
            ErrorKind::StreamRefused => ErrorKind::OutOfTurn.into(),
            ErrorKind::NotXmpp if self.met => ErrorKind::OutOfTurn.into(),
            _ => error,
        }
    }

    fn keep(&mut self, arrived: Arrived) -> Result<(), Error> {
        self.early.push(arrived);
        if self.early.len() > EARLY { Err(ErrorKind::OutOfTurn.into()) } else { Ok(()) }
    }
}

/// Whether this is the result or error of the request with this id.
pub(crate) fn is_answer(iq: &Element, id: &str) -> bool {
    iq.is("iq", ns::CLIENT) && iq.attr("id") == Some(id) && matches!(iq.attr("type"), Some("result" | "error"))
}
