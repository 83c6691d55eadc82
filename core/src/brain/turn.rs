//! One transaction, and what follows from it once it is on the disk.

use super::{Brain, Request, aside};
use crate::command::{Command, Reply};
use crate::engine::{Effect, Engine, Input, Now, Rng};
use crate::error::{Error, ErrorKind, Result};
use crate::killpoint;
use crate::pin::Word;
use crate::store::{Touched, Tx};
use crate::wire::{Arrived, FromWire};
use minidom::Element;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The most stanzas of one transaction, and the time after which no more are taken.
const STANZAS: u32 = 64;
const TIME: Duration = Duration::from_millis(20);

/// What a turn begins with; it takes along what waits besides.
#[derive(Default)]
pub(super) struct Inputs {
    pub(super) request: Option<Request>,
    pub(super) wire: Option<FromWire>,
    /// This end of a page came and has not had its turn; nothing else is taken from the wire then.
    pub(super) foreseen: Option<Element>,
    /// Somebody looks again, or nobody does any more.
    pub(super) looked: bool,
    /// Something is due, or another process wrote.
    pub(super) tick: bool,
    /// What the last stream ended with.
    pub(super) trouble: Option<ErrorKind>,
    /// This stanza is under suspicion; by its digest.
    pub(super) suspect: Option<[u8; 32]>,
    /// Nothing else shall happen in this transaction.
    pub(super) alone: bool,
}

/// What a transaction leads to.
#[derive(Default)]
struct Outcome {
    answers: Vec<(oneshot::Sender<Result<Reply>>, Result<Reply>)>,
    effects: Vec<Effect>,
    stanzas: u32,
    sends: Vec<(i64, Vec<u8>)>,
    touched: BTreeSet<Touched>,
    /// The wire has ended, or waits for a person.
    ended: bool,
    wrote: bool,
    /// What a login ventures.
    noted: u32,
    /// A person changed how the account connects.
    updated: bool,
}

impl Outcome {
    /// The moment before the commit, by what hangs on it.
    fn reach_commit(&self, tx: &Tx) {
        killpoint::reach("commit");
        if self.stanzas > 0 && tx.changed_timeline() {
            killpoint::reach("taken");
        }
        if !self.answers.is_empty() && tx.changed_timeline() {
            killpoint::reach("asked");
        }
        if self.sends.iter().any(|(_, bytes)| bytes.starts_with(b"<message")) {
            killpoint::reach("handing");
        }
    }
}

impl Brain {
    /// One transaction. An error undid it whole; the stream must end then.
    pub(super) fn turn(&mut self, inputs: Inputs) -> Result<()> {
        let mut outcome = Outcome::default();
        match self.transaction(inputs, &mut outcome) {
            Ok(()) => self.after(outcome),
            Err(error) => {
                for (answer, _) in outcome.answers {
                    let _ = answer.send(Err(Error::about(error.kind, error.subject.clone())));
                }
                Err(error)
            }
        }
    }

