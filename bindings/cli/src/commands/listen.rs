//! `listen`: online until interrupted, every event printed as it happens.

use crate::args::Global;
use crate::commands::refused;
use crate::out::{Out, Stop};
use crate::progress::Progress;
use crate::session::{self, Begin};
use crate::show;
use dunnock_core::Error;
use dunnock_core::command::Command;
use dunnock_core::model::Event;

/// Prints how the connection stands, which says that it listens from here on, and then events until the process is asked to end, its reader is gone, or the server refuses the account.
pub(crate) fn listen(global: &Global, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        let mut progress = Progress::new();
        // Opened before the connection, so that nothing of it is missed.
        let mut events = account.events();
        let mut connection = account.watch_connection();
        let mut tor = client.watch_tor();
        let ended = session::interrupted();
        tokio::pin!(ended);
        account.call(Command::Connect).await?;
        let mut last = String::new();
        // Only shown: an old refusal is no reason to end, as the command above tries anew.
        let standing = Event::Connection { account: account.jid(), connection: account.connection()? };
        print(&standing, &mut last, out)?;
        loop {
            // All of them are cancel-safe: what one did not give yet it gives next time.
            tokio::select! {
                () = &mut ended => break,
                Some(state) = connection.next() => progress.show(&state),
                Some(status) = tor.next() => progress.show_tor(&status),
                batch = events.next() => match batch {
                    Some(batch) => {
                        progress.clear();
                        batch.iter().try_for_each(|event| told(event, &mut last, out))?;
                    }
                    None => return events.failure().map_or(Ok(()), |kind| Err(Error::about(kind, account.jid()).into())),
                },
            }
        }
        progress.clear();
        Ok(())
    })
}

/// Prints one event; fails if it ends the listening.
fn told(event: &Event, last: &mut String, out: &Out) -> Result<(), Stop> {
    print(event, last, out)?;
    match event {
        // It is not tried again: waiting on would only look like being online.
        Event::Connection { account, connection } => {
            refused(account, connection).map_or(Ok(()), |error| Err(error.into()))
        }
        _ => Ok(()),
    }
}

/// Prints one event. People are told once where the connection stands (`last`), not each time that something smaller about
/// it changes.
fn print(event: &Event, last: &mut String, out: &Out) -> Result<(), Stop> {
    out.print(event, |event| {
        let text = show::event(event);
        match event {
            Event::Connection { .. } if *last == text => String::new(),
            Event::Connection { .. } => {
                last.clone_from(&text);
                text
            }
            _ => text,
        }
    })
}
