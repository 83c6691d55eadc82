//! What is on its way in either direction of a session: bytes for the socket, words for the brain, and what the server was
//! asked.

use super::sm::Outgoing;
use super::xml::ns;
use super::{FromWire, Limits, Vigil};
use crate::net::Socket;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, WriteHalf};
use tokio::time::Instant;

/// Bytes gathered before they are written.
pub(super) const BATCH: usize = 64 << 10;
/// After so many stanzas an acknowledgement is asked for, though more follow.
const EACH: usize = 8;
/// The first pause after an answer that left something out.
const LAG: Duration = Duration::from_secs(1);

/// Questions that the server has not answered: `<r/>`, or a ping where it does not count.
pub(super) struct Ask {
    /// How many.
    pub open: u32,
    /// When it was asked, or answered one of them.
    pub at: Instant,
    pub ping: Option<(String, Option<i64>)>,
    /// A sign of life must come sooner: the network changed.
    pub by: Option<Instant>,
}

/// The server answered all questions and still has not acknowledged all that it was asked about. It may do so in a moment,
/// or never: some count wrong. Asked again at once it would say the same as fast as the network carries it.
#[derive(Clone, Copy)]
pub(super) struct Lag {
    /// When it answered last.
    since: Instant,
    /// Answers that brought nothing new.
    times: u32,
}

impl Lag {
    /// When it is asked again: where somebody looks after pauses that double up to the silence that is borne anyway, else
    /// once while the radio is still awake and then like a server that is silent.
    fn over(&self, limits: &Limits, vigil: Vigil) -> Instant {
        let pause = match vigil {
            Vigil::Seen => LAG.saturating_mul(1 << self.times.min(16)).min(limits.silence),
            Vigil::Left | Vigil::Woken if self.times == 0 => LAG,
            Vigil::Left | Vigil::Woken => Vigil::Left.silence(limits).unwrap_or(limits.silence),
        };
        self.since + pause
    }
}

/// What is on its way in either direction.
pub(super) struct Line {
    /// Bytes for the socket, from `start` on.
    pub out: Vec<u8>,
    pub start: usize,
    pub flushed: bool,
    /// The last token whose bytes are in `out` or were written.
    pub queued: Option<i64>,
    /// For the brain, once it has room: watermarks, and one stanza.
    pub written: Option<i64>,
    pub acked: Option<(i64, Option<u32>)>,
    pub stanza: Option<FromWire>,
    /// Tokens whose bytes the server does not take.
    pub too_large: VecDeque<i64>,
    pub asked: Option<Ask>,
    /// Stanzas put since the last question.
    pub unasked: usize,
    pub lag: Option<Lag>,
    /// The server asked, and there was no room for an answer.
    pub owed: bool,
    pub heard: Instant,
    /// When something was written last.
    pub said: Instant,
}

impl Line {
    /// Puts a stanza for the socket. Where the server counts, it is asked in the midst of a long row too: so a slow one
    /// shows that it goes on, and what it has done is not done again should the stream be cut.
    pub(super) fn put(&mut self, out: &Outgoing, counting: bool) {
        self.out.extend_from_slice(&out.bytes);
        self.queued = Some(out.token);
        self.flushed = false;
        self.unasked += 1;
        self.lag = None;
        if counting && self.unasked >= EACH {
            self.ask();
        }
    }

    /// Puts an `<r/>`.
    pub(super) fn ask(&mut self) {
        self.out.extend_from_slice(format!("<r xmlns='{}'/>", ns::SM).as_bytes());
        self.flushed = false;
        self.unasked = 0;
        let ask = self.asked.get_or_insert(Ask { open: 0, at: Instant::now(), ping: None, by: None });
        ask.open += 1;
    }

    /// An `<a/>` came. `news`: it acknowledged something; `more`: something is still not acknowledged.
    pub(super) fn answered(&mut self, news: bool, more: bool) {
        let asked = self.asked.is_some();
        self.asked = self.asked.take().filter(|ask| more && ask.open > 1).map(|ask| Ask {
            open: ask.open - 1,
            at: Instant::now(),
            ..ask
        });
        if !more {
            self.lag = None;
        } else if self.asked.is_none() && self.unasked == 0 && (asked || news) {
            let times = self.lag.filter(|_| !news).map_or(0, |lag| lag.times.saturating_add(1));
            self.lag = Some(Lag { since: Instant::now(), times });
        }
    }

    /// Something came, which is a sign of life.
    pub(super) fn heard(&mut self) {
        self.heard = Instant::now();
        if let Some(ask) = &mut self.asked {
            ask.by = None;
        }
    }

    pub(super) fn waits_for_brain(&self) -> bool {
        !self.too_large.is_empty() || self.written.is_some() || self.acked.is_some() || self.stanza.is_some()
    }

    pub(super) fn next_event(&mut self) -> Option<FromWire> {
        // First: what is acknowledged stands for all before it, but not for these.
        if let Some(token) = self.too_large.pop_front() {
            return Some(FromWire::TooLarge { token });
        }
        if let Some(token) = self.written.take() {
            return Some(FromWire::Written { token });
        }
        if let Some((token, h)) = self.acked.take() {
            return Some(FromWire::Acked { token, h });
        }
        self.stanza.take()
    }

    pub(super) fn put_back(&mut self, event: FromWire) {
        match event {
            FromWire::Written { token } => self.written = Some(token),
            FromWire::Acked { token, h } => self.acked = Some((token, h)),
            FromWire::TooLarge { token } => self.too_large.push_front(token),
            event => self.stanza = Some(event),
        }
    }

    /// When the server must have given a sign of life, or is asked for one; none if it is not.
    pub(super) fn deadline(&self, limits: &Limits, vigil: Vigil, idle: Option<Duration>) -> Option<Instant> {
        let Some(ask) = &self.asked else {
            let silence = vigil.silence(limits).map(|silence| self.heard + silence);
            let idle = idle.and_then(|idle| vigil.speak(idle)).map(|idle| self.said + idle);
            let lag = self.lag.map(|lag| lag.over(limits, vigil));
            return [silence, idle, lag].into_iter().flatten().min();
        };
        // Bytes that come are a sign of life, but not for ever without an answer.
        let answer = (self.heard.max(ask.at) + limits.answer).min(ask.at + limits.silence + limits.answer);
        Some(ask.by.map_or(answer, |by| by.min(answer)))
    }

    /// Writes a piece, or flushes once all is written.
    pub(super) async fn write(&mut self, writer: &mut WriteHalf<Socket>) -> std::io::Result<()> {
        if self.start < self.out.len() {
            let written = writer.write(&self.out[self.start..]).await?;
            if written == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
            self.start += written;
            return Ok(());
        }
        writer.flush().await?;
        self.said = Instant::now();
        self.out.clear();
        self.out.shrink_to(BATCH);
        self.start = 0;
        self.flushed = true;
        self.written = self.queued.take().or(self.written);
        Ok(())
    }
}
