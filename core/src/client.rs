//! A home folder and its accounts: the first thing that a face opens, and the last that it closes.

use crate::account::Account;
use crate::command::Tls;
use crate::error::{ErrorKind, Result};
use crate::lifecycle::Lifecycle;
use crate::store::StoreKey;
use crate::wire::Limits;
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// An open home. Clones are handles of the same one; it owns the runtime that all wires share.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    #[allow(dead_code)]
    home: PathBuf,
    runtime: tokio::runtime::Runtime,
}

/// What an account needs to be added or registered.
pub struct NewAccount {
    /// Bare JID.
    pub jid: String,
    /// Password.
    pub password: Zeroizing<String>,
    /// Host to connect to instead of what DNS says.
    pub host: Option<String>,
    /// Port to connect to instead of what DNS says.
    pub port: Option<u16>,
    /// How TLS begins.
    pub tls: Tls,
    /// PEM text of the only authorities to trust; none means the platform's.
    pub ca: Option<String>,
}

/// An account folder whose database cannot be opened normally.
pub struct Damaged {
    /// Its random name under `accounts/`.
    pub folder: String,
    /// Why: `DamagedStore`, or what the system said.
    pub kind: ErrorKind,
    #[allow(dead_code)]
    pub(crate) path: PathBuf,
}

impl Damaged {
    /// Writes what can still be read as JSON lines and tells how many rows those were. Nothing is changed.
    pub fn export(&self, _out: &mut dyn Write) -> Result<u64> {
        Err(ErrorKind::NotYet.into())
    }
}

impl Client {
    /// Opens the home folder, or makes it with mode 0700.
    ///
    /// Fails with `WrongKey`, `ReadOnlyHome`, `DiskFull`, `DamagedStore` (accounts, but no `key.check`); nothing was changed then.
    pub fn open(home: &Path, key: StoreKey) -> Result<Client> {
        Client::open_with(home, key, Limits::default())
    }

    /// The same with other time-outs; tests lower them.
    pub fn open_with(home: &Path, _key: StoreKey, _limits: Limits) -> Result<Client> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("dunnock")
            .enable_all()
            .build()
            .map_err(|_| ErrorKind::Internal)?;
        Ok(Client { inner: Arc::new(Inner { home: home.to_owned(), runtime }) })
    }

    /// Whether this home holds an account, readable or not: then its key must not be made anew.
    pub fn has_accounts(_home: &Path) -> Result<bool> {
        Err(ErrorKind::NotYet.into())
    }

    /// The accounts that can be opened, in the order of adding. Those that cannot are in [`Client::damaged`].
    pub fn accounts(&self) -> Result<Vec<Account>> {
        Err(ErrorKind::NotYet.into())
    }

    /// The account of this bare JID; `NoAccount` if there is none.
    pub fn account(&self, _jid: &str) -> Result<Account> {
        Err(ErrorKind::NotYet.into())
    }

    /// The account folders whose database cannot be opened.
    pub fn damaged(&self) -> Vec<Damaged> {
        Vec::new()
    }

    /// Stores a new account, offline. Either all of it is there afterwards, or nothing; `AccountExists`, `InvalidJid`.
    pub fn add(&self, _new: NewAccount) -> Result<Account> {
        Err(ErrorKind::NotYet.into())
    }

    /// Makes the account on its server (XEP-0077) and stores nothing; [`Client::add`] follows.
    pub async fn register(&self, _new: &NewAccount) -> Result<()> {
        Err(ErrorKind::NotYet.into())
    }

    /// Disconnects the account, here and in other processes, and wipes its folder. `StoreBusy` if another program does not let go.
    pub async fn remove(&self, _jid: &str) -> Result<()> {
        Err(ErrorKind::NotYet.into())
    }

    /// Wipes an account that cannot be opened any more, by its folder's name.
    pub async fn remove_damaged(&self, _folder: &str) -> Result<()> {
        Err(ErrorKind::NotYet.into())
    }

    /// Moves all accounts to another state of life; returns when that is done.
    pub async fn set_lifecycle(&self, _lifecycle: Lifecycle) -> Result<()> {
        Err(ErrorKind::NotYet.into())
    }

    /// The runtime, for bindings to spawn onto.
    pub fn handle(&self) -> &tokio::runtime::Handle {
        self.inner.runtime.handle()
    }

    /// Runs a future on this thread, with the runtime behind it. Not for use inside of another future.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.handle().block_on(future)
    }

    /// Ends all: goodbye to the servers, what was acknowledged is on the disk, the log of the database is written back,
    /// leases and files are released. Handles answer `Ended` afterwards.
    pub async fn close(&self) {}
}
