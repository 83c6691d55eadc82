//! The commands, one matter a file. Each opens the home, does its work on the core's runtime and closes it.

pub(crate) mod accounts;
pub(crate) mod change;
pub(crate) mod contacts;
pub(crate) mod devices;
pub(crate) mod export;
pub(crate) mod listen;
pub(crate) mod login;
pub(crate) mod push;
pub(crate) mod read;
pub(crate) mod rooms;
pub(crate) mod send;
pub(crate) mod server;
pub(crate) mod sync;

use crate::out::{Out, Stop};
use dunnock_core::command::Command;
use dunnock_core::model::{Connection, State};
use dunnock_core::{Account, Error, ErrorKind, Result};
use serde_json::json;
use std::time::Duration;

/// How long a change waits for the server before it is left to the next connection.
const CHANGE: Duration = Duration::from_secs(30);

/// The failure of something that the contract names and this version cannot do.
pub(crate) fn not_yet(what: &str) -> Stop {
    Error::about(ErrorKind::NotYet, what).into()
}

/// The end of a command that has nothing to show.
pub(crate) fn done(out: &Out) -> Result<(), Stop> {
    out.print(&json!({}), |_| String::new())
}

/// Carries out a change that the server has to hear of. It is stored first and goes out with the connection; once the
/// archive is caught up the server has answered later things than it.
pub(crate) async fn settle(account: &Account, change: Command, out: &Out) -> Result<(), Stop> {
    account.call(change).await?;
    delivered(account).await?;
    done(out)
}

/// Goes online, so that the server hears of what was changed.
pub(crate) async fn delivered(account: &Account) -> Result<()> {
    let later = "the change is stored and goes out with the next connection";
    online(account, account.caught_up(CHANGE)).await.map_err(|error| told_later(account, error, later))
}

/// Goes online, and what `wait` comes to then; or why nobody connects, or the refusal of the account.
pub(crate) async fn online<T>(account: &Account, wait: impl Future<Output = Result<T>>) -> Result<T> {
    account.call(Command::Connect).await?;
    unless_refused(account, wait).await
}

/// What `wait` comes to, or the refusal of the account if that comes first: it is not tried again by itself.
pub(crate) async fn unless_refused<T>(account: &Account, wait: impl Future<Output = Result<T>>) -> Result<T> {
    let mut states = account.watch_connection();
    let refusal = async {
        while let Some(connection) = states.next().await {
            if let Some(error) = refused(&account.jid(), &connection) {
                return error;
            }
        }
        std::future::pending().await
    };
    // Both arms are given up for good when the other is ready.
    tokio::select! {
        outcome = wait => outcome,
        error = refusal => Err(error),
    }
}

/// The refusal that this connection stands at, if it does.
pub(crate) fn refused(account: &str, connection: &Connection) -> Option<Error> {
    if !matches!(connection.state, State::Refused | State::Contradiction) {
        return None;
    }
    let kind = connection.error.as_deref().and_then(ErrorKind::from_code).unwrap_or(ErrorKind::LoginRefused);
    Some(Error::about(kind, whose(account, connection)))
}

/// The account, and what its failure is about beside the kind.
pub(crate) fn whose(account: &str, connection: &Connection) -> String {
    match &connection.about {
        Some(about) => format!("{account}, {about}"),
        None => account.to_owned(),
    }
}

/// A failure to reach the server, with why that is and what stays for later.
pub(crate) fn told_later(account: &Account, error: Error, stays: &str) -> Error {
    let connection = account.connection().ok();
    let whose = connection.as_ref().map_or_else(|| account.jid(), |connection| whose(&account.jid(), connection));
    let last = connection.and_then(|connection| connection.error);
    let kind = match (error.kind, last.as_deref().and_then(ErrorKind::from_code)) {
        (ErrorKind::TimedOut, Some(why)) => why,
        (kind, _) => kind,
    };
    Error::about(kind, format!("{whose} ({stays})"))
}
