//! A session under way: both directions, acknowledgements, signs of life, the goodbye.
//!
//! One task does it all, so nothing is locked. Reading stops while the brain has no room, which slows the server by TCP;
//! writing and the brain's commands go on meanwhile, so neither side ever waits for the other in a circle.

use super::features::Features;
use super::line::{Ask, BATCH, Line};
use super::parse::Item;
use super::reader::Reader;
use super::state::State;
use super::talk::is_answer;
use super::xml::{self, escape, ns};
use super::{Arrived, FromWire, Limits, ToWire, Vigil, stream_error};
use crate::error::{Error, ErrorKind};
use crate::net::{Socket, is_ours};
use minidom::Element;
use rand::CryptoRng;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// Longest wait for the server's goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// How a session ended.
pub(crate) struct Ended {
    /// None if it was told to.
    pub error: Option<Error>,
    /// The server may still have it: it can be resumed.
    pub resume: bool,
}

impl Ended {
    /// Ended by the network or by a server that lets it be resumed.
    pub(crate) fn cut(error: Error) -> Self {
        Ended { error: Some(error), resume: true }
    }

    /// Ended for good.
    pub(crate) fn over(error: Error) -> Self {
        Ended { error: Some(error), resume: false }
    }

    fn told() -> Self {
        Ended { error: None, resume: true }
    }
}

/// A session and the channels to the brain.
pub(crate) struct Pump<'a, R> {
    pub reader: Reader<ReadHalf<Socket>>,
    pub writer: WriteHalf<Socket>,
    pub state: &'a mut State,
    pub events: &'a mpsc::Sender<FromWire>,
    pub commands: &'a mut mpsc::Receiver<ToWire>,
    pub limits: Limits,
    pub domain: String,
    pub rng: &'a mut R,
    /// The server wants to know whether a person looks (XEP-0352); and whether it was told that nobody does.
    pub csi: bool,
    told_inactive: bool,
    /// Our own address on a network of this device, and the patience for a sign of life once that changed.
    pub local: Option<IpAddr>,
    pub probe: Duration,
    line: Line,
}

impl<'a, R: CryptoRng> Pump<'a, R> {
    pub(crate) fn new(
        (reader, writer): (Reader<ReadHalf<Socket>>, WriteHalf<Socket>),
        state: &'a mut State,
        (events, commands): (&'a mpsc::Sender<FromWire>, &'a mut mpsc::Receiver<ToWire>),
        (limits, domain): (Limits, String),
        rng: &'a mut R,
    ) -> Self {
        let line = Line {
            out: Vec::new(),
            start: 0,
            flushed: true,
            queued: None,
            written: None,
            acked: None,
            stanza: None,
            too_large: VecDeque::new(),
            asked: None,
            unasked: 0,
            owed: false,
            lag: None,
            heard: Instant::now(),
            said: Instant::now(),
        };
        Pump {
            reader,
            writer,
            state,
            events,
            commands,
            limits,
            domain,
            rng,
            csi: false,
            told_inactive: false,
            local: None,
            probe: limits.answer,
            line,
        }
    }

    /// Writes again what a resumed stream did not acknowledge.
    pub(crate) fn again(&mut self) {
        let counting = self.state.sm.counting;
        self.state.sm.again().for_each(|out| self.line.put(out, counting));
    }

    /// Runs until the stream ends.
    pub(crate) async fn run(&mut self) -> Ended {
        loop {
            if let Some(clean) = self.state.stop {
                return self.goodbye(clean).await;
            }
            if let Err(ended) = self.offer().and_then(|()| self.read()) {
                self.leave(&ended).await;
                return ended;
            }
            self.tell_activity(self.state.vigil != Vigil::Seen);
            self.gather();
            if let Err(ended) = self.wait().await {
                self.leave(&ended).await;
                return ended;
            }
        }
    }

