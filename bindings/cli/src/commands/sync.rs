//! `sync`: woken for a moment, by a push or by the system.

use crate::args::Global;
use crate::commands::{devices, told_later};
use crate::out::{Out, Stop};
use crate::session::{self, Begin};
use crate::show;
use dunnock_core::{Client, Error, ErrorKind};
use std::time::Duration;

/// Catches up and prints what no sync has told yet. Fails, after printing that, if not all could be fetched.
pub(crate) fn sync(global: &Global, deadline: u64, node: Option<&str>, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = match (node, &global.account) {
            (Some(node), _) => Some(client.account_of_push(node)?.jid()),
            (None, account) => account.clone(),
        };
        let deadline = Duration::from_secs(deadline);
        let report = match &account {
            Some(account) => client.background_sync_of(account, deadline).await?,
            None => client.background_sync(deadline).await?,
        };
        out.print(&report, |report| {
            let lines: Vec<String> = report.notifications.iter().map(show::notification).collect();
            lines.join("\n")
        })?;
        for one in client.accounts()?.iter().filter(|one| account.as_ref().is_none_or(|jid| one.jid() == *jid)) {
            devices::remind(one, None, out)?;
        }
        if report.caught_up { Ok(()) } else { Err(missing(client, account.as_deref()).into()) }
    })
}

/// Why not all could be fetched.
fn missing(client: &Client, account: Option<&str>) -> Error {
    let stays = "what is missing stays on the server";
    let accounts = client.accounts().unwrap_or_default();
    let mut meant = accounts.iter().filter(|one| account.is_none_or(|jid| one.jid() == jid));
    let late = |subject: String| Error::about(ErrorKind::DeadlinePassed, subject);
    match (meant.next(), meant.next()) {
        (Some(one), None) => match told_later(one, ErrorKind::TimedOut.into(), stays) {
            // The server was there; it was the time that was short.
            error if error.kind == ErrorKind::TimedOut => late(one.jid()),
            error => error,
        },
        _ => late(stays.to_owned()),
    }
}
