//! `send`: one message, and the server's word that it has it.

use crate::args::{Global, Send};
use crate::commands::{not_yet, told_later, unless_refused};
use crate::out::{Out, Stop, kind_of_code};
use crate::session::{self, Begin};
use dunnock_core::command::{Command, Reply};
use dunnock_core::model::{Delivery, Reach, TimelineItem};
use dunnock_core::{Error, ErrorKind};
use serde::Serialize;
use std::io::{self, Read};
use std::time::Duration;

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
        let item = match unless_refused(&account, account.sent(&message, Duration::from_secs(send.timeout))).await {
            Ok(item) => item,
            Err(error) => {
                let stays = format!("message {message} is stored and goes out with the next connection");
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
