//! A home folder and its accounts.

use crate::account::Account;
use crate::error::Result;
use crate::export;
use crate::guard;
use crate::held::Home;
use crate::watch::{TorQuery, Watch};
use dunnock_core::command::Tls;
use dunnock_core::lifecycle::Lifecycle;
use dunnock_core::model::SyncReport;
use dunnock_core::{Error, ErrorKind, Route, StoreKey};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// What an account needs to be added or registered.
#[derive(uniffi::Record)]
pub struct NewAccount {
    /// Bare JID.
    pub jid: String,
    /// Password; null lets `register` make one.
    pub password: Option<String>,
    /// Host to connect to instead of what DNS says.
    pub host: Option<String>,
    /// Port to connect to instead of what DNS says.
    pub port: Option<u16>,
    /// How TLS begins.
    pub tls: Tls,
    /// PEM text of the only authorities to trust; null means the platform's.
    pub ca: Option<String>,
    /// How it reaches its server.
    pub route: Route,
    /// Whether a password that was given stays in the sealed store after the first login; a generated one always does.
    #[uniffi(default = false)]
    pub keep_password: bool,
}

/// An account folder whose database cannot be opened. Whose it is cannot be told either.
#[derive(uniffi::Record)]
pub struct DamagedAccount {
    /// Its random name under `accounts/`.
    pub folder: String,
    /// Why: `DamagedStore`, `StoreTooNew`, or what the system said.
    pub kind: ErrorKind,
}

/// An open home.
#[derive(uniffi::Object)]
pub struct Client {
    home: Arc<Home>,
}

/// Opens the home folder, or makes it with mode 0700. `key` are the 32 bytes that all in it is sealed with.
///
/// Several processes may open one home; among them one holds an account's connection, and the others send through it.
/// Fails with `InvalidInput` (key of another length), `WrongKey`, `ReadOnlyHome`, `DiskFull`, `DamagedStore`; nothing was
/// changed then.
#[uniffi::export]
pub async fn open_client(home: String, key: Vec<u8>) -> Result<Arc<Client>> {
    guard::hush();
    let key = Zeroizing::new(key);
    let bytes =
        <[u8; 32]>::try_from(key.as_slice()).map_err(|_| Error::about(ErrorKind::InvalidInput, "the store key"))?;
    let key = StoreKey::from_bytes(bytes);
    let client = guard::thread(move || Ok(dunnock_core::Client::open(&PathBuf::from(home), key)?)).await?;
    Ok(Arc::new(Client { home: Home::new(client) }))
}

#[uniffi::export]
impl Client {
    /// The accounts that can be opened, in the order of adding. Those that cannot are in `damaged`.
    pub async fn accounts(&self) -> Result<Vec<Arc<Account>>> {
        let client = self.home.client()?;
        let accounts = guard::disk(&self.home.handle, move || client.accounts()).await?;
        Ok(accounts.into_iter().map(|account| Account::new(&self.home, account)).collect())
    }

    /// The account of this bare JID. `NoAccount`, or the error of a damaged one that it may be.
    pub async fn account(&self, jid: String) -> Result<Arc<Account>> {
        let client = self.home.client()?;
        let account = guard::disk(&self.home.handle, move || client.account(&jid)).await?;
        Ok(Account::new(&self.home, account))
    }

    /// The account folders whose database cannot be opened.
    pub async fn damaged(&self) -> Result<Vec<DamagedAccount>> {
        let client = self.home.client()?;
        let damaged = guard::disk(&self.home.handle, move || Ok(client.damaged())).await?;
        Ok(damaged.into_iter().map(|one| DamagedAccount { folder: one.folder, kind: one.kind }).collect())
    }

    /// Saves what can still be read of a damaged account as JSON lines in a new file, for its owner only, and answers how
    /// many rows those were. Nothing of the account is changed. `NoAccount`, `DamagedStore` if nothing can be read, `File`,
    /// `DiskFull`.
    pub async fn export_damaged(&self, folder: String, file: String) -> Result<u64> {
        let client = self.home.client()?;
        let saved = move || {
            let found = client.damaged().into_iter().find(|damaged| damaged.folder == folder);
            let damaged = found.ok_or_else(|| Error::about(ErrorKind::NoAccount, folder))?;
            export::into_file(&PathBuf::from(file), |out| damaged.export(out))
        };
        guard::disk(&self.home.handle, saved).await
    }

    /// Wipes a damaged account from this home, by its folder's name. `NoAccount`, `StoreBusy`.
    pub async fn remove_damaged(&self, folder: String) -> Result<()> {
        let client = self.home.client()?;
        guard::task(&self.home.handle, async move { client.remove_damaged(&folder).await }).await
    }

    /// Stores a new account, offline: all of it is there afterwards, or nothing. `InvalidJid`, `InvalidInput` (no password),
    /// `AccountExists`.
    pub async fn add(&self, mut new: NewAccount) -> Result<Arc<Account>> {
        let client = self.home.client()?;
        let password = new.given().ok_or_else(|| Error::about(ErrorKind::InvalidInput, "the password"))?;
        let new = new.core(password);
        let account = guard::disk(&self.home.handle, move || client.add(new)).await?;
        Ok(Account::new(&self.home, account))
    }

