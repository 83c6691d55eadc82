//! A home folder and its accounts: the first thing that a face opens, and the last that it closes.

use crate::account::{Account, Inner as AccountInner, Shared};
use crate::brain::StartWire;
use crate::clock;
use crate::command::{Command, Tls};
use crate::error::{Error, ErrorKind, Result};
use crate::lease::LeaseQueue;
use crate::lifecycle::Lifecycle;
use crate::net::Net;
use crate::query::{self, TorBoard, TorQuery};
use crate::route::Route;
use crate::store::account::NewRow;
use crate::store::{self, AccountFolder, Home, Reader, Store, StoreKey};
use crate::wire::{self, Limits, Link, Settings};
use crate::workers::Workers;
use rand::{Rng, rngs::StdRng};
use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

/// An open home. Clones are handles of the same one; it owns the runtime that all wires share.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    home: Home,
    shared: Shared,
    net: Arc<Net>,
    tor: Arc<TorBoard>,
    /// Accounts opened so far, by their folder.
    accounts: Mutex<BTreeMap<String, Arc<AccountInner>>>,
}

/// What an account needs to be added or registered.
pub struct NewAccount {
    /// Bare JID.
    pub jid: String,
    /// Password.
    pub password: Zeroizing<String>,
    /// Whether the password stays in the sealed store after the first login, where else only the keys made from it do.
    pub keep_password: bool,
    /// Host to connect to instead of what DNS says.
    pub host: Option<String>,
    /// Port to connect to instead of what DNS says.
    pub port: Option<u16>,
    /// How TLS begins.
    pub tls: Tls,
    /// PEM text of the only authorities to trust; none means the platform's.
    pub ca: Option<String>,
    /// The way to the server.
    pub route: Route,
}

/// An account folder whose database cannot be opened normally. Whose it is cannot be told either.
pub struct Damaged {
    /// Its random name under `accounts/`.
    pub folder: String,
    /// Why: `DamagedStore`, `StoreTooNew`, or what the system said.
    pub kind: ErrorKind,
    files: AccountFolder,
    key: Arc<StoreKey>,
}

impl Damaged {
    /// Writes what can still be read as JSON lines and tells how many rows those were. Nothing is changed. `DamagedStore` if
    /// nothing can be read at all.
    pub fn export(&self, out: &mut dyn Write) -> Result<u64> {
        let done = store::export(&self.files.database(), &self.key, out);
        done.map(|done| done.rows)
            .map_err(|error| Error::about(error.kind, self.files.database().display().to_string()))
    }

    /// What a person is told about it.
    pub fn error(&self) -> Error {
        Error::about(self.kind, self.files.database().display().to_string())
    }
}

/// How long a server that may be out of reach is told that an account goes.
const PARTING: Duration = Duration::from_secs(5);
/// How long another process may take to let go of an account that is to be wiped.
const LET_GO: Duration = Duration::from_secs(10);

impl Client {
    /// Opens the home folder, or makes it with mode 0700.
    ///
    /// Fails with `WrongKey`, `ReadOnlyHome`, `DiskFull`, `DamagedStore` (accounts, but no `key.check`, and none that the key opens); nothing was changed then.
    pub fn open(home: &Path, key: StoreKey) -> Result<Client> {
        Client::open_with(home, key, crate::killpoint::limits())
    }

    /// The same with other time-outs; tests lower them.
    pub fn open_with(home: &Path, key: StoreKey, limits: Limits) -> Result<Client> {
        crate::log::hush_panics();
        let home = Home::open(home, &key)?;
        let workers = Arc::new(Workers::start()?);
        let tor: Arc<TorBoard> = Arc::default();
        let net = Arc::new(Net::new(home.tor(), tor.clone()));
        let start_wire = wires_on(workers.handle().clone(), net.clone());
        let shared = Shared { key: Arc::new(key), start_wire, workers, limits, inactive: Arc::default() };
        Ok(Client { inner: Arc::new(Inner { home, shared, net, tor, accounts: Mutex::default() }) })
    }

    /// Whether this home holds an account, readable or not: then its key must not be made anew.
    pub fn has_accounts(home: &Path) -> Result<bool> {
        Home::has_accounts(home)
    }

    /// The accounts that can be opened, in the order of adding. Those that cannot are in [`Client::damaged`].
    pub fn accounts(&self) -> Result<Vec<Account>> {
        let mut found = Vec::new();
        for folder in self.inner.home.folders()? {
            if let Ok((created, account)) = self.inner.opened(folder) {
                found.push((created, account));
            }
        }
        found.sort_by(|a, b| (a.0, &a.1.inner.folder.name).cmp(&(b.0, &b.1.inner.folder.name)));
        Ok(found.into_iter().map(|(_, account)| account).collect())
    }

    /// The account of this bare JID. `NoAccount` if there is none; if there are damaged ones it may be among them, so then
    /// their error.
    pub fn account(&self, jid: &str) -> Result<Account> {
        let jid = bare(jid)?;
        if let Some(account) = self.accounts()?.into_iter().find(|account| account.inner.jid == jid) {
            return Ok(account);
        }
        match self.damaged().first() {
            Some(damaged) => Err(damaged.error()),
            None => Err(Error::about(ErrorKind::NoAccount, jid)),
        }
    }

