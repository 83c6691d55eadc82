//! `server.*`.

use crate::rpc::Server;
use crate::rpc::methods::{Answer, OfAccount, read, reading, rows};
use dunnock_core::command::Command;
use serde::Deserialize;
use serde_json::Value;

/// What is remembered of the account's server, and what happened with its key.
pub(crate) async fn show(server: &Server, params: Value) -> Answer {
    let OfAccount { account } = read(params)?;
    let account = server.account(account).await?;
    rows(reading(move || account.server()).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowPlainLogin {
    account: String,
    allow: bool,
}

/// Whether the password itself may go to the server (PLAIN).
pub(crate) async fn allow_plain_login(server: &Server, params: Value) -> Answer {
    let AllowPlainLogin { account, allow } = read(params)?;
    server.wish(account, Command::AllowPlainLogin(allow)).await
}

/// Takes the account's server as it is, though it contradicts what it proved before.
pub(crate) async fn accept(server: &Server, params: Value) -> Answer {
    let OfAccount { account } = read(params)?;
    server.wish(account, Command::AcceptServer).await
}
