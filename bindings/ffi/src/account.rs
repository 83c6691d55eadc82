//! The handle of an account.

use crate::error::{DunnockError, Result};
use crate::export::into_file;
use crate::guard::{caught, disk, panic_if_told, task};
use crate::held::{Held, Home};
use crate::model::DeviceView;
use crate::watch::{
    ChatsQuery, ConnectionQuery, ContactsQuery, DevicesQuery, Events, PushQuery, Source, TimelineQuery, Watch,
};
use dunnock_core::command::{AccountUpdate, Command, ContactChange, PushService, Reply};
use dunnock_core::model::{ChatItem, Connection, Contact, Push, Server, TimelineItem, Trust};
use dunnock_core::{ErrorKind, Route};
use std::path::PathBuf;
use std::sync::Arc;

/// An account. All handles of one account are equal; each may be ended on its own.
#[derive(uniffi::Object)]
pub struct Account {
    home: Arc<Home>,
    held: Arc<Held<dunnock_core::Account>>,
    jid: String,
}

/// A message that is in the store and on its way.
#[derive(uniffi::Record)]
pub struct SentMessage {
    /// Its local id, stable for this store.
    pub message: String,
    /// The sender's id of it (XEP-0359).
    pub origin_id: String,
}

impl Account {
    pub(crate) fn new(home: &Arc<Home>, account: dunnock_core::Account) -> Arc<Account> {
        let jid = account.jid();
        let held = Held::new(account);
        home.gives(&held);
        Arc::new(Account { home: home.clone(), held, jid })
    }

    /// Carries out a wish; the answer means that it is on the disk.
    async fn call(&self, command: Command) -> Result<Reply> {
        let account = self.held.get()?;
        task(&self.home.handle, async move { account.call(command).await }).await
    }

    async fn done(&self, command: Command) -> Result<()> {
        self.call(command).await.map(drop)
    }

    /// Reads from the store.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dunnock_core::Account) -> dunnock_core::Result<T> + Send + 'static,
    ) -> Result<T> {
        let account = self.held.get()?;
        disk(&self.home.handle, move || read(&account)).await
    }

    /// Opens a window.
    fn watch<S: Source>(&self, open: impl FnOnce(&dunnock_core::Account) -> S) -> Arc<Watch<S>> {
        let opened = caught(|| {
            panic_if_told();
            Ok(open(&self.held.get()?))
        });
        Watch::open(&self.home, &self.jid, opened)
    }
}

#[uniffi::export]
impl Account {
    /// The bare JID.
    pub fn jid(&self) -> String {
        self.jid.clone()
    }

    /// Goes online and stays so, over lost connections and restarts. How far it is, and why it is refused, is told by
    /// `watchConnection`. While something stands that only a person can take away (`contradiction`, `wrong_password`), that goes
    /// on saying so and nothing is tried.
    pub async fn connect(&self) -> Result<()> {
        match self.done(Command::Connect).await {
            Err(DunnockError::Failed { kind: ErrorKind::Contradiction | ErrorKind::WrongPassword, .. }) => Ok(()),
            done => done,
        }
    }

    /// The same, said by a person: a password that the server refused is tried once more as it is. `Contradiction` while the
    /// server contradicts what it proved before.
    pub async fn connect_again(&self) -> Result<()> {
        self.done(Command::ConnectAgain).await
    }

    /// What is remembered of the account's server; while it contradicts what it proved before, the evidence is the newest of
    /// its `changes`.
    pub async fn server(&self) -> Result<Server> {
        self.read(dunnock_core::Account::server).await
    }

    /// A person has read the evidence and takes the server as it is: it is met anew by the next `connect`. `NothingToAccept`.
    pub async fn accept_server(&self) -> Result<()> {
        self.done(Command::AcceptServer).await
    }

    /// Closes the stream and stays offline.
    pub async fn disconnect(&self) -> Result<()> {
        self.done(Command::Disconnect).await
    }

