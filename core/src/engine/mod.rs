//! The engine: XMPP without a network. Stanzas and commands go in, rows come out. One XEP, one file.
//!
//! It runs inside the brain's transaction and never touches tokio, sockets, clocks or files: time and randomness are
//! inputs. What it wants to send it writes as rows of `outgoing`; what it wants to know it writes as rows of `want`.
//!
//! Invariants:
//! - One input, one savepoint: an error undoes the input's writes and nothing else.
//! - Ratchet state is read from its row and written back in the same transaction, never kept.
//! - Content leaves only through `seal`.

mod ns;
mod xml;

use crate::command::{Command, Reply};
use crate::error::Result;
use crate::model::Proof;
use crate::store::Tx;
use crate::wire::Arrived;
use jid::FullJid;

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
    Online { jid: FullJid, resumed: bool, resumable: bool, carbons: bool, proof: Proof },
    /// A try to connect begins.
    Connecting,
    /// The stream ended; `error` is the kind, `final_` that it is not tried again.
    Offline { error: Option<crate::ErrorKind>, refused: bool },
    /// A stanza arrived.
    Stanza(Arrived),
    /// These bytes were written to the socket.
    Written { token: i64 },
    /// The server has these bytes and all before them.
    Acked { token: i64 },
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
    /// Somebody types or stopped.
    Typing { chat: String, typing: bool },
}

/// The generator handed in; tests seed it.
pub(crate) type Rng = rand::rngs::StdRng;

/// The engine of one account. It holds nothing that a restart could not rebuild from rows.
pub(crate) struct Engine {}

impl Engine {
    /// Rebuilds what is held in memory from the rows.
    pub(crate) fn open(_tx: &Tx, _now: Now, _rng: &mut Rng) -> Result<Engine> {
        Ok(Engine {})
    }

    /// Handles one thing that happened. An error is one of the store: the transaction is lost and the stream must end.
    pub(crate) fn handle(&mut self, _tx: &Tx, _now: Now, _rng: &mut Rng, _input: Input) -> Result<Vec<Effect>> {
        Ok(Vec::new())
    }

    /// Carries out a wish; a refusal changes nothing.
    pub(crate) fn command(
        &mut self,
        _tx: &Tx,
        _now: Now,
        _rng: &mut Rng,
        _command: Command,
    ) -> Result<(Reply, Vec<Effect>)> {
        Ok((Reply::Done, Vec::new()))
    }

    /// Turns what is due into rows of `outgoing`: waiting messages, wants. Called at the end of each transaction.
    pub(crate) fn pump(&mut self, _tx: &Tx, _now: Now, _rng: &mut Rng) -> Result<()> {
        Ok(())
    }

    /// When `Tick` should come next, in wall milliseconds.
    pub(crate) fn next_deadline(&self, _tx: &Tx) -> Result<Option<i64>> {
        Ok(None)
    }
}