    /// The account folders whose database cannot be opened.
    pub fn damaged(&self) -> Vec<Damaged> {
        let folders = self.inner.home.folders().unwrap_or_default();
        let damaged = |folder: AccountFolder| {
            let error = self.inner.opened(folder.clone()).err()?;
            let key = self.inner.shared.key.clone();
            folder.exists().then(|| Damaged { folder: folder.name.clone(), kind: error.kind, files: folder, key })
        };
        folders.into_iter().filter_map(damaged).collect()
    }

    /// Stores a new account, offline. Either all of it is there afterwards, or nothing; `AccountExists`, `InvalidJid`.
    pub fn add(&self, new: NewAccount) -> Result<Account> {
        let jid = bare(&new.jid)?;
        let _alone = self.inner.home.exclusive()?;
        if self.accounts()?.iter().any(|account| account.inner.jid == jid) {
            return Err(Error::about(ErrorKind::AccountExists, jid));
        }
        let mut rng: StdRng = rand::make_rng();
        let mut identity = Zeroizing::new([0; 32]);
        rng.fill_bytes(identity.as_mut_slice());
        let row = NewRow {
            jid: &jid,
            password: &new.password,
            keep_password: new.keep_password,
            host: new.host.as_deref(),
            port: new.port,
            tls: new.tls,
            ca: new.ca.as_deref(),
            route: &new.route,
            user_agent: &uuid(&mut rng),
            // XEP-0384: 1 to 2^31 - 1.
            device: rng.next_u32() % (i32::MAX as u32) + 1,
            identity: &identity,
            now: clock::now().wall,
        };
        let folder = self.inner.home.build(&self.inner.shared.key, |store| {
            let tx = store.tx()?;
            tx.create_account(&row)?;
            tx.commit().map(drop)
        });
        Ok(self.inner.opened(folder?)?.1)
    }

    /// Makes the account on its server (XEP-0077) and stores nothing; [`Client::add`] follows.
    pub async fn register(&self, new: &NewAccount) -> Result<()> {
        let mut rng: StdRng = rand::make_rng();
        let settings = Settings {
            pin: None,
            venture: None,
            left: None,
            plain: false,
            jid: jid::BareJid::from_str(&bare(&new.jid)?).map_err(|_| ErrorKind::InvalidJid)?,
            secret: wire::Secret::password(&new.password),
            uses: 0,
            host: new.host.clone(),
            port: new.port,
            tls: new.tls,
            ca: new.ca.clone(),
            route: new.route.clone(),
            // Nothing else of the account is known by this name, so nothing else goes along with its making.
            whose: format!("registration {:016x}", rng.next_u64()),
            user_agent: uuid(&mut rng),
            limits: self.inner.shared.limits,
        };
        let door = self.inner.net.door(settings.route.clone(), &settings.whose);
        wire::register(&settings, door, &mut rng).await
    }

    /// Disconnects the account, here and in other processes, and wipes its folder. False if a push is left that could not be
    /// taken back: its app server may go on waking this device. `StoreBusy` if another program does not let go.
    pub async fn remove(&self, jid: &str) -> Result<bool> {
        let account = self.account(jid)?;
        let taken_back = account.take_back_push().await;
        // Whoever holds the wire obeys this, in whichever process. A store that cannot be written is wiped all the same.
        let _ = account.call(Command::Disconnect).await;
        account.inner.rest(true, true).await;
        // Whoever finds the token in an old copy of the store is to have nothing of it.
        let _ = tokio::time::timeout(PARTING, self.end_token(&account)).await;
        self.wipe(account.inner.folder.clone(), &account.inner.jid).await?;
        Ok(taken_back)
    }

    /// Has the server forget the account's token, if it has one.
    async fn end_token(&self, account: &Account) -> Result<()> {
        let shared = &self.inner.shared;
        let folder = &account.inner.folder;
        let settings = {
            let mut store = Store::open(&folder.database(), &shared.key)?;
            let tx = store.tx()?;
            let (secret, uses) = tx.secret(clock::now().wall)?;
            if secret.token.is_none() || tx.standing()?.is_some() {
                return Ok(());
            }
            let row = tx.account()?;
            tx.commit()?;
            Settings {
                pin: None,
                left: None,
                venture: None,
                plain: false,
                jid: jid::BareJid::from_str(&row.jid).map_err(|_| ErrorKind::DamagedStore)?,
                secret,
                uses,
                host: row.host,
                port: row.port,
                tls: row.tls,
                ca: row.ca,
                route: row.route,
                whose: folder.name.clone(),
                user_agent: row.user_agent,
                limits: shared.limits,
            }
        };
        let door = self.inner.net.door(settings.route.clone(), &settings.whose);
        wire::invalidate(&settings, door, &mut rand::make_rng::<StdRng>()).await
    }

    /// Wipes an account that cannot be opened any more, by its folder's name.
    pub async fn remove_damaged(&self, folder: &str) -> Result<()> {
        let found = self.damaged().into_iter().find(|damaged| damaged.folder == folder);
        let found = found.ok_or_else(|| Error::about(ErrorKind::NoAccount, folder))?;
        self.wipe(found.files, folder).await
    }