    /// What the brain had no room for when the stream ended; it is told all the same.
    pub(crate) fn rest(mut self) -> Vec<FromWire> {
        self.line.too_large.append(&mut self.state.too_large);
        std::iter::from_fn(|| self.line.next_event()).collect()
    }

    /// Takes what was read: all of it, or up to the stanza that the brain has no room for.
    fn read(&mut self) -> Result<(), Ended> {
        while self.may_read() {
            match self.reader.ready() {
                Ok(Some(item)) => self.take(item)?,
                Ok(None) => break,
                // The same bytes would come again on a resumed stream.
                Err(error) => return Err(Ended::over(error)),
            }
            self.offer()?;
        }
        Ok(())
    }

    /// Whether the brain has room for another stanza.
    fn may_read(&self) -> bool {
        self.line.stanza.is_none() && !self.state.sm.is_full()
    }

    fn take(&mut self, item: Item) -> Result<(), Ended> {
        match item {
            Item::Stanza(Arrived::Whole(iq)) if self.is_pong(&iq) => self.pong(),
            Item::Stanza(arrived) => {
                if let Arrived::Oversized { bytes, .. } = &arrived {
                    tracing::warn!(target: "dunnock", bytes, "stanza too large");
                }
                self.state.sm.weigh(if let Arrived::Whole(_) = arrived { self.reader.weight() } else { 0 });
                let count = self.state.sm.handed();
                self.line.stanza = Some(FromWire::Stanza(arrived, count));
            }
            Item::Nonza(element) => return self.nonza(&element),
            Item::Closed => return Err(Ended::cut(ErrorKind::Disconnected.into())),
            Item::Opened => return Err(Ended::over(ErrorKind::StreamRefused.into())),
        }
        Ok(())
    }

    fn nonza(&mut self, element: &Element) -> Result<(), Ended> {
        if element.is("features", ns::STREAMS) {
            self.state.limits = Features::read(element).limits;
            return Ok(());
        }
        if element.is("error", ns::STREAMS) {
            if element.has_child("policy-violation", ns::STREAM_ERRORS) {
                let longest = self.state.sm.again().map(|out| out.bytes.len()).max();
                self.state.learnt.violated(longest.unwrap_or_default());
            }
            let (error, resume) = stream_error(element);
            return Err(Ended { error: Some(error), resume });
        }
        if !self.state.sm.counting {
            return Ok(());
        }
        if element.is("r", ns::SM) {
            let h = self.state.sm.requested();
            self.acknowledge(h);
        } else if element.is("a", ns::SM)
            && let Some(h) = element.attr("h").and_then(|h| h.parse().ok())
        {
            match self.state.sm.acknowledged(h) {
                Ok(token) => {
                    self.line.acked = token.map(|token| (token, Some(h))).or(self.line.acked);
                    self.line.answered(token.is_some(), self.state.sm.unacknowledged());
                }
                Err(high) => {
                    self.say(&format!(
                        "<stream:error><undefined-condition xmlns='{}'/><handled-count-too-high xmlns='{}' h='{}' \
                         send-count='{}'/></stream:error>",
                        ns::STREAM_ERRORS,
                        ns::SM,
                        high.h,
                        high.sent,
                    ));
                    return Err(Ended::over(ErrorKind::StreamRefused.into()));
                }
            }
        }
        // Anything else (features after SASL2, extensions) asks nothing of us.
        Ok(())
    }

    fn is_pong(&self, iq: &Element) -> bool {
        match &self.line.asked {
            Some(Ask { ping: Some((id, _)), .. }) => {
                // From the server, or without a sender: somebody else's guess of the id must not pass.
                is_answer(iq, id) && iq.attr("from").is_none_or(|from| from == self.domain)
            }
            _ => false,
        }
    }

    fn pong(&mut self) {
        if let Some(Ask { ping: Some((_, Some(token))), .. }) = self.line.asked.take() {
            self.state.sm.answered(token);
            self.line.acked = Some((token, None));
        }
    }

