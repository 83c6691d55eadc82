//! From the global options to an open home, one of its accounts, and the signals that end a command.

use crate::args::Global;
use crate::out::Stop;
use crate::{key, place};
use dunnock_core::{Account, Client, Damaged, Error, ErrorKind, Result, StoreKey};
use std::fs;
use std::path::Path;

/// Whether a command may begin a home.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// It adds accounts: what is missing is made.
    May,
    /// It needs one that is there: without accounts nothing is made, and it fails with `no_account`.
    MayNot,
}

/// Opens the home, runs `work` on the core's runtime and closes the home again, whatever came of it.
pub(crate) fn run(
    global: &Global,
    begin: Begin,
    work: impl AsyncFnOnce(&Client) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let client = open(global, begin)?;
    let result = client.block_on(async {
        let result = work(&client).await;
        client.close().await;
        result
    });
    client.end();
    result
}

/// Opens the home that the options name.
pub(crate) fn open(global: &Global, begin: Begin) -> Result<Client> {
    let home = match &global.home {
        Some(home) => home.clone(),
        None => place::home()?,
    };
    let settled = Client::has_accounts(&home)?;
    if begin == Begin::MayNot && !settled {
        return Err(ErrorKind::NoAccount.into());
    }
    let key = match &global.key_file {
        Some(path) => store_key(path, settled)?,
        None => {
            let path = place::key_file()?;
            if !settled && let Some(folder) = path.parent() {
                private_folder(folder)?;
            }
            store_key(&path, settled)?
        }
    };
    Client::open(&home, StoreKey::from_bytes(*key))
}

/// The key in the file; a fresh one if there is no file and the home is not `settled` yet.
fn store_key(path: &Path, settled: bool) -> Result<key::Key> {
    match key::read(path)? {
        Some(key) => Ok(key),
        None if settled => Err(Error::about(ErrorKind::KeyFile, format!("{} does not exist", path.display()))),
        None => key::make(path),
    }
}

/// Makes the folder of the default key file, for its owner only.
fn private_folder(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| Error::about(ErrorKind::KeyFile, format!("{} ({})", folder.display(), error.kind())))
}

/// The account that was asked for, or the only one there is.
pub(crate) fn account(client: &Client, global: &Global) -> Result<Account> {
    if let Some(jid) = &global.account {
        return client.account(jid);
    }
    let mut accounts = client.accounts()?;
    let damaged = client.damaged();
    // A damaged account counts: else the one beside it would be used in its stead unasked.
    match (accounts.len(), damaged.len()) {
        (1, 0) => Ok(accounts.remove(0)),
        (0, 0) => Err(ErrorKind::NoAccount.into()),
        (0, 1) => Err(damaged_error(&damaged)),
        _ => Err(ErrorKind::SeveralAccounts.into()),
    }
}

/// The damaged account that is meant: by its folder's name, or because it is the only account there is.
pub(crate) fn damaged(client: &Client, global: &Global) -> Result<Option<Damaged>> {
    let whole = client.accounts()?.len();
    let mut damaged = client.damaged();
    Ok(match &global.account {
        Some(name) => damaged.into_iter().find(|damaged| damaged.folder == *name),
        None if whole == 0 && damaged.len() == 1 => damaged.pop(),
        None => None,
    })
}

/// The failure that damaged accounts are; the folder's name stands in for the JID that cannot be read.
pub(crate) fn damaged_error(damaged: &[Damaged]) -> Error {
    let folders: Vec<String> = damaged.iter().map(|damaged| format!("accounts/{}", damaged.folder)).collect();
    let kind = damaged.first().map_or(ErrorKind::DamagedStore, |first| first.kind);
    Error::about(kind, format!("{} (--account and forget take the folder's name)", folders.join(", ")))
}

/// Resolves when a person or the system asks the process to end. Listens from the call on, not only once it is polled: a
/// signal that comes before that would end the process without a goodbye.
pub(crate) fn interrupted() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate()).ok().zip(signal(SignalKind::interrupt()).ok())
    };
    async move {
        #[cfg(unix)]
        if let Some((mut end, mut interrupt)) = signals {
            // Both are cancel-safe: a signal that is not taken here is taken by the next receiver.
            tokio::select! {
                _ = end.recv() => {}
                _ = interrupt.recv() => {}
            }
            return;
        }
        if tokio::signal::ctrl_c().await.is_err() {
            // Without handlers the default action of the signals holds, which ends the process as well.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    #[tokio::test]
    async fn a_signal_before_the_first_look_is_heard_too() {
        let ended = super::interrupted();
        let kill = std::process::Command::new("kill").args(["-TERM", &std::process::id().to_string()]).status();
        assert!(kill.unwrap().success());
        ended.await;
    }
}
