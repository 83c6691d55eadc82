//! The handle of an account: sends wishes, waits for what became of them, opens what screens show.

mod push;
mod readers;
mod server;
mod waiting;
mod windows;

use crate::address;
use crate::brain::{self, Request, StartWire};
use crate::command::{Command, Reply};
use crate::error::{Error, ErrorKind, Result};
use crate::hub::Hub;
use crate::lease::Lease;
use crate::model::{
    Alarm, ChatItem, Connection, Contact, DeviceView, Member, OwnDeviceEvent, Room, State, TimelineItem,
};
use crate::query;
use crate::route::Route;
use crate::store::{self, AccountFolder, Reader, StoreKey};
use crate::sync::Telling;
use crate::wire::Limits;
use crate::workers::Workers;
use readers::Readers;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

/// An account. Clones are handles of the same one. Its thread starts with the first call or watch; plain reads start nothing.
#[derive(Clone)]
pub struct Account {
    pub(crate) inner: Arc<Inner>,
}

/// What the handles of an account share.
pub(crate) struct Inner {
    pub(crate) jid: String,
    pub(crate) folder: AccountFolder,
    pub(crate) hub: Arc<Hub>,
    pub(crate) handle: Handle,
    key: Arc<StoreKey>,
    pub(crate) workers: Arc<Workers>,
    limits: Limits,
    start_wire: StartWire,
    pub(crate) inactive: Arc<AtomicBool>,
    /// What was given out to be shown.
    pub(crate) telling: Mutex<Telling>,
    life: Mutex<Life>,
    pub(crate) readers: Arc<Readers>,
}

/// Where the account's thread stands.
enum Life {
    /// Not started yet, or suspended; `resume`: it was online then.
    Resting {
        resume: bool,
    },
    /// `resume`: it was online when it was suspended, and has not been told to resume.
    Running {
        requests: mpsc::Sender<Request>,
        resume: bool,
    },
    Ended,
}

/// What all accounts of a client share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) key: Arc<StoreKey>,
    pub(crate) workers: Arc<Workers>,
    pub(crate) limits: Limits,
    pub(crate) start_wire: StartWire,
    /// Nobody looks at a screen.
    pub(crate) inactive: Arc<AtomicBool>,
}

impl Inner {
    pub(crate) fn new(jid: String, folder: AccountFolder, shared: Shared) -> Arc<Inner> {
        Arc::new(Inner {
            jid,
            folder,
            hub: Arc::default(),
            handle: shared.workers.handle().clone(),
            key: shared.key,
            workers: shared.workers,
            limits: shared.limits,
            start_wire: shared.start_wire,
            inactive: shared.inactive,
            telling: Mutex::default(),
            life: Mutex::new(Life::Resting { resume: false }),
            readers: Arc::default(),
        })
    }