    /// Hands the brain what waits for it, as far as it has room.
    fn offer(&mut self) -> Result<(), Ended> {
        self.line.too_large.append(&mut self.state.too_large);
        while let Some(event) = self.line.next_event() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.line.put_back(event);
                    break;
                }
                Err(TrySendError::Closed(_)) => return Err(Ended::told()),
            }
        }
        Ok(())
    }

    /// Tells the server what is committed. One that asks and does not read is told once, when it does.
    fn acknowledge(&mut self, h: u32) {
        self.line.owed = self.line.out.len() >= BATCH;
        if !self.line.owed {
            self.say(&format!("<a xmlns='{}' h='{h}'/>", ns::SM));
        }
    }

    /// Gathers what is to be written, and asks for an acknowledgement once that is all.
    fn gather(&mut self) {
        let counting = self.state.sm.counting;
        while self.line.out.len() < BATCH
            && let Some(out) = self.state.sm.write()
        {
            self.line.put(out, counting);
        }
        if self.line.owed {
            let h = self.state.sm.requested();
            self.acknowledge(h);
        }
        // A server that lags is asked again after a pause, as in `wait`.
        let may_ask = self.line.asked.is_none() && self.line.lag.is_none();
        if self.state.sm.unacknowledged() && may_ask && self.line.out.len() < BATCH {
            self.ask();
        }
    }

    fn ask(&mut self) {
        if self.state.sm.counting {
            return self.line.ask();
        }
        let mut id = [0; 8];
        self.rng.fill_bytes(&mut id);
        let id = format!("{:016x}", u64::from_be_bytes(id));
        let to = escape(&self.domain);
        self.say(&format!("<iq type='get' id='{id}' to='{to}'><ping xmlns='{}'/></iq>", ns::PING));
        self.line.asked =
            Some(Ask { open: 1, at: Instant::now(), ping: Some((id, self.state.sm.last_sent())), by: None });
    }

    fn say(&mut self, text: &str) {
        self.line.out.extend_from_slice(text.as_bytes());
        self.line.flushed = false;
    }

    /// Waits for the first thing to happen.
    async fn wait(&mut self) -> Result<(), Ended> {
        let deadline = self.line.deadline(&self.limits, self.state.vigil, self.state.limits.idle);
        let until = deadline.unwrap_or_else(Instant::now);
        let lagging = self.line.waits_for_brain();
        let reading = self.may_read();
        tokio::select! {
            // Cancel-safe: a permit that is not taken gives its place back, and no event is inside.
            permit = self.events.reserve(), if lagging => {
                let Ok(permit) = permit else { return Err(Ended::told()) };
                if let Some(event) = self.line.next_event() {
                    permit.send(event);
                }
            }
            // Cancel-safe: a single read into the reader's own buffer.
            filled = self.reader.fill(), if reading => match filled {
                Ok(()) => self.line.heard(),
                Err(error) => return Err(Ended::cut(error)),
            },
            // Cancel-safe: a single write or flush; what was written is taken off the buffer at once.
            written = self.line.write(&mut self.writer), if !self.line.flushed => {
                written.map_err(|_| Ended::cut(ErrorKind::Disconnected.into()))?;
            }
            // Cancel-safe: a command that is not returned stays in the channel.
            command = self.commands.recv() => self.command(command)?,
            // Cancel-safe: the deadline is worked out anew each time.
            () = sleep_until(until), if reading && deadline.is_some() => match &self.line.asked {
                Some(ask) => {
                    // Where only the network changed nobody is to wait for the next try.
                    self.state.hurry |= ask.by.is_some();
                    return Err(Ended::cut(ErrorKind::TimedOut.into()));
                }
                None => self.ask(),
            },
        }
        if !reading {
            // Nothing was read in the meantime, so the silence was ours.
            self.line.heard = Instant::now();
            if let Some(ask) = &mut self.line.asked {
                ask.at = self.line.heard;
                ask.by = None;
            }
        }
        Ok(())
    }

    fn command(&mut self, mut command: Option<ToWire>) -> Result<(), Ended> {
        // What waits already is written in one batch.
        loop {
            if let Some(h) = self.state.absorb(command) {
                self.acknowledge(h);
            }
            if self.state.stop.is_some() {
                return Ok(());
            }
            match self.commands.try_recv() {
                Ok(next) => command = Some(next),
                Err(_) => break,
            }
        }
        if std::mem::take(&mut self.state.hurry) && self.line.asked.is_none() {
            // The stream may be dead: find out now.
            self.ask();
        }
        if std::mem::take(&mut self.state.changed) { self.moved() } else { Ok(()) }
    }

    /// The network may have changed under us. An address that is gone takes its streams along; else a sign of life must
    /// come soon. Asked once, however often that is said.
    fn moved(&mut self) -> Result<(), Ended> {
        if self.local.is_some_and(|address| !is_ours(address)) {
            self.state.hurry = true;
            return Err(Ended::cut(ErrorKind::Disconnected.into()));
        }
        if self.line.asked.is_none() {
            self.ask();
        }
        let by = Instant::now() + self.probe;
        if let Some(ask) = &mut self.line.asked {
            ask.by.get_or_insert(by);
        }
        Ok(())
    }

    /// The last bytes of a stream that cannot go on; a cut one says nothing, so that it can be resumed.
    async fn leave(&mut self, ended: &Ended) {
        if !ended.resume {
            self.say(xml::END);
            let _ = timeout(GOODBYE, self.drain()).await;
        }
    }

    /// Ends the stream because the brain said so.
    async fn goodbye(&mut self, clean: bool) -> Ended {
        if !clean {
            return self.sleep().await;
        }
        while let Some(out) = self.state.sm.write() {
            self.line.out.extend_from_slice(&out.bytes);
            self.line.queued = Some(out.token);
        }
        if self.state.sm.counting {
            if self.state.sm.unacknowledged() {
                self.say(&format!("<r xmlns='{}'/>", ns::SM));
            }
            let h = self.state.sm.h();
            self.say(&format!("<a xmlns='{}' h='{h}'/>", ns::SM));
        }
        self.say(xml::END);
        let until = Instant::now() + GOODBYE.min(self.limits.answer);
        let _ = timeout_at(until, async {
            self.drain().await?;
            // The answer to the last `<r/>` is worth a moment; stanzas that come now stay unacknowledged.
            loop {
                match self.reader.next().await? {
                    Item::Nonza(element) if self.nonza(&element).is_ok() => {}
                    Item::Stanza(_) => {}
                    _ => return Ok::<(), Error>(()),
                }
            }
        })
        .await;
        let _ = self.offer();
        let _ = timeout_at(until, self.writer.shutdown()).await;
        Ended { error: None, resume: false }
    }

    /// Leaves the stream to be resumed. What is committed is acknowledged first: a server pushes for what it does not know to
    /// have arrived.
    async fn sleep(&mut self) -> Ended {
        if self.state.sm.counting {
            let h = self.state.sm.h();
            self.say(&format!("<a xmlns='{}' h='{h}'/>", ns::SM));
        }
        self.tell_activity(true);
        let _ = timeout(GOODBYE.min(self.limits.answer), self.drain()).await;
        let _ = self.offer();
        Ended::told()
    }

    /// Says whether a person looks, where the server wants to know and does not. A new stream begins as one that is looked at.
    fn tell_activity(&mut self, inactive: bool) {
        if self.csi && inactive != self.told_inactive {
            self.told_inactive = inactive;
            let state = if inactive { "inactive" } else { "active" };
            self.say(&format!("<{state} xmlns='{}'/>", ns::CSI));
        }
    }

    async fn drain(&mut self) -> Result<(), Error> {
        while !self.line.flushed {
            self.line.write(&mut self.writer).await.map_err(|_| ErrorKind::Disconnected)?;
        }
        Ok(())
    }
}
