//! `room.*`. What becomes of a wish comes as events `room` and `room_member`.

use crate::rpc::Server;
use crate::rpc::frame::Fault;
use crate::rpc::methods::{Answer, OfAccount, read, reading, rows};
use dunnock_core::command::{Command, RoomChange};
use serde::Deserialize;
use serde_json::Value;

/// The rooms.
pub(crate) async fn list(server: &Server, params: Value) -> Answer {
    let OfAccount { account } = read(params)?;
    let account = server.account(account).await?;
    rows(reading(move || account.rooms()).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfRoom {
    account: String,
    room: String,
}

/// Who belongs to a room.
pub(crate) async fn members(server: &Server, params: Value) -> Answer {
    let OfRoom { account, room } = read(params)?;
    let account = server.account(account).await?;
    rows(reading(move || account.members(&room)).await?)
}

/// The changes that need nothing but the room.
pub(crate) async fn change(server: &Server, method: &str, params: Value) -> Answer {
    let OfRoom { account, room } = read(params)?;
    let change = match method {
        "room.leave" => RoomChange::Leave,
        "room.accept" => RoomChange::Accept,
        "room.destroy" => RoomChange::Destroy,
        _ => return Err(Fault::method(method)),
    };
    server.wish(account, Command::Room { room, change }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enter {
    account: String,
    room: String,
    nick: Option<String>,
}

/// Into a room, old or new.
pub(crate) async fn enter(server: &Server, method: &str, params: Value) -> Answer {
    let Enter { account, room, nick } = read(params)?;
    let change = if method == "room.create" { RoomChange::Create { nick } } else { RoomChange::Join { nick } };
    server.wish(account, Command::Room { room, change }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Affiliate {
    account: String,
    room: String,
    jid: String,
}

/// Somebody becomes a member, is admitted as one, or is one no more.
pub(crate) async fn affiliate(server: &Server, method: &str, params: Value) -> Answer {
    let Affiliate { account, room, jid } = read(params)?;
    let change = match method {
        "room.invite" => RoomChange::Invite { jid },
        "room.admit" => RoomChange::Admit { jid },
        _ => RoomChange::Remove { jid },
    };
    server.wish(account, Command::Room { room, change }).await
}