    /// Reads with a connection of its own; after a failure that connection is not used again.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Reader) -> Result<T>) -> Result<T> {
        // Goes last, after the connection.
        let _reading = self.readers.begin();
        if matches!(*self.life(), Life::Ended) {
            return Err(ErrorKind::Ended.into());
        }
        if !self.folder.exists() {
            return Err(Error::about(ErrorKind::NoAccount, &self.jid));
        }
        let reader = match self.readers.take() {
            Some(reader) => reader,
            None => Reader::open(&self.folder.database(), &self.key).map_err(|error| self.about(error))?,
        };
        let result = work(&reader);
        if let Ok(_) | Err(Error { kind: ErrorKind::UnknownMessage, .. }) = result {
            self.readers.keep(reader);
        }
        result.map_err(|error| self.about(error))
    }

    /// Names the account where an error of its files names nothing.
    pub(crate) fn about(&self, error: Error) -> Error {
        if error.subject.is_empty() { Error::about(error.kind, &self.jid) } else { error }
    }

    /// The brain, started if it is not running.
    pub(crate) fn brain(&self) -> Result<mpsc::Sender<Request>> {
        let mut life = self.life();
        match &*life {
            Life::Running { requests, .. } if !requests.is_closed() => return Ok(requests.clone()),
            Life::Ended => return Err(ErrorKind::Ended.into()),
            _ if !self.folder.exists() => return Err(Error::about(ErrorKind::NoAccount, &self.jid)),
            _ => {}
        }
        let sender = brain::start(brain::Setting {
            folder: self.folder.clone(),
            key: self.key.clone(),
            workers: self.workers.clone(),
            hub: self.hub.clone(),
            start_wire: self.start_wire.clone(),
            limits: self.limits,
            inactive: self.inactive.load(Ordering::SeqCst),
        })?;
        let resume = matches!(*life, Life::Resting { resume: true } | Life::Running { resume: true, .. });
        *life = Life::Running { requests: sender.clone(), resume };
        Ok(sender)
    }

    /// Why a brain has not answered.
    pub(crate) fn unanswered(&self) -> Error {
        match *self.life() {
            Life::Ended => ErrorKind::Ended.into(),
            _ if !self.folder.exists() => Error::about(ErrorKind::NoAccount, &self.jid),
            Life::Resting { .. } => ErrorKind::Ended.into(),
            Life::Running { .. } => ErrorKind::Crashed.into(),
        }
    }

    /// Ends the brain; for good, or until it is used again.
    pub(crate) async fn rest(&self, clean: bool, for_good: bool) {
        // Whoever closes or suspends this program has seen what it gave out.
        let _ = self.told().await;
        let next = if for_good { Life::Ended } else { Life::Resting { resume: false } };
        let before = {
            let mut life = self.life();
            if let (Life::Resting { .. }, false) = (&*life, for_good) {
                return;
            }
            std::mem::replace(&mut *life, next)
        };
        self.readers.close();
        if let Life::Running { requests, resume: before } = before {
            let (answer, ended) = oneshot::channel();
            if requests.send(Request::End { clean, answer }).await.is_ok()
                && let Ok(resume) = ended.await
                && let Life::Resting { resume: kept } = &mut *self.life()
            {
                *kept = resume || before;
            }
        }
        if for_good {
            self.hub.end();
            self.readers.last().await;
        }
        // One may have been at work meanwhile.
        self.readers.close();
    }

    /// Ends the brain until the account is resumed, and keeps windows from opening files meanwhile: other processes go on
    /// committing, and a file that is locked when iOS freezes a process costs it its life.
    pub(crate) async fn suspend(&self) {
        self.readers.suspend();
        self.rest(false, false).await;
        self.readers.last().await;
        self.readers.close();
    }

    /// Goes online again if it was when it was suspended.
    pub(crate) async fn resume(&self) -> Result<()> {
        if self.readers.resume() {
            // If it cannot start, the windows' next read says why.
            let _ = self.hub.is_watched().then(|| self.brain());
            self.hub.publish_all();
        }
        let resume = match &mut *self.life() {
            Life::Resting { resume } | Life::Running { resume, .. } => std::mem::take(resume),
            Life::Ended => false,
        };
        if resume {
            let _ = self.brain()?.send(Request::Resume).await;
        }
        Ok(())
    }

    /// Tells a running brain whether somebody looks.
    pub(crate) async fn tell_activity(&self) {
        let requests = match &*self.life() {
            Life::Running { requests, .. } => requests.clone(),
            _ => return,
        };
        let _ = requests.send(Request::Inactive(self.inactive.load(Ordering::SeqCst))).await;
    }

    /// Tells a running brain that this device may be on another network.
    pub(crate) async fn network_changed(&self) {
        let requests = match &*self.life() {
            Life::Running { requests, .. } => requests.clone(),
            _ => return,
        };
        let _ = requests.send(Request::NetworkChanged).await;
    }

    /// Whether a brain is at work.
    pub(crate) fn is_running(&self) -> bool {
        matches!(&*self.life(), Life::Running { requests, .. } if !requests.is_closed())
    }

    /// Marks what these rows say as told to a person.
    pub(crate) fn write_told(&self, notifications: &[i64]) -> Result<()> {
        let mut store = store::Store::open(&self.folder.database(), &self.key)?;
        let tx = store.tx()?;
        tx.told(notifications)?;
        tx.commit().map(drop)
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().expect("no holder of this lock panics")
    }

    /// How the connection stands: what the rows say, unless a crash left them or the brain is in trouble.
    pub(crate) fn connection(&self) -> Result<Connection> {
        let trouble = self.hub.trouble();
        let rows = self.read(query::connection);
        let mut connection = match (rows, trouble) {
            (Ok(connection), _) => connection,
            (Err(_), Some(_)) => offline(),
            (Err(error), None) => return Err(error),
        };
        let live = matches!(connection.state, State::Connecting | State::Online);
        if let Some(kind) = trouble {
            connection = Connection { error: Some(kind.code().to_owned()), ..offline() };
        } else if live && !self.hub.holding() && Lease::is_free(&self.folder.lease()) {
            connection = Connection { error: connection.error, ..offline() };
        }
        Ok(connection)
    }
}

/// Nothing is known, nothing is connected.
fn offline() -> Connection {
    Connection {
        state: State::Offline,
        proof: None,
        archive: None,
        resumable: None,
        error: None,
        about: None,
        caught_up: false,
        caught: 0,
    }
}

impl Account {
    /// The bare JID.
    pub fn jid(&self) -> String {
        self.inner.jid.clone()
    }

    /// This device may be on another network, or has one again: a stream that is up is asked for a sign of life and given up
    /// unless it comes within seconds (15 where the route has several hops, else 5; at once if our address on it is gone);
    /// pauses between tries end. Cheap, and often the same as once: while something is under way nothing more begins. An
    /// account that is not connected, or suspended, stays so.
    pub async fn network_changed(&self) {
        self.inner.network_changed().await;
    }

