//! `contacts` and `allow-plain`.

use crate::args::{ContactChange as Asked, Global, YesNo};
use crate::out::{Out, Stop};
use crate::session::{self, Begin};
use crate::show;
use dunnock_core::command::{Command, ContactChange};

/// Lists the contacts, or changes one.
pub(crate) fn contacts(global: &Global, change: Option<Asked>, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        let Some(change) = change else {
            return account.contacts()?.iter().try_for_each(|row| out.print(row, show::contact));
        };
        let (jid, change) = wish(change);
        // Names stay on this device: no server hears of them.
        let local = matches!(change, ContactChange::Name(_));
        let command = Command::Contact { jid, change };
        if local {
            account.call(command).await?;
            return super::done(out);
        }
        super::settle(&account, command, out).await
    })
}

/// Allows or forbids plain text in a chat.
pub(crate) fn allow_plain(global: &Global, with: String, allow: YesNo, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        account.call(Command::AllowPlain { chat: with, allow: allow == YesNo::Yes }).await?;
        super::done(out)
    })
}

fn wish(change: Asked) -> (String, ContactChange) {
    match change {
        Asked::Add(person) => (person.jid, ContactChange::Add),
        Asked::Accept(person) => (person.jid, ContactChange::Accept),
        Asked::Decline(person) => (person.jid, ContactChange::Decline),
        Asked::Block(person) => (person.jid, ContactChange::Block),
        Asked::Unblock(person) => (person.jid, ContactChange::Unblock),
        Asked::Name { jid, name } => (jid, ContactChange::Name(name)),
    }
}
