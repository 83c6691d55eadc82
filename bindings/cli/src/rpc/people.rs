//! `contact.*` and `device.*`.

use crate::rpc::Server;
use crate::rpc::frame::Fault;
use crate::rpc::methods::{Answer, OfAccount, read, reading, rows};
use dunnock_core::ErrorKind;
use dunnock_core::command::{Command, ContactChange, Reply};
use dunnock_core::model::Trust;
use serde::Deserialize;
use serde_json::{Value, json};

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

/// What there is to know of keys.
pub(crate) async fn alarms(server: &Server, params: Value) -> Answer {
    let OfAccount { account } = read(params)?;
    let account = server.account(account).await?;
    rows(reading(move || account.alarms()).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlarmAnswer {
    account: String,
    alarm: String,
    answer: String,
}

/// A person's answer to an alarm.
pub(crate) async fn answer(server: &Server, params: Value) -> Answer {
    let AlarmAnswer { account, alarm, answer } = read(params)?;
    server.wish(account, Command::AlarmAnswer { alarm, answer }).await
}

/// The account's address with the keys that count.
pub(crate) async fn uri(server: &Server, params: Value) -> Answer {
    let OfAccount { account } = read(params)?;
    let account = server.account(account).await?;
    Ok(json!({ "uri": reading(move || account.device_uri()).await? }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verify {
    account: String,
    uri: String,
}

/// A person read keys off another device.
pub(crate) async fn verify(server: &Server, params: Value) -> Answer {
    let Verify { account, uri } = read(params)?;
    match server.account(account).await?.call(Command::Verify { uri }).await? {
        Reply::Verified { jid } => Ok(json!({ "jid": jid })),
        _ => Err(ErrorKind::Internal.into()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    account: String,
    days: Option<u32>,
}

/// How devices leave the quarantine by themselves.
pub(crate) async fn rule(server: &Server, params: Value) -> Answer {
    let Rule { account, days } = read(params)?;
    let account = server.account(account).await?;
    if let Some(days) = days {
        account.call(Command::TrustRule { days }).await?;
    }
    Ok(json!({ "days": reading(move || account.trust_rule()).await? }))
}

/// What happened to the list of the account's own devices.
pub(crate) async fn log(server: &Server, params: Value) -> Answer {
    let OfAccount { account } = read(params)?;
    let account = server.account(account).await?;
    rows(reading(move || account.own_device_events()).await?)
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
