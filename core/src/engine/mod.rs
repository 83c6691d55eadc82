//! The engine: XMPP without a network. Stanzas and commands go in, rows come out. One XEP, one file.
//!
//! It runs inside the brain's transaction and never touches tokio, sockets, clocks or files: time and randomness are
//! inputs. What it wants to send it writes as rows of `outgoing`; what it wants to know it writes as rows of `want`.
//!
//! Invariants:
//! - One input, one savepoint: an error undoes the input's writes and nothing else.
//! - Ratchet state is read from its row and written back in the same transaction, never kept.
//! - Content leaves only through `seal`.

mod beside;
mod blocking;
mod bundle;
mod carbons;
mod changes;
mod chat_states;
mod commands;
mod content;
mod corrections;
mod devices;
mod digest;
mod disco;
mod errors;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod healing;
mod iq;
mod letter;
mod lost;
mod mam;
mod markers;
mod message;
mod ns;
mod omemo;
mod parcel;
mod ping;
mod presence;
mod pubsub;
mod pump;
mod push;
mod reactions;
mod receipts;
mod recipients;
mod retractions;
mod room;
mod roster;
mod sce;
mod second_look;
mod server;
mod stream;
mod trust;
mod want;
mod xml;

#[cfg(test)]
mod tests;

#[cfg(feature = "bench")]
pub(crate) use mam::PAGE;
pub(crate) use mam::ends_page;

use crate::command::{Command, Reply};
use crate::error::{ErrorKind, Result};
use crate::pin::Word;
use crate::seal::Sealed;
use crate::store::Tx;
use crate::store::outgoing::Fate;
use crate::wire::{Arrived, Bound, Secret};
use dunnock_omemo::Identity;
use jid::BareJid;
use minidom::Element;

/// The time, handed in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// Milliseconds since 1970-01-01 UTC.
    pub wall: i64,
    /// Milliseconds of a clock that runs on during sleep and never jumps.
    pub boot: i64,
}

/// One thing that happened outside.
pub(crate) enum Input {
    /// A stream was bound, or resumed.
    Online(Bound),
    /// A try to connect begins.
    Connecting,
    /// What to log in with from now on.
    Learned(Secret),
    /// What a login showed of the server.
    Server(Word),
    /// The stream ended, by this error; `refused`: it is not tried again.
    Offline { error: Option<crate::Error>, refused: bool },
    /// A person chose another place or way to connect: the stream is not to be used any more.
    Moved,
    /// A stanza arrived.
    Stanza(Arrived),
    /// This stanza arrived and will be handled in its turn; the next page of the archive may be asked for already.
    Foreseen(Element),
    /// These bytes were written to the socket.
    Written { token: i64 },
    /// The server has these bytes and all before them.
    /// By an answer of XEP-0198 it has `h` of this stream then.
    Acked { token: i64, h: Option<u32> },
    /// The stream that might have been resumed is over.
    Over,
    /// The server takes nothing as large as this; it was not written.
    TooLarge { token: i64 },
    /// Somebody looks again, or nobody does any more (`Engine::inactive`).
    Looked,
    /// Time passed: look at what is due.
    Tick,
}

/// What the engine asks of the brain beyond the rows it wrote.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Start the wire.
    Start,
    /// End the wire's task; `clean` says goodbye.
    Stop { clean: bool },
    /// End the wire's task with a goodbye, and start another.
    Redial,
    /// Do not wait for the next try to connect.
    Hurry,
    /// Somebody types or stopped.
    Typing { chat: String, typing: bool },
}

/// The generator handed in; tests seed it.
pub(crate) type Rng = rand::rngs::StdRng;

/// Who we are.
pub(crate) struct Me {
    pub jid: BareJid,
    pub device: u32,
    pub identity: Identity,
}

/// What every part of the engine works with: the transaction, the time, the dice, and who we are.
pub(crate) struct Ctx<'a> {
    pub tx: &'a Tx<'a>,
    pub now: Now,
    pub rng: &'a mut Rng,
    pub me: &'a Me,
    /// The number of the current stream, or of the last one.
    pub stream: i64,
    pub online: bool,
    /// Nobody looks: what only keeps a screen right has time.
    pub inactive: bool,
    /// Of the stanza at hand only its head is left: it was too large.
    pub cut: bool,
    pub effects: Vec<Effect>,
}

