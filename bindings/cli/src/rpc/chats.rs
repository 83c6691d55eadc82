//! `message.*`, `chat.*` and `search`.

use crate::rpc::Server;
use crate::rpc::frame::Fault;
use crate::rpc::methods::{Answer, OfAccount, read, reading, rows};
use dunnock_core::ErrorKind;
use dunnock_core::command::{Command, Reply};
use serde::Deserialize;
use serde_json::{Value, json};

/// Rows of a window where the request names no number.
const USUAL: u32 = 50;
/// The most rows of a window.
const MOST: u32 = 200;

/// How many rows are wanted.
fn window(limit: Option<u32>) -> Result<u32, Fault> {
    let limit = limit.unwrap_or(USUAL);
    if (1..=MOST).contains(&limit) { Ok(limit) } else { Err(Fault::params(format!("limit is 1 to {MOST}"))) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Send {
    account: String,
    to: String,
    text: String,
    reply_to: Option<String>,
    origin_id: Option<String>,
}

/// Puts a text into the store; what becomes of it comes as events.
pub(crate) async fn send(server: &Server, params: Value) -> Answer {
    let Send { account, to, text, reply_to, origin_id } = read(params)?;
    let account = server.account(account).await?;
    match account.call(Command::Send { to, text, reply_to, origin_id }).await? {
        Reply::Sent { message, origin_id } => Ok(json!({ "message": message, "origin_id": origin_id })),
        Reply::Done | Reply::Verified { .. } => Err(ErrorKind::Internal.into()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Correct {
    account: String,
    message: String,
    text: String,
}

/// Gives a message of ours another text.
pub(crate) async fn correct(server: &Server, params: Value) -> Answer {
    let Correct { account, message, text } = read(params)?;
    server.wish(account, Command::Correct { message, text }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Retract {
    account: String,
    message: String,
}

/// Takes back a message of ours.
pub(crate) async fn retract(server: &Server, params: Value) -> Answer {
    let Retract { account, message } = read(params)?;
    server.wish(account, Command::Retract { message }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct React {
    account: String,
    message: String,
    emojis: Vec<String>,
}

/// Says all that we think of a message.
pub(crate) async fn react(server: &Server, params: Value) -> Answer {
    let React { account, message, emojis } = read(params)?;
    server.wish(account, Command::React { message, emojis }).await
}

/// The chat list.
pub(crate) async fn list(server: &Server, params: Value) -> Answer {
    let OfAccount { account } = read(params)?;
    let account = server.account(account).await?;
    rows(reading(move || account.chats()).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Timeline {
    account: String,
    chat: String,
    before: Option<String>,
    limit: Option<u32>,
}

/// Rows of a chat, newest first.
pub(crate) async fn timeline(server: &Server, params: Value) -> Answer {
    let Timeline { account, chat, before, limit } = read(params)?;
    let limit = window(limit)?;
    let account = server.account(account).await?;
    rows(reading(move || account.timeline(&chat, before.as_deref(), limit)).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfChat {
    account: String,
    chat: String,
}

/// All messages of a chat were read.
pub(crate) async fn mark_read(server: &Server, params: Value) -> Answer {
    let OfChat { account, chat } = read(params)?;
    server.wish(account, Command::MarkRead { chat }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowPlain {
    account: String,
    chat: String,
    allow: bool,
}

/// Allows or forbids plain text in a chat.
pub(crate) async fn allow_plain(server: &Server, params: Value) -> Answer {
    let AllowPlain { account, chat, allow } = read(params)?;
    server.wish(account, Command::AllowPlain { chat, allow }).await
}

/// Allows or forbids in clear what OMEMO 0.3 cannot seal.
pub(crate) async fn allow_extras(server: &Server, params: Value) -> Answer {
    let AllowPlain { account, chat, allow } = read(params)?;
    server.wish(account, Command::AllowExtras { chat, allow }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typing {
    account: String,
    chat: String,
    state: String,
}

/// We type, or stopped; the states are named as in XEP-0085.
pub(crate) async fn typing(server: &Server, params: Value) -> Answer {
    let Typing { account, chat, state } = read(params)?;
    let typing = match state.as_str() {
        "composing" => true,
        "active" | "paused" => false,
        _ => return Err(Fault::params("state takes composing, paused or active")),
    };
    server.wish(account, Command::Typing { chat, typing }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    account: String,
    words: String,
    limit: Option<u32>,
}

/// Rows that hold all the words.
pub(crate) async fn search(server: &Server, params: Value) -> Answer {
    let Search { account, words, limit } = read(params)?;
    let limit = window(limit)?;
    let account = server.account(account).await?;
    rows(reading(move || account.search(&words, limit)).await?)
}
