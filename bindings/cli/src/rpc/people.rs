//! `contact.*` and `device.*`.

use crate::rpc::Server;
use crate::rpc::frame::Fault;
use crate::rpc::methods::{Answer, OfAccount, read, reading, rows};
use dunnock_core::command::{Command, ContactChange};
use dunnock_core::model::Trust;
use serde::Deserialize;
use serde_json::Value;

/// The contact list.
pub(crate) async fn contacts(server: &Server, params: Value) -> Answer {
    let OfAccount { account } = read(params)?;
    let account = server.account(account).await?;
    rows(reading(move || account.contacts()).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfPerson {
    account: String,
    jid: String,
}

/// The changes that need nothing but the person.
pub(crate) async fn change(server: &Server, method: &str, params: Value) -> Answer {
    let OfPerson { account, jid } = read(params)?;
    let change = match method {
        "contact.add" => ContactChange::Add,
        "contact.accept" => ContactChange::Accept,
        "contact.decline" => ContactChange::Decline,
        "contact.block" => ContactChange::Block,
        "contact.unblock" => ContactChange::Unblock,
        _ => return Err(Fault::method(method)),
    };
    server.wish(account, Command::Contact { jid, change }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Name {
    account: String,
    jid: String,
    name: String,
}

/// Names a person, on this device only.
pub(crate) async fn name(server: &Server, params: Value) -> Answer {
    let Name { account, jid, name } = read(params)?;
    server.wish(account, Command::Contact { jid, change: ContactChange::Name(name) }).await
}

/// The devices of a person.
pub(crate) async fn devices(server: &Server, params: Value) -> Answer {
    let OfPerson { account, jid } = read(params)?;
    let account = server.account(account).await?;
    rows(reading(move || account.devices(&jid)).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decide {
    account: String,
    jid: String,
    fingerprint: String,
    trust: String,
}

/// A person's word on a key.
pub(crate) async fn decide(server: &Server, params: Value) -> Answer {
    let Decide { account, jid, fingerprint, trust } = read(params)?;
    let trust = match Trust::from_code(&trust) {
        Some(trust @ (Trust::Verified | Trust::Distrusted)) => trust,
        _ => return Err(Fault::params("trust takes verified or distrusted")),
    };
    server.wish(account, Command::DeviceDecide { jid, fingerprint, trust }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    account: String,
    jid: String,
    device: u32,
}

/// A fresh session.
pub(crate) async fn reset(server: &Server, params: Value) -> Answer {
    let Reset { account, jid, device } = read(params)?;
    server.wish(account, Command::DeviceReset { jid, device }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Remove {
    account: String,
    device: u32,
}

/// An own device goes.
pub(crate) async fn remove(server: &Server, params: Value) -> Answer {
    let Remove { account, device } = read(params)?;
    server.wish(account, Command::DeviceRemove { device }).await
}