    /// Makes the account on its server (XEP-0077), then stores it, offline. Without a password one is generated.
    /// `AccountExists`, `RegistrationClosed`, `RegistrationRefused`, and whatever keeps a server from being reached.
    pub async fn register(&self, mut new: NewAccount) -> Result<Arc<Account>> {
        let client = self.home.client()?;
        let given = new.given();
        new.keep_password |= given.is_none();
        let password = given.unwrap_or_else(dunnock_core::password::generate);
        let (stored, wanted) = (new.core(password.clone()), new.core(password));
        let account = guard::task(&self.home.handle, register(client, stored, wanted)).await?;
        Ok(Account::new(&self.home, account))
    }

    /// Disconnects the account, here and in other processes, and wipes it from this home. `NoAccount`, `StoreBusy`.
    pub async fn remove(&self, jid: String) -> Result<()> {
        let client = self.home.client()?;
        guard::task(&self.home.handle, async move { client.remove(&jid).await.map(drop) }).await
    }

    /// Moves all accounts to another state of life; returns when that is done. After `Suspended` nothing holds a socket, a
    /// lock or a database any more, and the servers keep the streams to be resumed.
    pub async fn set_lifecycle(&self, lifecycle: Lifecycle) -> Result<()> {
        let client = self.home.client()?;
        guard::task(&self.home.handle, async move { client.set_lifecycle(lifecycle).await }).await
    }

    /// This device may be on another network, or has one again: call it when the system says so, as often as it does. Streams
    /// that are up are asked for a sign of life and made anew if none comes within seconds; pauses between tries end. What
    /// is not connected stays so.
    pub async fn network_changed(&self) -> Result<()> {
        let client = self.home.client()?;
        let told = async move {
            client.network_changed().await;
            Ok(())
        };
        guard::task(&self.home.handle, told).await
    }

    /// How Tor inside of this process stands, now and whenever that changes. It starts with the first account whose route it
    /// is, and says `Off` for ever in a build without it.
    pub fn watch_tor(&self) -> Arc<TorQuery> {
        let opened = guard::caught(|| Ok(self.home.client()?.watch_tor()));
        Arc::new(TorQuery(Watch::open(&self.home, "Tor", opened)))
    }

    /// Woken for a moment: connects all accounts that a person wants online, catches up, and lets go again without a goodbye,
    /// so that the servers go on pushing. Answers within the deadline, and a few seconds more if a stream does not end;
    /// with 0 it connects nothing and answers what is here. Can be cancelled: nothing is lost. `NoAccount` if there is none.
    pub async fn background_sync(&self, deadline_ms: u64) -> Result<SyncReport> {
        let (client, deadline) = (self.home.client()?, Duration::from_millis(deadline_ms));
        guard::cancellable(&self.home.handle, async move { client.background_sync(deadline).await }).await
    }

    /// The same for one account. `NoAccount`; `Offline` if a person disconnected it; why its server refused it.
    pub async fn background_sync_of(&self, account: String, deadline_ms: u64) -> Result<SyncReport> {
        let (client, deadline) = (self.home.client()?, Duration::from_millis(deadline_ms));
        guard::cancellable(&self.home.handle, async move { client.background_sync_of(&account, deadline).await }).await
    }

    /// All that was answered by syncs so far has been shown. Without this they are taken as shown by the next sync, the end
    /// or the suspension of this client, and come again if the process was killed before.
    pub async fn notified(&self) -> Result<()> {
        let client = self.home.client()?;
        guard::task(&self.home.handle, async move { client.notified().await }).await
    }

    /// The account that the app server means by this node of a push. `NoAccount` if it was removed here, or never was.
    pub async fn account_of_push(&self, node: String) -> Result<Arc<Account>> {
        let client = self.home.client()?;
        let account = guard::disk(&self.home.handle, move || client.account_of_push(&node)).await?;
        Ok(Account::new(&self.home, account))
    }

    /// Closes the home: goodbye to the servers, all is written back, locks and files are released. Afterwards every call on
    /// it, or on what came from it, fails with `Ended`; who waits in a `next` gets null. A second end does nothing.
    pub async fn end(&self) -> Result<()> {
        self.home.end().await
    }
}

/// Stored before the server knows it: else a crash in between would lose the password. What the server refuses is wiped.
async fn register(
    client: dunnock_core::Client,
    stored: dunnock_core::NewAccount,
    wanted: dunnock_core::NewAccount,
) -> dunnock_core::Result<dunnock_core::Account> {
    let adding = client.clone();
    let account = client.handle().spawn_blocking(move || adding.add(stored)).await;
    let account = account.unwrap_or_else(|_| Err(ErrorKind::Crashed.into()))?;
    if let Err(error) = client.register(&wanted).await {
        client.remove(&account.jid()).await?;
        return Err(error);
    }
    Ok(account)
}

impl NewAccount {
    /// The same as the core wants it, with this password.
    fn core(&self, password: Zeroizing<String>) -> dunnock_core::NewAccount {
        let NewAccount { jid, host, port, tls, ca, route, keep_password, .. } = self;
        let (jid, host, port, tls, ca) = (jid.clone(), host.clone(), *port, *tls, ca.clone());
        let keep_password = *keep_password;
        dunnock_core::NewAccount { jid, password, keep_password, host, port, tls, ca, route: route.clone() }
    }

    /// The password that was given; an empty one is none.
    fn given(&mut self) -> Option<Zeroizing<String>> {
        self.password.take().map(Zeroizing::new).filter(|password| !password.is_empty())
    }
}
