//! The handle of an account: sends wishes, waits for what became of them, opens what screens show.

use crate::command::{Command, Reply};
use crate::error::{ErrorKind, Result};
use crate::model::{ChatItem, Connection, Contact, DeviceView, TimelineItem};
use crate::query::{Events, Query};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

/// An account. Clones are handles of the same one. Its thread starts with the first call or watch; plain reads start nothing.
#[derive(Clone)]
pub struct Account {
    inner: Arc<Inner>,
}

struct Inner {
    jid: String,
}

impl Account {
    /// The bare JID.
    pub fn jid(&self) -> String {
        self.inner.jid.clone()
    }

    /// Carries out a wish in one transaction. The answer means that it is on the disk, not that the network has seen it.
    pub async fn call(&self, _command: Command) -> Result<Reply> {
        Err(ErrorKind::NotYet.into())
    }

    /// Waits until the account is online, in whichever process. Fails with the kind of refusal, or with the kind of the
    /// last failure (`TimedOut` if there was none) when the time is up. It does not connect by itself.
    pub async fn online(&self, _deadline: Duration) -> Result<()> {
        Err(ErrorKind::NotYet.into())
    }

    /// Waits until the archive was read to its end on this stream, or the server has none.
    pub async fn caught_up(&self, _deadline: Duration) -> Result<()> {
        Err(ErrorKind::NotYet.into())
    }

    /// Waits until a message of ours is `Sent` or further, or `Failed`, and answers its row; `TimedOut`, `UnknownMessage`.
    pub async fn sent(&self, _message: &str, _deadline: Duration) -> Result<TimelineItem> {
        Err(ErrorKind::NotYet.into())
    }

    /// The chat list, newest first, at most 200.
    pub fn chats(&self) -> Result<Vec<ChatItem>> {
        Err(ErrorKind::NotYet.into())
    }

    /// Rows of a chat, newest first: those before the row with the local id `before`, or the newest; at most 200.
    pub fn timeline(&self, _chat: &str, _before: Option<&str>, _limit: u32) -> Result<Vec<TimelineItem>> {
        Err(ErrorKind::NotYet.into())
    }

    /// The contact list, by name.
    pub fn contacts(&self) -> Result<Vec<Contact>> {
        Err(ErrorKind::NotYet.into())
    }

    /// The devices of a person, or of this account.
    pub fn devices(&self, _jid: &str) -> Result<Vec<DeviceView>> {
        Err(ErrorKind::NotYet.into())
    }

    /// How the connection stands, in whichever process holds it.
    pub fn connection(&self) -> Result<Connection> {
        Err(ErrorKind::NotYet.into())
    }

    /// Readable rows that hold all these words, newest first; at most 200.
    pub fn search(&self, _words: &str, _limit: u32) -> Result<Vec<TimelineItem>> {
        Err(ErrorKind::NotYet.into())
    }

    /// Writes what can be read as JSON lines and tells how many rows those were; damaged parts are passed over.
    pub fn export(&self, _out: &mut dyn Write) -> Result<u64> {
        Err(ErrorKind::NotYet.into())
    }

    /// The chat list, again after each change.
    pub fn watch_chats(&self) -> Query<Vec<ChatItem>> {
        Query::ended()
    }

    /// The newest rows of a chat, again after each change.
    pub fn watch_timeline(&self, _chat: &str, _limit: u32) -> Query<Vec<TimelineItem>> {
        Query::ended()
    }

    /// The contact list, again after each change.
    pub fn watch_contacts(&self) -> Query<Vec<Contact>> {
        Query::ended()
    }

    /// The devices of a person, again after each change.
    pub fn watch_devices(&self, _jid: &str) -> Query<Vec<DeviceView>> {
        Query::ended()
    }

    /// The connection, again after each change.
    pub fn watch_connection(&self) -> Query<Connection> {
        Query::ended()
    }

    /// What happens from now on, in the order of commits, in this and other processes.
    pub fn events(&self) -> Events {
        Events::ended()
    }
}
