//! `push.*`.

use crate::rpc::Server;
use crate::rpc::frame::Fault;
use crate::rpc::methods::{Answer, OfAccount, read, reading, rows};
use dunnock_core::command::{Command, Platform, PushService};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Register {
    account: String,
    app_server: String,
    platform: String,
    token: String,
    device: String,
}

/// Wants to be woken by this app server. How far that is tells `push.status`.
pub(crate) async fn register(server: &Server, params: Value) -> Answer {
    let Register { account, app_server, platform, token, device } = read(params)?;
    let platform = Platform::from_code(&platform).ok_or_else(|| Fault::params("platform takes fcm or apns"))?;
    server.wish(account, Command::EnablePush(PushService { app_server, platform, token, device })).await
}

/// Wants to be woken no more.
pub(crate) async fn unregister(server: &Server, params: Value) -> Answer {
    let OfAccount { account } = read(params)?;
    server.wish(account, Command::DisablePush).await
}

/// How far the push is.
pub(crate) async fn status(server: &Server, params: Value) -> Answer {
    let OfAccount { account } = read(params)?;
    let account = server.account(account).await?;
    rows(reading(move || account.push()).await?)
}