    /// Changes the way to the server; a stream on another way ends at once.
    pub async fn set_route(&self, route: Route) -> Result<()> {
        self.done(Command::Update(AccountUpdate { route: Some(route), ..AccountUpdate::default() })).await
    }

    /// Changes how the account connects; what is null stays.
    pub async fn update(&self, update: AccountUpdate) -> Result<()> {
        self.done(Command::Update(update)).await
    }

    /// Stores a text to be sent, and answers at once; its fate is told by the timeline. A repeated `originId` answers the
    /// same message and sends nothing twice. `PlainNotAllowed` and the like become the row's fate, not an error of this call;
    /// `UnknownMessage` if `replyTo` is none of this chat.
    pub async fn send(
        &self,
        to: String,
        text: String,
        reply_to: Option<String>,
        origin_id: Option<String>,
    ) -> Result<SentMessage> {
        match self.call(Command::Send { to, text, reply_to, origin_id }).await? {
            Reply::Sent { message, origin_id } => Ok(SentMessage { message, origin_id }),
            Reply::Done | Reply::Verified { .. } => Err(ErrorKind::Internal.into()),
        }
    }

    /// Gives a message of ours another text. `NotChangeable` if it is not ours or was taken back; `ExtrasNotAllowed` if the
    /// other side has only OMEMO 0.3.
    pub async fn correct(&self, message: String, text: String) -> Result<()> {
        self.done(Command::Correct { message, text }).await
    }

    /// Takes back a message of ours. It fails like `correct`.
    pub async fn retract(&self, message: String) -> Result<()> {
        self.done(Command::Retract { message }).await
    }

    /// Says all that we think of a message; nothing takes it back. `InvalidInput` if something is no emoji or there are more
    /// than 20; else it fails like `correct`.
    pub async fn react(&self, message: String, emojis: Vec<String>) -> Result<()> {
        self.done(Command::React { message, emojis }).await
    }

    /// Allows or forbids in a chat that what OMEMO 0.3 cannot seal goes in clear beside the sealed text.
    pub async fn allow_extras(&self, chat: String, allow: bool) -> Result<()> {
        self.done(Command::AllowExtras { chat, allow }).await
    }

    /// Whether others are told what was displayed here, in all chats.
    pub async fn tell_displayed(&self, tell: bool) -> Result<()> {
        self.done(Command::TellDisplayed { tell }).await
    }

    /// All messages of this chat were read.
    pub async fn mark_read(&self, chat: String) -> Result<()> {
        self.done(Command::MarkRead { chat }).await
    }

    /// Allows or forbids plain text in a chat.
    pub async fn allow_plain(&self, chat: String, allow: bool) -> Result<()> {
        self.done(Command::AllowPlain { chat, allow }).await
    }

    /// We type, or stopped (XEP-0085).
    pub async fn typing(&self, chat: String, typing: bool) -> Result<()> {
        self.done(Command::Typing { chat, typing }).await
    }

    /// Changes something about a person.
    pub async fn contact(&self, jid: String, change: ContactChange) -> Result<()> {
        self.done(Command::Contact { jid, change }).await
    }

    /// Decides on a device's key, named by its fingerprint (spaces and case do not matter): `Verified` or `Distrusted`.
    /// `UnknownDevice`, `InvalidInput`.
    pub async fn decide(&self, jid: String, fingerprint: String, trust: Trust) -> Result<()> {
        self.done(Command::DeviceDecide { jid, fingerprint, trust }).await
    }

    /// Drops the sessions with a device and begins a fresh one. `UnknownDevice`.
    pub async fn reset_device(&self, jid: String, device: u32) -> Result<()> {
        self.done(Command::DeviceReset { jid, device }).await
    }

    /// Takes an own device off our list and ends its sessions. `UnknownDevice`.
    pub async fn remove_device(&self, device: u32) -> Result<()> {
        self.done(Command::DeviceRemove { device }).await
    }