    /// Carries out a wish in one transaction. The answer means that it is on the disk, not that the network has seen it.
    pub async fn call(&self, command: Command) -> Result<Reply> {
        let (answer, reply) = oneshot::channel();
        let request = Request::Command { command, answer };
        if self.inner.brain()?.send(request).await.is_err() {
            return Err(self.inner.unanswered());
        }
        reply.await.unwrap_or_else(|_| Err(self.inner.unanswered())).map_err(|error| self.inner.about(error))
    }

    /// The chat list, newest first, at most 200.
    pub fn chats(&self) -> Result<Vec<ChatItem>> {
        chats(&self.inner)
    }

    /// Rows of a chat, newest first: those before the row with the local id `before`, or the newest; at most 200.
    pub fn timeline(&self, chat: &str, before: Option<&str>, limit: u32) -> Result<Vec<TimelineItem>> {
        let chat = address::bare(chat)?;
        self.inner.read(|reader| query::timeline(reader, chat.as_str(), before, limit))
    }

    /// The contact list, by name.
    pub fn contacts(&self) -> Result<Vec<Contact>> {
        self.inner.read(query::contacts)
    }

    /// The devices of a person, or of this account.
    pub fn devices(&self, jid: &str) -> Result<Vec<DeviceView>> {
        let jid = address::bare(jid)?;
        self.inner.read(|reader| query::devices(reader, jid.as_str()))
    }

    /// What a person has to know of keys: open alarms first, newest first among each; at most 200.
    pub fn alarms(&self) -> Result<Vec<Alarm>> {
        self.inner.read(query::alarms)
    }

    /// What happened to the list of this account's devices, newest first; at most 200. Nothing in it is ever changed.
    pub fn own_device_events(&self) -> Result<Vec<OwnDeviceEvent>> {
        self.inner.read(query::own_device_events)
    }

    /// The account's `xmpp:` address with the keys of this device and of its other ones that count, as other clients read it.
    pub fn device_uri(&self) -> Result<String> {
        self.inner.read(|reader| query::device_uri(reader, &self.inner.jid))
    }

    /// After how many days a contact's device in quarantine counts as of first use; 0: a person decides.
    pub fn trust_rule(&self) -> Result<u32> {
        self.inner.read(query::trust_rule)
    }

    /// The rooms that the account is in, was in, or is invited to.
    pub fn rooms(&self) -> Result<Vec<Room>> {
        self.inner.read(query::rooms)
    }

    /// Who belongs to a room, by address. Fails where the account has nothing to do with such a room.
    pub fn members(&self, room: &str) -> Result<Vec<Member>> {
        let room = address::bare(room)?;
        let rows = self.inner.read(|reader| query::members(reader, room.as_str()))?;
        rows.ok_or_else(|| Error::about(ErrorKind::UnknownRoom, room.as_str()))
    }

    /// How the connection stands, in whichever process holds it.
    pub fn connection(&self) -> Result<Connection> {
        self.inner.connection()
    }

    /// The way to its server that was chosen. `DamagedStore` if that cannot be read.
    pub fn route(&self) -> Result<Route> {
        self.inner.read(query::route)
    }

    /// The account's password, for use elsewhere.
    ///
    /// Errors: `PasswordNotKept` if it is not kept here: then what was made from it logs in.
    pub fn password(&self) -> Result<Zeroizing<String>> {
        let kept = self.inner.read(query::password)?;
        kept.ok_or_else(|| Error::about(ErrorKind::PasswordNotKept, self.jid()))
    }

    /// Whether the password is in the sealed store now: one that was generated or that a person wants kept, one that a person
    /// allowed to go to the server itself (PLAIN), and any other until a login left keys made from it.
    pub fn keeps_password(&self) -> Result<bool> {
        Ok(self.inner.read(query::password)?.is_some())
    }

    /// Whether it stays there after a login that leaves keys made from it: a person wants that, or allowed PLAIN.
    pub fn password_stays(&self) -> Result<bool> {
        self.inner.read(query::password_stays)
    }

    /// One message of this store by its local id.
    pub fn message(&self, message: &str) -> Result<TimelineItem> {
        self.inner.read(|reader| query::item(reader, message))
    }

    /// Readable rows that hold all these words, newest first; at most 200. The last word may be the beginning of one.
    pub fn search(&self, words: &str, limit: u32) -> Result<Vec<TimelineItem>> {
        self.inner.read(|reader| query::search(reader, words, limit))
    }

    /// Writes what can be read as JSON lines and tells how many rows those were; damaged parts are passed over. No password
    /// and no key is among it.
    pub fn export(&self, out: &mut dyn Write) -> Result<u64> {
        let done = store::export(&self.inner.folder.database(), &self.inner.key, out);
        done.map(|done| done.rows).map_err(|error| self.inner.about(error))
    }
}

fn chats(inner: &Inner) -> Result<Vec<ChatItem>> {
    inner.read(|reader| query::chat_list(reader, |chat| inner.hub.types(chat)))
}
