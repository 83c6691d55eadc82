//! `send`: one message, and the server's word that it has it.

use crate::args::{Global, Send};
use crate::commands::{not_yet, told_later, unless_refused};
use crate::out::{Out, Stop, kind_of_code};
use crate::session::{self, Begin};
use dunnock_core::command::{Command, Reply};
use dunnock_core::model::{Delivery, Reach, State, TimelineItem};
use dunnock_core::{Account, Error, ErrorKind};
use serde::Serialize;
use std::io::{self, Read};
use std::time::Duration;

/// Rows looked at for our message, which is among the newest.
const NEWEST: u32 = 200;

/// How long a reason must stand before it is told.
const GRACE: Duration = Duration::from_secs(1);

/// What came of it.
#[derive(Serialize)]
struct Sent {
    message: String,
    origin_id: String,
    state: Delivery,
    devices: Option<Reach>,
}

/// Sends a text and waits until the server has it.
pub(crate) fn send(global: &Global, send: Send, out: &Out) -> Result<(), Stop> {
    if send.file.is_some() {
        return Err(not_yet("send --file"));
    }
    let text = text_of(send.text.unwrap_or_default())?;
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        let wish = Command::Send { to: send.to.clone(), text, reply_to: None, origin_id: None };
        let Reply::Sent { message, origin_id } = account.call(wish).await? else {
            return Err(ErrorKind::Internal.into());
        };
        account.call(Command::Connect).await?;
        let sent = account.sent(&message, Duration::from_secs(send.timeout));
        // Both arms are given up for good when the other is ready.
        let outcome = tokio::select! {
            outcome = unless_refused(&account, sent) => outcome,
            error = stuck(&account, &send.to, &message) => return Err(error.into()),
        };
        let item = match outcome {
            Ok(item) => item,
            Err(error) => {
                let stays = format!("message {message} is stored and goes out {}", when(&account));
                return Err(told_later(&account, error, &stays).into());
            }
        };
        if item.state == Some(Delivery::Failed) {
            return Err(failed(&item).into());
        }
        let state = item.state.unwrap_or(Delivery::Sent);
        let sent = Sent { message, origin_id, state, devices: item.devices };
        out.print(&sent, |sent| sent.message.clone())
    })
}

/// Why the message cannot go out before a person does something about it; never ready otherwise.
async fn stuck(account: &Account, to: &str, message: &str) -> Error {
    let mut rows = account.watch_timeline(to, NEWEST);
    while rows.next().await.is_some() {
        if held(account, to, message).is_none() {
            continue;
        }
        // What was decided a moment ago in another process may not have been looked at yet.
        tokio::time::sleep(GRACE).await;
        if let Some(kind) = held(account, to, message) {
            return Error::about(kind, format!("{to} (message {message} is stored and waits for that)"));
        }
    }
    std::future::pending().await
}

/// What holds the message back, once the engine looked at it on this connection.
fn held(account: &Account, to: &str, message: &str) -> Option<ErrorKind> {
    // First the connection, then the rows: a reason that is older than the connection is replaced with it.
    account.connection().ok().filter(|connection| connection.state == State::Online && connection.caught_up)?;
    let rows = account.timeline(to, None, NEWEST).ok()?;
    let waiting: Vec<&TimelineItem> = rows.iter().filter(|row| row.state == Some(Delivery::Waiting)).collect();
    waiting.iter().find(|row| row.message == message)?;
    // An older one that cannot go holds back those behind it in the chat.
    waiting.iter().find_map(|row| row.error.as_deref().and_then(kind_of_code))
}

/// When a message that was not sent in time goes out.
fn when(account: &Account) -> &'static str {
    match account.connection() {
        Ok(connection) if connection.state == State::Online && !connection.caught_up => "once the archive was read",
        _ => "with the next connection",
    }
}

/// The text as given, or all of standard input without its last line break.
fn text_of(given: String) -> Result<String, Stop> {
    if given != "-" {
        return Ok(given);
    }
    let mut text = String::new();
    io::stdin()
        .lock()
        .read_to_string(&mut text)
        .map_err(|error| Error::about(ErrorKind::File, format!("standard input ({})", error.kind())))?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

fn failed(item: &TimelineItem) -> Error {
    let kind = item.error.as_deref().and_then(kind_of_code).unwrap_or(ErrorKind::Refused);
    Error::about(kind, item.chat.clone())
}
