//! `accounts` and `forget`.

use crate::args::Global;
use crate::out::{Out, Stop};
use crate::safe::line;
use crate::session::{self, Begin};
use crate::show;
use dunnock_core::model::Connection;
use dunnock_core::{Error, ErrorKind};
use serde::Serialize;

#[derive(Serialize)]
struct Row {
    account: String,
    connection: Connection,
}

/// Lists the accounts. A home without any is no failure.
pub(crate) fn list(global: &Global, out: &Out) -> Result<(), Stop> {
    let listed = session::run(global, Begin::MayNot, async |client| {
        for account in client.accounts()? {
            let row = Row { account: account.jid(), connection: account.connection()? };
            out.print(&row, |row| format!("{}  {}", line(&row.account), show::connection(&row.connection)))?;
        }
        match client.damaged().as_slice() {
            [] => Ok(()),
            damaged => Err(session::damaged_error(damaged).into()),
        }
    });
    match listed {
        Err(Stop::Failed(Error { kind: ErrorKind::NoAccount, .. })) => Ok(()),
        other => other,
    }
}

/// What is said of a push that outlives its account here.
const LEFT: &str = ". Its push could not be taken back: the app server may go on waking this device for it";

/// Wipes an account from the home.
pub(crate) fn forget(global: &Global, jid: &str, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let taken_back = match client.damaged().into_iter().find(|damaged| damaged.folder == jid) {
            Some(damaged) => client.remove_damaged(&damaged.folder).await.map(|()| true)?,
            None => client.remove(jid).await?,
        };
        let left = if taken_back { "" } else { LEFT };
        out.print(&serde_json::json!({}), |_| {
            format!("{} is gone from this home; the server still has it{left}", line(jid))
        })
    })
}
