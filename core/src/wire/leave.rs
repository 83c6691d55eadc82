//! Leave to show a server something that was made from the password.
//!
//! Whoever answers with a certificate that is valid but not the server's gets, at worst, one exchange to guess the
//! password by, which needs no connection any more. He must not get more of them by cutting the connection, by claiming
//! that something went wrong for the moment, or because this process was ended: so a proof for a key that nothing spoke for
//! yet is written down before it is shown, and no other one is shown to such a key until a login went through.

use super::FromWire;
use crate::error::{Error, ErrorKind};
use crate::pin::{Pin, Venture, Word};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};

/// Asked before each proof of one login.
pub(crate) struct Leave {
    events: mpsc::Sender<FromWire>,
    /// A permit for each venture that the brain has on the disk.
    written: Arc<Semaphore>,
    /// The key that is shown, if nothing speaks for it yet.
    unknown: Option<[u8; 32]>,
    before: Option<Venture>,
    made: bool,
    proved: bool,
}

impl Leave {
    /// For a login at a server that shows this key, if there is TLS at all.
    pub(crate) fn new(
        events: mpsc::Sender<FromWire>,
        written: Arc<Semaphore>,
        (shown, pin): (Option<[u8; 32]>, Option<&Pin>),
        before: Option<Venture>,
    ) -> Self {
        let unknown = shown.filter(|key| pin.is_none_or(|pin| pin.shown.key != *key));
        Leave { events, written, unknown, before, made: false, proved: false }
    }

    /// A proof is to be shown now.
    ///
    /// Errors: what an earlier venture ended with, or `LoginCut` if it has no end: nothing must be shown then.
    pub(crate) async fn ask(&mut self) -> Result<(), Error> {
        let Some(key) = self.unknown else { return Ok(()) };
        if let Some(before) = &self.before {
            return Err(before.ended.unwrap_or(ErrorKind::LoginCut).into());
        }
        self.tell(Word::Venture(key)).await?;
        self.written.acquire().await.map_err(|_| ErrorKind::Internal)?.forget();
        self.made = true;
        Ok(())
    }

    /// The server has proved in turn that it knows the password's keys.
    pub(crate) async fn answered(&mut self) -> Result<(), Error> {
        self.before = None;
        self.proved = true;
        if std::mem::take(&mut self.made) { self.tell(Word::Answered).await } else { Ok(()) }
    }

    /// The server has proved itself in this login.
    pub(crate) fn proved(&self) -> bool {
        self.proved
    }

    /// A proof was shown that was not answered by one; to this key.
    pub(crate) fn made(&self) -> Option<[u8; 32]> {
        self.unknown.filter(|_| self.made)
    }

    async fn tell(&self, word: Word) -> Result<(), Error> {
        self.events.send(FromWire::Server(word)).await.map_err(|_| ErrorKind::Disconnected.into())
    }
}
