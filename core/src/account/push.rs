//! The push of an account (XEP-0357): how far it is, and taking it back.

use super::Account;
use crate::command::Command;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Push, PushState, State};
use crate::query::{self, Query};
use crate::store::Touched;
use std::sync::Arc;
use std::time::Duration;

/// How long the removal of an account may wait for its push to be taken back.
const TAKE_BACK: Duration = Duration::from_secs(10);

impl Account {
    /// How far the push is (XEP-0357).
    pub fn push(&self) -> Result<Push> {
        self.inner.read(query::push)
    }

    /// Waits until the push that is wanted is enabled, or what is wanted no more is taken back. Fails with the kind of the
    /// last failure, or `TimedOut`; it is tried on by itself all the same.
    pub async fn push_settled(&self, deadline: Duration) -> Result<()> {
        self.inner.brain()?;
        let wanted = |touched: &Touched| matches!(touched, Touched::Push | Touched::Connection);
        self.until(deadline, wanted, |inner| {
            let push = inner.read(query::push)?;
            match push.error.as_deref().and_then(ErrorKind::from_code) {
                Some(kind) => Err(Error::about(kind, push.app_server.unwrap_or_default())),
                None => Ok(matches!(push.state, PushState::Enabled | PushState::Off).then_some(())),
            }
        })
        .await
    }

    /// The push, again after each change.
    pub fn watch_push(&self) -> Query<Push> {
        self.watch(|touched| *touched == Touched::Push, Arc::new(|inner| inner.read(query::push)))
    }

    /// Before the account goes: nobody shall wake this device for it any more. Others are told as far as they can be told in
    /// a short time; an app server that hangs keeps nobody. Whether all of them know.
    pub(crate) async fn take_back_push(&self) -> bool {
        let is_off = || self.push().is_ok_and(|push| push.state == PushState::Off);
        if is_off() {
            return true;
        }
        // What was refused is not tried again for this.
        let refused = |state| matches!(state, State::Refused | State::Contradiction);
        if self.connection().is_ok_and(|connection| refused(connection.state)) {
            return false;
        }
        let asked = async {
            self.call(Command::DisablePush).await?;
            self.call(Command::Connect).await
        };
        if asked.await.is_err() {
            return false;
        }
        let matter = |touched: &Touched| matches!(touched, Touched::Push | Touched::Connection);
        let told = self.until(TAKE_BACK, matter, |inner| {
            let connection = inner.connection()?;
            // What kept us from the server a moment ago will keep us longer than a person waits.
            let lost = connection.error.is_some() && connection.state != State::Online;
            let done = inner.read(query::push)?.state == PushState::Off;
            Ok((done || lost).then_some(()))
        });
        let _ = told.await;
        is_off()
    }
}