impl Ctx<'_> {
    /// Queues a request, answer or presence; it dies with the stream.
    pub(crate) fn send(&mut self, stanza: &Element) -> Result<()> {
        self.tx.queue(Fate::Stream, None, &Sealed::protocol(stanza)?, "[]")?;
        Ok(())
    }

    /// Our bare JID as text.
    pub(crate) fn bare(&self) -> String {
        self.me.jid.to_string()
    }

    /// A fresh id, not to be guessed.
    pub(crate) fn fresh_id(&mut self) -> String {
        use rand::Rng as _;
        format!("{:016x}{:016x}", self.rng.next_u64(), self.rng.next_u64())
    }
}

/// The engine of one account. It holds nothing that a restart could not rebuild from rows.
pub(crate) struct Engine {
    me: Me,
    stream: i64,
    online: bool,
    /// Nobody looks at a screen; said by whoever owns the engine.
    pub(crate) inactive: bool,
    /// Wall clock less boot clock: when it jumps, somebody set the clock.
    offset: i64,
}

/// A smaller jump of the wall clock is left alone, milliseconds.
const CLOCK_SET: i64 = 5_000;

impl Engine {
    /// Rebuilds what is held in memory from the rows.
    pub(crate) fn open(tx: &Tx, now: Now, rng: &mut Rng) -> Result<Engine> {
        let account = tx.account()?;
        let jid = BareJid::new(&account.jid).map_err(|_| ErrorKind::DamagedStore)?;
        let me = Me { jid, device: account.device, identity: Identity::from_seed(&account.identity) };
        let mut engine =
            Engine { me, stream: account.stream, online: false, inactive: false, offset: now.wall - now.boot };
        engine.run(tx, now, rng, stream::opened)?;
        Ok(engine)
    }

    /// Handles one thing that happened. An error is one of the store: the transaction is lost and the stream must end.
    pub(crate) fn handle(&mut self, tx: &Tx, now: Now, rng: &mut Rng, input: Input) -> Result<Vec<Effect>> {
        let jump = now.wall - now.boot - self.offset;
        if jump.abs() > CLOCK_SET {
            tx.shift_wants(jump)?;
            self.offset += jump;
        }
        self.run(tx, now, rng, |ctx| match input {
            Input::Stanza(arrived) => message::arrived(ctx, arrived),
            Input::Foreseen(end) => mam::foreseen(ctx, &end),
            Input::Written { token } => pump::written(ctx, token),
            Input::Acked { token, h } => pump::acked(ctx, token, h),
            Input::Learned(secret) => ctx.tx.set_secret(&secret),
            Input::Over => ctx.tx.end_resumption(),
            Input::TooLarge { token } => pump::too_large(ctx, token),
            Input::Looked => room::ping::looked(ctx),
            Input::Tick => ping::hurry(ctx),
            Input::Server(word) => server::heard(ctx, word),
            other => stream::changed(ctx, other),
        })
        .map(|(_, effects)| effects)
    }

    /// Carries out a wish; a refusal changes nothing.
    pub(crate) fn command(
        &mut self,
        tx: &Tx,
        now: Now,
        rng: &mut Rng,
        command: Command,
    ) -> Result<(Reply, Vec<Effect>)> {
        self.run(tx, now, rng, |ctx| commands::carry_out(ctx, command))
    }

    /// Wants a round of this name ([`ping`]).
    pub(crate) fn want_round(&mut self, tx: &Tx, now: Now, rng: &mut Rng, name: &str) -> Result<()> {
        self.run(tx, now, rng, |ctx| ping::want_round(ctx, name)).map(|_| ())
    }

    /// Turns what is due into rows of `outgoing`: waiting messages, wants. Called at the end of each transaction.
    pub(crate) fn pump(&mut self, tx: &Tx, now: Now, rng: &mut Rng) -> Result<()> {
        self.run(tx, now, rng, pump::pump).map(|_| ())
    }

    /// When `Tick` should come next, in wall milliseconds.
    pub(crate) fn next_deadline(&self, tx: &Tx) -> Result<Option<i64>> {
        match self.online {
            true if mam::is_draining(tx)? => Ok(Some(0)),
            true => Ok(tx.next_due()?.into_iter().chain(trust::next_deadline(tx)?).min()),
            false => Ok(None),
        }
    }

    fn run<T>(
        &mut self,
        tx: &Tx,
        now: Now,
        rng: &mut Rng,
        work: impl FnOnce(&mut Ctx) -> Result<T>,
    ) -> Result<(T, Vec<Effect>)> {
        let mut ctx = Ctx {
            tx,
            now,
            rng,
            me: &self.me,
            stream: self.stream,
            online: self.online,
            inactive: self.inactive,
            cut: false,
            effects: Vec::new(),
        };
        let done = work(&mut ctx)?;
        let Ctx { stream, online, effects, .. } = ctx;
        (self.stream, self.online) = (stream, online);
        Ok((done, effects))
    }
}
