//! `account.*`, `lifecycle`, `network_changed` and `background_sync`.

use crate::commands;
use crate::rpc::Server;
use crate::rpc::frame::Fault;
use crate::rpc::methods::{Answer, Nothing, OfAccount, read, reading, rows};
use dunnock_core::command::{AccountUpdate, Command, Tls};
use dunnock_core::lifecycle::Lifecycle;
use dunnock_core::model::Connection;
use dunnock_core::{NewAccount, Route};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::num::NonZeroU16;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    jid: String,
    password: Option<String>,
    host: Option<String>,
    port: Option<NonZeroU16>,
    tls: Option<String>,
    ca: Option<String>,
    route: Option<String>,
    #[serde(default)]
    register: bool,
    #[serde(default)]
    keep_password: bool,
}

/// Stores an account, offline; with `register` its server makes it first.
pub(crate) async fn add(server: &Server, params: Value) -> Answer {
    let Add { jid, password, host, port, tls, ca, route, register, keep_password } = read(params)?;
    let given = password.map(Zeroizing::new).filter(|password| !password.is_empty());
    let route = route_of(route.as_deref())?.unwrap_or_default();
    let tls = tls_of(tls.as_deref())?.unwrap_or(Tls::Auto);
    let ca = authority(ca).await?;
    // Nobody else knows a generated one.
    let keep_password = keep_password || given.is_none();
    let password = match given {
        Some(password) => password,
        None if register => dunnock_core::password::generate(),
        None => return Err(Fault::params("password is needed")),
    };
    let new = move || NewAccount {
        jid: jid.clone(),
        password: password.clone(),
        keep_password,
        host: host.clone(),
        port: port.map(NonZeroU16::get),
        tls,
        ca: ca.clone(),
        route: route.clone(),
    };
    // Stored before the server knows it: else a crash in between would lose the password.
    let (client, wanted) = (server.client.clone(), new());
    let account = reading(move || client.add(wanted)).await?;
    if register && let Err(error) = server.client.register(&new()).await {
        server.client.remove(&account.jid()).await?;
        return Err(error.into());
    }
    server.events.follow(&account);
    Ok(json!({ "account": account.jid() }))
}

#[derive(Serialize)]
struct Row {
    account: String,
    connection: Connection,
    password_kept: bool,
}

/// All accounts.
pub(crate) async fn list(server: &Server, params: Value) -> Answer {
    let Nothing {} = read(params)?;
    let client = server.client.clone();
    let listed = reading(move || {
        let accounts = client.accounts()?;
        let row = |account: &dunnock_core::Account| {
            let (connection, password_kept) = (account.connection()?, account.keeps_password()?);
            Ok(Row { account: account.jid(), connection, password_kept })
        };
        accounts.iter().map(row).collect::<dunnock_core::Result<Vec<Row>>>()
    });
    rows(listed.await?)
}

/// Wipes an account.
pub(crate) async fn remove(server: &Server, params: Value) -> Answer {
    let OfAccount { account } = read(params)?;
    server.client.remove(&account).await?;
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    account: String,
    host: Option<String>,
    port: Option<u16>,
    tls: Option<String>,
    route: Option<String>,
    password: Option<String>,
    keep_password: Option<bool>,
}

/// Changes how an account connects.
pub(crate) async fn update(server: &Server, params: Value) -> Answer {
    let Update { account, host, port, tls, route, password, keep_password } = read(params)?;
    let route = route_of(route.as_deref())?;
    let tls = tls_of(tls.as_deref())?;
    server.wish(account, Command::Update(AccountUpdate { host, port, tls, route, password, keep_password })).await
}

/// The password, where it is kept, for use elsewhere.
pub(crate) async fn password(server: &Server, params: Value) -> Answer {
    let OfAccount { account } = read(params)?;
    let client = server.client.clone();
    let password = reading(move || client.account(&account)?.password()).await?;
    Ok(json!({ "password": password.as_str() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Connect {
    account: String,
    #[serde(default)]
    again: bool,
}

/// Goes online and stays so; `again` is a person's word to try what was refused.
pub(crate) async fn connect(server: &Server, params: Value) -> Answer {
    let Connect { account, again } = read(params)?;
    server.wish(account, if again { Command::ConnectAgain } else { Command::Connect }).await
}

/// Goes offline and stays so.
pub(crate) async fn disconnect(server: &Server, params: Value) -> Answer {
    let OfAccount { account } = read(params)?;
    server.wish(account, Command::Disconnect).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TellDisplayed {
    account: String,
    tell: bool,
}

/// Whether others are told what was displayed.
pub(crate) async fn tell_displayed(server: &Server, params: Value) -> Answer {
    let TellDisplayed { account, tell } = read(params)?;
    server.wish(account, Command::TellDisplayed { tell }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Life {
    state: String,
}

/// Tells what the host is to the person now; answers when it is done.
pub(crate) async fn lifecycle(server: &Server, params: Value) -> Answer {
    let Life { state } = read(params)?;
    let state =
        Lifecycle::from_code(&state).ok_or_else(|| Fault::params("state takes foreground, background or suspended"))?;
    server.client.set_lifecycle(state).await?;
    Ok(json!({}))
}

/// The host may be on another network; answers at once, and what comes of it are events.
pub(crate) async fn network_changed(server: &Server, params: Value) -> Answer {
    let Nothing {} = read(params)?;
    server.client.network_changed().await;
    Ok(json!({}))
}

fn route_of(text: Option<&str>) -> Result<Option<Route>, Fault> {
    let refused = |_| Fault::params("route takes direct, tor or socks5://HOST:PORT");
    text.map(Route::parse).transpose().map_err(refused)
}

fn tls_of(code: Option<&str>) -> Result<Option<Tls>, Fault> {
    match code {
        None => Ok(None),
        Some(code) => match Tls::from_code(code) {
            Some(tls) => Ok(Some(tls)),
            None => Err(Fault::params("tls takes auto, direct or starttls")),
        },
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sync {
    deadline_ms: u64,
    account: Option<String>,
    node: Option<String>,
}

/// Connects for a moment, and answers what somebody is to be told.
pub(crate) async fn background_sync(server: &Server, params: Value) -> Answer {
    let Sync { deadline_ms, account, node } = read(params)?;
    let client = server.client.clone();
    let account = match (account, node) {
        (Some(_), Some(_)) => return Err(Fault::params("account or node, not both")),
        (account, None) => account,
        (None, Some(node)) => Some(reading(move || client.account_of_push(&node)).await?.jid()),
    };
    let deadline = Duration::from_millis(deadline_ms);
    rows(match account {
        Some(account) => server.client.background_sync_of(&account, deadline).await?,
        None => server.client.background_sync(deadline).await?,
    })
}

/// The PEM text itself, or what the file of this path holds.
async fn authority(ca: Option<String>) -> Result<Option<String>, Fault> {
    match ca {
        Some(path) if !path.contains("-----BEGIN") => {
            reading(move || commands::login::certificates(Path::new(&path))).await.map(Some)
        }
        pem => Ok(pem),
    }
}
