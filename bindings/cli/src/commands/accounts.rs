//! `accounts`, `password` and `forget`.

use crate::args::Global;
use crate::out::{Out, Stop};
use crate::password;
use crate::safe::line;
use crate::session::{self, Begin};
use crate::show;
use dunnock_core::command::{AccountUpdate, Command};
use dunnock_core::model::Connection;
use dunnock_core::{Error, ErrorKind};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Row {
    account: String,
    connection: Connection,
    /// The password is kept, sealed.
    password_kept: bool,
}

/// Lists the accounts. A home without any is no failure.
pub(crate) fn list(global: &Global, out: &Out) -> Result<(), Stop> {
    let listed = session::run(global, Begin::MayNot, async |client| {
        for account in client.accounts()? {
            let (connection, password_kept) = (account.connection()?, account.keeps_password()?);
            let row = Row { account: account.jid(), connection, password_kept };
            out.print(&row, |row| {
                let kept = if row.password_kept { ", password kept" } else { "" };
                format!("{}  {}{kept}", line(&row.account), show::connection(&row.connection))
            })?;
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

/// Connects because a person says so: what is here is tried again, though it was refused.
pub(crate) fn connect(global: &Global, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        account.call(Command::ConnectAgain).await?;
        super::unless_refused(&account, account.online(super::CHANGE)).await?;
        let row =
            Row { account: account.jid(), connection: account.connection()?, password_kept: account.keeps_password()? };
        out.print(&row, |row| show::connection(&row.connection))
    })
}

/// Another password, or the same again; the next login is with it. Whether it is kept stays as it was chosen, if nothing is
/// said of it.
pub(crate) fn password(
    global: &Global,
    jid: &str,
    file: Option<&Path>,
    keep_password: Option<bool>,
    out: &Out,
) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = client.account(jid)?;
        let password = Some(password::ask(jid, file)?.to_string());
        account.call(Command::Update(AccountUpdate { password, keep_password, ..AccountUpdate::default() })).await?;
        let stays = account.password_stays()?;
        out.print(&serde_json::json!({ "password_kept": stays }), |_| {
            let word = if stays {
                "it is kept here, sealed"
            } else {
                "once it has logged in, only keys made from it stay here"
            };
            word.to_owned()
        })
    })
}

/// The password that is kept, for use elsewhere.
pub(crate) fn show_password(global: &Global, jid: &str, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let password = client.account(jid)?.password()?;
        out.print(&serde_json::json!({ "password": password.as_str() }), |_| password.to_string())
    })
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
