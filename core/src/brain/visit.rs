//! Visits: a program was woken for a moment. It sees to it that somebody is online until a round is over, and lets go of what
//! it took, without a goodbye, so that the server goes on pushing.
//!
//! Where another process holds the account, that one does the work: the round is a row.

use super::turn::{self, is_of_store};
use super::{Brain, Rows};
use crate::error::{Error, ErrorKind, Result};
use crate::model::State;
use crate::wire::Vigil;
use tokio::sync::oneshot;

impl Brain {
    /// A visit begins. What the store cannot do is trouble, as ever.
    pub(super) fn visited(&mut self, round: &str, answer: oneshot::Sender<Result<()>>) -> Result<()> {
        self.visits += 1;
        match self.visit(round) {
            Err(error) if is_of_store(error.kind) => {
                let _ = answer.send(Err(Error::about(error.kind, error.subject.clone())));
                Err(error)
            }
            done => {
                let _ = answer.send(done);
                Ok(())
            }
        }
    }

    fn visit(&mut self, round: &str) -> Result<()> {
        self.reopen()?;
        if let Some(kind) = self.standing()? {
            return Err(kind.into());
        }
        let now = self.now();
        let Some(Rows { store, engine, .. }) = &mut self.rows else { return Err(ErrorKind::Crashed.into()) };
        let tx = store.tx()?;
        if !tx.account()?.wanted {
            return Err(ErrorKind::Offline.into());
        }
        let connection = tx.connection()?;
        if matches!(connection.state, State::Refused | State::Contradiction) {
            // Only a person tries again what was refused.
            let kind = connection.error.as_deref().and_then(ErrorKind::from_code);
            return Err(kind.unwrap_or(ErrorKind::LoginRefused).into());
        }
        engine.want_round(&tx, now, &mut self.rng, round)?;
        tx.commit()?;
        if let Some(bell) = &self.bell {
            bell.ring();
        }
        if !self.wanted {
            self.take_if_free()?;
            (self.wanted, self.visiting) = (true, true);
        }
        self.go_online()?;
        self.turn(turn::Inputs::default())
    }

    /// A visit is over. True if nobody is in need of this brain any more.
    pub(super) fn left(&mut self, round: &str) -> Result<bool> {
        self.visits = self.visits.saturating_sub(1);
        if let Some(Rows { store, .. }) = &mut self.rows {
            let tx = store.tx()?;
            tx.unwant("round", "", round)?;
            tx.commit()?;
        }
        if self.visits == 0 && std::mem::take(&mut self.visiting) {
            self.wanted = false;
            self.queue.leave();
            self.stop_wire(false)?;
            self.release()?;
        }
        Ok(!self.wanted && self.visits == 0)
    }

    /// Goes online again after a suspension, unless a person took the account offline meanwhile.
    pub(super) fn resume(&mut self) -> Result<()> {
        self.reopen()?;
        let Some(Rows { store, .. }) = &mut self.rows else { return Ok(()) };
        if !store.tx()?.account()?.wanted {
            return Ok(());
        }
        (self.wanted, self.visiting) = (true, false);
        self.go_online()
    }

    pub(super) fn set_inactive(&mut self, inactive: bool) -> Result<()> {
        let looked = std::mem::replace(&mut self.inactive, inactive) != inactive;
        self.watch()?;
        if looked { self.turn(turn::Inputs { looked, ..Default::default() }) } else { Ok(()) }
    }

    /// Tells the wire who looks after its stream.
    pub(super) fn watch(&mut self) -> Result<()> {
        if let (Some(link), Some(Rows { store, .. })) = (&mut self.link, &mut self.rows) {
            link.watch(Vigil::of(self.inactive, store.tx()?.is_pushed()?));
        }
        Ok(())
    }
}
