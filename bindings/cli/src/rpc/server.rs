//! `server.*`.

use crate::rpc::Server;
use crate::rpc::methods::{Answer, OfAccount, read, reading, rows};
use dunnock_core::command::Command;
use serde_json::Value;

/// What is remembered of the account's server, and what happened with its key.
pub(crate) async fn show(server: &Server, params: Value) -> Answer {
    let OfAccount { account } = read(params)?;
    let account = server.account(account).await?;
    rows(reading(move || account.server()).await?)
}

/// Takes the account's server as it is, though it contradicts what it proved before.
pub(crate) async fn accept(server: &Server, params: Value) -> Answer {
    let OfAccount { account } = read(params)?;
    server.wish(account, Command::AcceptServer).await
}