    async fn wipe(&self, folder: AccountFolder, subject: &str) -> Result<()> {
        let lease = folder.lease();
        let queue = LeaseQueue::new(lease.clone());
        // A damaged folder may lack even the lease file: then nobody holds it.
        let waited = if lease.exists() {
            queue.want()?;
            let taken = {
                let _runtime = self.handle().enter();
                tokio::time::timeout(LET_GO, queue.taken())
            };
            Some(taken.await)
        } else {
            None
        };
        let _lease = match waited {
            Some(Err(_)) => {
                queue.leave();
                return Err(Error::about(ErrorKind::StoreBusy, subject));
            }
            other => other,
        };
        let inner = self.inner.clone();
        let wiped = move || {
            let _alone = inner.home.exclusive()?;
            inner.accounts().remove(&folder.name);
            inner.home.wipe(&folder)
        };
        self.handle().spawn_blocking(wiped).await.map_err(|_| ErrorKind::Crashed)?
    }

    /// Moves all accounts to another state of life; returns when that is done.
    pub async fn set_lifecycle(&self, lifecycle: Lifecycle) -> Result<()> {
        self.inner.net.rest(lifecycle != Lifecycle::Foreground);
        let accounts: Vec<_> = self.inner.accounts().values().cloned().collect();
        self.inner.shared.inactive.store(lifecycle != Lifecycle::Foreground, Ordering::SeqCst);
        for account in accounts {
            account.tell_activity().await;
            match lifecycle {
                Lifecycle::Suspended => account.suspend().await,
                Lifecycle::Foreground | Lifecycle::Background => account.resume().await?,
            }
        }
        Ok(())
    }

    /// [`Account::network_changed`] for all accounts: what an app calls when the system tells it of another network.
    pub async fn network_changed(&self) {
        let accounts: Vec<_> = self.inner.accounts().values().cloned().collect();
        for account in accounts {
            account.network_changed().await;
        }
    }

    /// How Tor inside of this process stands, now and whenever that changes.
    pub fn watch_tor(&self) -> TorQuery {
        TorQuery::new(self.inner.tor.clone())
    }

    /// The runtime, for bindings to spawn onto.
    pub fn handle(&self) -> &Handle {
        self.inner.shared.workers.handle()
    }

    /// Runs a future on this thread, with the runtime behind it. Not for use inside of another future.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.handle().block_on(future)
    }

    /// Ends all: goodbye to the servers, what was acknowledged is on the disk, the log of the database is written back,
    /// leases and files are released. Handles answer `Ended` afterwards.
    pub async fn close(&self) {
        self.inner.tor.end();
        let accounts = std::mem::take(&mut *self.inner.accounts());
        for account in accounts.values() {
            account.rest(true, true).await;
        }
    }

    /// Ends the threads of a client that was closed; for the end of a program, and not for use inside of a future.
    ///
    /// The database's library cleans up when the process exits. A thread that ends at the same time frees what it has of
    /// that library too, and the process crashes. Handles of accounts are to be dropped before.
    pub fn end(self) {
        self.inner.shared.workers.join();
    }
}

impl Inner {
    /// The account in this folder and when it was added.
    fn opened(&self, folder: AccountFolder) -> Result<(i64, Account)> {
        let known = self.accounts().get(&folder.name).cloned();
        if let Some(inner) = known {
            let (_, created) = inner.read(query::account)?;
            return Ok((created, Account { inner }));
        }
        let reader = Reader::open(&folder.database(), &self.shared.key)?;
        let (jid, created) = query::account(&reader)?;
        let mut accounts = self.accounts();
        let inner =
            accounts.entry(folder.name.clone()).or_insert_with(|| AccountInner::new(jid, folder, self.shared.clone()));
        Ok((created, Account { inner: inner.clone() }))
    }

    fn accounts(&self) -> MutexGuard<'_, BTreeMap<String, Arc<AccountInner>>> {
        self.accounts.lock().expect("no holder of this lock panics")
    }
}

/// Starts wires as tasks of this runtime.
fn wires_on(handle: Handle, net: Arc<Net>) -> StartWire {
    Arc::new(move |settings| {
        let door = net.door(settings.route.clone(), &settings.whose);
        let (to, orders) = mpsc::channel(wire::ORDERS);
        let (events, from) = mpsc::channel(wire::EVENTS);
        let fuse = door.fuse();
        handle.spawn(wire::run(settings, door, events, orders, rand::make_rng::<StdRng>()));
        Link { to, from, fuse }
    })
}

/// The normal form of a bare JID with a name in it.
fn bare(text: &str) -> Result<String> {
    let jid = crate::address::bare(text)?;
    if jid.node().is_none() { Err(Error::about(ErrorKind::InvalidJid, text)) } else { Ok(jid.to_string()) }
}

/// A random UUID (RFC 9562, version 4).
fn uuid(rng: &mut impl Rng) -> String {
    let mut bytes = [0u8; 16];
    rng.fill_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