    fn transaction(&mut self, inputs: Inputs, outcome: &mut Outcome) -> Result<()> {
        let (began, now) = (Instant::now(), self.now());
        let careful = self.careful > 0;
        let Some(rows) = &mut self.rows else { return Ok(()) };
        rows.engine.inactive = self.inactive;
        let tx = rows.store.tx()?;
        let before = tx.changes();
        let mut work = Work { tx: &tx, engine: &mut rows.engine, rng: &mut self.rng, now, outcome };

        // Wishes first. What is no command waits for its own step.
        let mut request = inputs.request;
        while let Some(next) = request {
            match next {
                Request::Command { command, answer } => work.command(command, answer)?,
                other => {
                    self.stashed = Some(other);
                    break;
                }
            }
            request = self.requests.try_recv().ok();
        }
        if inputs.looked && self.lease.is_some() {
            work.input(Input::Looked)?;
        }
        if let Some(kind) = inputs.trouble {
            work.input(Input::Offline { error: Some(kind.into()), refused: false })?;
        }
        if let Some(end) = inputs.foreseen {
            work.input(Input::Foreseen(end))?;
        } else if let Some(link) = &mut self.link {
            let mut event = inputs.wire.or_else(|| if careful { None } else { link.waiting() });
            while let Some(next) = event {
                work.event(next, link)?;
                let full = careful || work.outcome.stanzas >= STANZAS || began.elapsed() >= TIME;
                event = if full || work.outcome.ended { None } else { work.next(link)? };
            }
        }
        if inputs.tick {
            work.tick(self.wanted)?;
        }
        if let Some(link) = self.link.as_ref().filter(|link| !link.is_stopping())
            && (inputs.tick || work.outcome.updated)
            && let way = tx.account()?.way()
            && way != link.way
        {
            work.input(Input::Moved)?;
            // Whoever leaves a route may have a reason: not even a goodbye goes there once that is committed (ADR 0005).
            if !way.goes_like(&link.way) {
                link.cut();
            }
        }
        if self.lease.is_some() {
            if !inputs.alone {
                work.engine.pump(&tx, now, work.rng).map_err(defect)?;
            }
            self.deadline = work.engine.next_deadline(&tx)?;
            if let Some(link) = &self.link
                && link.credit() > 0
            {
                work.outcome.sends = tx.outgoing_after(link.last, link.credit())?;
            }
        }
        if let Some(digest) = inputs.suspect {
            tx.harmless(&digest)?;
        }
        outcome.wrote = tx.changes() != before;
        if outcome.wrote {
            outcome.reach_commit(&tx);
        }
        let serial = if outcome.wrote { Some(tx.serial()?) } else { None };
        outcome.touched = tx.commit()?;
        if let (Some(witness), Some(serial)) = (&mut self.witness, serial) {
            witness.say(serial);
        }
        if outcome.wrote {
            killpoint::reach("committed");
        }
        Ok(())
    }

    /// It is on the disk: only now the rest of the world learns of it.
    fn after(&mut self, outcome: Outcome) -> Result<()> {
        if let Some(link) = &mut self.link {
            link.committed(outcome.stanzas);
            link.noted(outcome.noted);
            link.send(outcome.sends);
        }
        for (answer, reply) in outcome.answers {
            let _ = answer.send(reply);
        }
        if outcome.wrote {
            self.setting.hub.publish(&outcome.touched);
            if let Some(bell) = &self.bell {
                bell.ring();
            }
        }
        if self.link.as_ref().is_some_and(|link| !link.online) {
            self.setting.hub.still();
        }
        if outcome.touched.contains(&Touched::Push) {
            self.watch()?;
        }
        for effect in outcome.effects {
            match effect {
                Effect::Start => {
                    (self.wanted, self.visiting) = (true, false);
                    self.go_online()?;
                }
                Effect::Stop { clean } => self.go_offline(clean)?,
                // The next wire starts when this one has ended: there are never two.
                Effect::Redial => {
                    if let Some(link) = &mut self.link {
                        link.stop(!link.is_cut());
                    }
                }
                Effect::Hurry => {
                    if let Some(link) = &mut self.link {
                        link.hurry();
                    }
                }
                Effect::Typing { chat, typing } => self.setting.hub.publish_typing(&chat, typing),
            }
        }
        if outcome.ended { self.wire_ended() } else { Ok(()) }
    }
}

/// Whether an error says that the store cannot go on, rather than that a wish is refused.
pub(super) fn is_of_store(kind: ErrorKind) -> bool {
    use ErrorKind::*;
    matches!(kind, DamagedStore | StoreTooNew | ReadOnlyHome | DiskFull | StoreBusy | File | Crashed)
}

/// What the engine refuses of its own work, when the store is well, is a defect: it ends the turn as a panic does.
fn defect(error: Error) -> Error {
    if is_of_store(error.kind) {
        return error;
    }
    tracing::error!(target: "dunnock", kind = error.kind.code(), "the engine failed at its own work");
    ErrorKind::Crashed.into()
}

/// A transaction under way.
struct Work<'a, 'c> {
    tx: &'a Tx<'c>,
    engine: &'a mut Engine,
    rng: &'a mut Rng,
    now: Now,
    outcome: &'a mut Outcome,
}