    /// Is woken by pushes (XEP-0357) of this app server, and of no other. How far that is tells `watchPush`. `InvalidInput`.
    pub async fn enable_push(&self, service: PushService) -> Result<()> {
        self.done(Command::EnablePush(service)).await
    }

    /// Is woken no more: our server and the app server are told.
    pub async fn disable_push(&self) -> Result<()> {
        self.done(Command::DisablePush).await
    }

    /// The chat list, newest first, at most 200.
    pub async fn chats(&self) -> Result<Vec<ChatItem>> {
        self.read(dunnock_core::Account::chats).await
    }

    /// Rows of a chat, newest first: those before the row with the local id `before`, or the newest; at most 200.
    pub async fn timeline(&self, chat: String, before: Option<String>, limit: u32) -> Result<Vec<TimelineItem>> {
        self.read(move |account| account.timeline(&chat, before.as_deref(), limit)).await
    }

    /// The contact list, by name.
    pub async fn contacts(&self) -> Result<Vec<Contact>> {
        self.read(dunnock_core::Account::contacts).await
    }

    /// The devices of a person, or of this account.
    pub async fn devices(&self, jid: String) -> Result<Vec<DeviceView>> {
        let devices = self.read(move |account| account.devices(&jid)).await?;
        Ok(devices.into_iter().map(DeviceView::from).collect())
    }

    /// How the connection stands, in whichever process holds it.
    pub async fn connection(&self) -> Result<Connection> {
        self.read(dunnock_core::Account::connection).await
    }

    /// The way to its server that was chosen.
    pub async fn route(&self) -> Result<Route> {
        self.read(dunnock_core::Account::route).await
    }

    /// Saves all rows as JSON lines in a new file, for its owner only, and answers how many those were. `File`, `DiskFull`.
    pub async fn export(&self, file: String) -> Result<u64> {
        self.read(move |account| into_file(&PathBuf::from(file), |out| account.export(out))).await
    }

    /// How far the push is.
    pub async fn push(&self) -> Result<Push> {
        self.read(dunnock_core::Account::push).await
    }

    /// Readable rows that hold all these words, newest first; at most 200. The last word may be the beginning of one.
    pub async fn search(&self, words: String, limit: u32) -> Result<Vec<TimelineItem>> {
        self.read(move |account| account.search(&words, limit)).await
    }

    /// The chat list, again after each change.
    pub fn watch_chats(&self) -> Arc<ChatsQuery> {
        Arc::new(ChatsQuery(self.watch(dunnock_core::Account::watch_chats)))
    }

    /// The newest rows of a chat, at most `limit` and 200, again after each change.
    pub fn watch_timeline(&self, chat: String, limit: u32) -> Arc<TimelineQuery> {
        Arc::new(TimelineQuery(self.watch(|account| account.watch_timeline(&chat, limit))))
    }

    /// The contact list, again after each change.
    pub fn watch_contacts(&self) -> Arc<ContactsQuery> {
        Arc::new(ContactsQuery(self.watch(dunnock_core::Account::watch_contacts)))
    }

    /// The devices of a person, or of this account, again after each change.
    pub fn watch_devices(&self, jid: String) -> Arc<DevicesQuery> {
        Arc::new(DevicesQuery(self.watch(|account| account.watch_devices(&jid))))
    }

    /// The connection, again after each change.
    pub fn watch_connection(&self) -> Arc<ConnectionQuery> {
        Arc::new(ConnectionQuery(self.watch(dunnock_core::Account::watch_connection)))
    }

    /// The push, again after each change.
    pub fn watch_push(&self) -> Arc<PushQuery> {
        Arc::new(PushQuery(self.watch(dunnock_core::Account::watch_push)))
    }

    /// What happens from now on, in the order of commits, in this and other processes.
    pub fn events(&self) -> Arc<Events> {
        Arc::new(Events(self.watch(dunnock_core::Account::events)))
    }
}
