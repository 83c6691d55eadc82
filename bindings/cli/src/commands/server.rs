//! `server`: what is remembered of an account's server.

use crate::args::Global;
use crate::out::{Out, Stop};
use crate::session::{self, Begin};
use crate::show;
use dunnock_core::command::Command;

/// Shows what is remembered; with `accept` the server is taken as it is, first.
pub(crate) fn server(global: &Global, accept: bool, plain: Option<bool>, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        if accept {
            account.call(Command::AcceptServer).await?;
        }
        if let Some(allowed) = plain {
            account.call(Command::AllowPlainLogin(allowed)).await?;
        }
        let kept = account.keeps_password()?;
        out.print(&account.server()?, |item| {
            let kept = if kept { "\nthe password is kept here, sealed" } else { "" };
            show::server(item) + kept
        })
    })
}
