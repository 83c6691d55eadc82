//! `send`: one message, and the server's word that it has it.

use crate::args::{Global, Send};
use crate::commands::{devices, not_yet, online, told_later};
use crate::out::{Out, Stop};
use crate::session::{self, Begin};
use dunnock_core::command::{Command, Reply};
use dunnock_core::model::{Delivery, Reach, State, TimelineItem};
use dunnock_core::{Account, Error, ErrorKind};
use serde::Serialize;
use std::io::{self, Read};
use std::time::Duration;

/// How long a reason must stand before it is told.
const GRACE: Duration = Duration::from_secs(1);

/// What came of it.
#[derive(Serialize)]
struct Sent {
    message: String,
    origin_id: String,
    state: Delivery,
    devices: Option<Reach>,
    /// Alarms about the contact or our own devices that wait for an answer.
    alarms: usize,
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
        let timeout = Duration::from_secs(send.timeout);
        let sent = account.sent(&message, timeout);
        // Both arms are given up for good when the other is ready.
        let outcome = tokio::select! {
            outcome = online(&account, sent) => outcome,
            error = stuck(&account, &send.to, &message, timeout) => return Err(error.into()),
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
        if let Some(reach) = item.devices.filter(|reach| reach.reached < reach.known) {
            out.note(&format!("sent to {} of {} devices", reach.reached, reach.known));
        }
        let alarms = devices::open(&account, Some(&item.chat))?.len();
        let sent = Sent { message, origin_id, state, devices: item.devices, alarms };
        out.print(&sent, |sent| sent.message.clone())?;
        devices::remind(&account, Some(&item.chat), out)
    })
}

/// Why the message cannot go out before a person does something about it; never ready otherwise.
async fn stuck(account: &Account, to: &str, message: &str, timeout: Duration) -> Error {
    while account.stuck(message, timeout).await.is_ok() {
        // What was decided a moment ago in another process may not have been looked at yet.
        tokio::time::sleep(GRACE).await;
        if let Ok(kind) = account.stuck(message, Duration::ZERO).await {
            return Error::about(kind, format!("{to} (message {message} is stored and waits for that)"));
        }
    }
    std::future::pending().await
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
    let kind = item.error.as_deref().and_then(ErrorKind::from_code).unwrap_or(ErrorKind::Refused);
    Error::about(kind, item.chat.clone())
}