impl Work<'_, '_> {
    /// Carries out a wish; a refusal undoes only what the wish did.
    fn command(&mut self, command: Command, answer: oneshot::Sender<Result<Reply>>) -> Result<()> {
        self.outcome.updated |= matches!(command, Command::Update(_));
        let done = self.tx.savepoint(|| self.engine.command(self.tx, self.now, self.rng, command));
        match done {
            Ok((reply, effects)) => {
                self.outcome.answers.push((answer, Ok(reply)));
                self.outcome.effects.extend(effects);
                Ok(())
            }
            Err(error) if is_of_store(error.kind) => {
                let kind = error.kind;
                self.outcome.answers.push((answer, Err(error)));
                Err(kind.into())
            }
            Err(error) => {
                self.outcome.answers.push((answer, Err(error)));
                Ok(())
            }
        }
    }

    /// One input that is no stanza, one savepoint. What is refused is undone and counted; only the store's own failures
    /// end the turn.
    fn input(&mut self, input: Input) -> Result<()> {
        let done = self.tx.savepoint(|| self.engine.handle(self.tx, self.now, self.rng, input));
        match done {
            Ok(effects) => self.outcome.effects.extend(effects),
            Err(error) if is_of_store(error.kind) => return Err(error),
            Err(error) => {
                tracing::warn!(target: "dunnock", kind = error.kind.code(), "input failed");
                self.tx.count("input_failed")?;
            }
        }
        Ok(())
    }

    /// What else this turn takes from the wire. Nothing, once the end of a page is seen to have come: the server is to hear
    /// of it before the rest of the page is handled.
    fn next(&mut self, link: &mut super::link::Link) -> Result<Option<FromWire>> {
        match link.foresee() {
            Some(end) => self.input(Input::Foreseen(end)).map(|()| None),
            None => Ok(link.waiting()),
        }
    }

    fn event(&mut self, event: FromWire, link: &mut super::link::Link) -> Result<()> {
        match event {
            FromWire::Connecting => self.input(Input::Connecting),
            FromWire::Online(bound) => {
                link.online(bound.resumed);
                self.input(Input::Online(bound))
            }
            FromWire::Server(word) => {
                self.outcome.noted += u32::from(matches!(word, Word::Venture(_)));
                self.input(Input::Server(word))
            }
            FromWire::Stanza(stanza, count) => {
                self.stanza(stanza)?;
                count.map_or(Ok(()), |count| self.tx.heard(count))
            }
            FromWire::Written { token } => {
                link.written(token);
                self.input(Input::Written { token })
            }
            FromWire::Acked { token, h } => {
                // Of what an earlier wire wrote nothing else is said.
                link.written(token);
                self.input(Input::Acked { token, h })
            }
            FromWire::Over => self.input(Input::Over),
            FromWire::Learned(secret) => self.input(Input::Learned(secret)),
            FromWire::TooLarge { token } => {
                link.too_large(token);
                self.input(Input::TooLarge { token })
            }
            FromWire::Offline { error, retry } => {
                link.offline();
                self.outcome.ended = retry.is_none();
                let refused = retry.is_none() && !link.is_stopping();
                if error.as_ref().is_some_and(|error| error.kind == ErrorKind::WrongPassword) {
                    // Tried again with each program that starts, it would lock the person out where servers count.
                    self.tx.refuse_secret(link.secret)?;
                }
                self.input(Input::Offline { error, refused })
            }
        }
    }

    /// One stanza, one savepoint. What the engine cannot do with it for a defect of its own is undone, and the stanza put
    /// aside.
    fn stanza(&mut self, stanza: Arrived) -> Result<()> {
        self.outcome.stanzas += 1;
        let copy = stanza.clone();
        let done = self.tx.savepoint(|| {
            #[cfg(test)]
            super::tests::fail_if_asked(&stanza)?;
            self.engine.handle(self.tx, self.now, self.rng, Input::Stanza(stanza))
        });
        match done {
            Ok(effects) => self.outcome.effects.extend(effects),
            Err(error) if is_of_store(error.kind) => return Err(error),
            Err(error) => {
                tracing::error!(target: "dunnock", kind = error.kind.code(), "a stanza is put aside");
                aside::put_aside(self.tx, &copy, self.now.wall)?;
            }
        }
        Ok(())
    }

    /// What is due. If a person disconnected the account in another process, that is obeyed here.
    fn tick(&mut self, wanted: bool) -> Result<()> {
        if wanted && !self.tx.account()?.wanted {
            let (_, effects) = self.engine.command(self.tx, self.now, self.rng, Command::Disconnect)?;
            self.outcome.effects.extend(effects);
        }
        self.input(Input::Tick)
    }
}
