//! Waiting for what became of a wish.

use super::{Account, Inner};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Connection, Delivery, State, TimelineItem};
use crate::query;
use crate::store::Touched;
use std::time::Duration;
use tokio::time::Instant;

impl Account {
    /// Waits until the account is online, in whichever process. Fails with the kind of refusal, or with the kind of the
    /// last failure (`TimedOut` if there was none) when the time is up. It does not connect by itself.
    pub async fn online(&self, deadline: Duration) -> Result<()> {
        self.connected(deadline, |connection| connection.state == State::Online).await
    }

    /// Waits until the archive was read to its end on this stream, or the server has none.
    pub async fn caught_up(&self, deadline: Duration) -> Result<()> {
        self.connected(deadline, |connection| {
            connection.state == State::Online && (connection.caught_up || connection.archive == Some(false))
        })
        .await
    }

    async fn connected(&self, deadline: Duration, enough: impl Fn(&Connection) -> bool) -> Result<()> {
        self.inner.brain()?;
        let wanted = |touched: &Touched| *touched == Touched::Connection;
        let mut last = None;
        let done = self
            .until(deadline, wanted, |inner| {
                if let Some(kind) = inner.hub.trouble().filter(|kind| is_lasting(*kind)) {
                    return Err(kind.into());
                }
                let connection = inner.connection()?;
                last = connection.error.as_deref().and_then(ErrorKind::from_code);
                match connection.state {
                    State::Refused | State::Contradiction => Err(last.unwrap_or(ErrorKind::LoginRefused).into()),
                    _ => Ok(enough(&connection).then_some(())),
                }
            })
            .await;
        done.map_err(|error| match (error.kind, last) {
            (ErrorKind::TimedOut, Some(kind)) => Error::about(kind, &self.inner.jid),
            _ => self.inner.about(error),
        })
    }

    /// Waits until a message of ours is `Sent` or further, or `Failed`, and answers its row; `TimedOut`, `UnknownMessage`.
    pub async fn sent(&self, message: &str, deadline: Duration) -> Result<TimelineItem> {
        self.inner.brain()?;
        let wanted = |touched: &Touched| matches!(touched, Touched::Timeline(_));
        self.until(deadline, wanted, |inner| {
            let item = inner.read(|reader| query::item(reader, message))?;
            Ok(item.state.is_none_or(|state| state >= Delivery::Sent).then_some(item))
        })
        .await
    }

    /// Waits until a message of ours cannot go out before a person does something about it, and answers what that is
    /// about: a kind whose remedy is theirs. It may be an older message of the chat that holds this one back. Errors:
    /// `TimedOut`, `UnknownMessage`.
    pub async fn stuck(&self, message: &str, deadline: Duration) -> Result<ErrorKind> {
        self.inner.brain()?;
        let wanted = |touched: &Touched| matches!(touched, Touched::Timeline(_) | Touched::Connection);
        self.until(deadline, wanted, |inner| {
            // First the connection, then the rows: a reason that is older than the connection is replaced with it.
            let connection = inner.connection()?;
            if connection.state != State::Online || !connection.caught_up {
                return Ok(None);
            }
            inner.read(|reader| query::held_by(reader, message))
        })
        .await
    }

    /// Waits until nothing that was said waits to be sealed, or for the server's word that it has it; `TimedOut`.
    pub async fn quiet(&self, deadline: Duration) -> Result<()> {
        self.inner.brain()?;
        let wanted = |touched: &Touched| matches!(touched, Touched::Outgoing | Touched::Timeline(_));
        self.until(deadline, wanted, |inner| Ok(inner.read(query::is_quiet)?.then_some(()))).await
    }

    /// Looks now and after each commit that touches what `matter` says, until there is an answer or no time left.
    pub(crate) async fn until<T>(
        &self,
        deadline: Duration,
        matter: impl Fn(&Touched) -> bool + Send + Sync + 'static,
        mut look: impl FnMut(&Inner) -> Result<Option<T>>,
    ) -> Result<T> {
        let subscriber = self.inner.hub.subscribe(matter);
        let end = Instant::now() + deadline;
        loop {
            if let Some(found) = look(&self.inner)? {
                return Ok(found);
            }
            let waited = {
                let _runtime = self.inner.handle.enter();
                tokio::time::timeout_at(end, subscriber.woken())
            };
            match waited.await {
                Ok(true) => {}
                Ok(false) => return Err(ErrorKind::Ended.into()),
                Err(_) => return Err(ErrorKind::TimedOut.into()),
            }
        }
    }
}

/// Whether waiting does not help.
fn is_lasting(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::DamagedStore | ErrorKind::StoreTooNew | ErrorKind::ReadOnlyHome)
}
