//! The methods of the contract, by name.

use crate::rpc::Server;
use crate::rpc::frame::{Fault, Request};
use crate::rpc::{accounts, chats, people, push, rooms, server as servers};
use dunnock_core::{Account, Error, ErrorKind};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The version of the contract; it grows when something that was there changes its meaning.
pub(crate) const CONTRACT: u32 = 1;

/// How a method stands to the other requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    /// It waits for nothing.
    Free,
    /// It changes the account that this parameter names: it waits for what came before it.
    After(&'static str),
    /// The contract names it and this version leaves it out: it answers `not_yet`.
    NotYet,
}

/// The methods of the contract.
const METHODS: &[(&str, Order)] = &[
    ("rpc.version", Order::Free),
    ("account.add", Order::After("jid")),
    ("account.list", Order::Free),
    ("account.remove", Order::After("account")),
    ("account.update", Order::After("account")),
    ("account.password", Order::Free),
    ("account.connect", Order::After("account")),
    ("account.disconnect", Order::After("account")),
    ("account.tell_displayed", Order::After("account")),
    ("message.send", Order::After("account")),
    ("message.send_file", Order::NotYet),
    ("message.correct", Order::After("account")),
    ("message.retract", Order::After("account")),
    ("message.react", Order::After("account")),
    ("chat.list", Order::Free),
    ("chat.timeline", Order::Free),
    ("chat.mark_read", Order::After("account")),
    ("chat.allow_plain", Order::After("account")),
    ("chat.allow_extras", Order::After("account")),
    ("chat.typing", Order::After("account")),
    ("contact.list", Order::Free),
    ("contact.add", Order::After("account")),
    ("contact.accept", Order::After("account")),
    ("contact.decline", Order::After("account")),
    ("contact.block", Order::After("account")),
    ("contact.unblock", Order::After("account")),
    ("contact.name", Order::After("account")),
    ("device.list", Order::Free),
    ("device.decide", Order::After("account")),
    ("device.reset", Order::After("account")),
    ("device.remove", Order::After("account")),
    ("device.log", Order::Free),
    ("device.uri", Order::Free),
    ("device.verify", Order::After("account")),
    ("device.rule", Order::After("account")),
    ("alarm.list", Order::Free),
    ("alarm.answer", Order::After("account")),
    ("room.create", Order::After("account")),
    ("room.join", Order::After("account")),
    ("room.leave", Order::After("account")),
    ("room.invite", Order::After("account")),
    ("room.members", Order::Free),
    ("room.remove", Order::After("account")),
    ("room.admit", Order::After("account")),
    ("room.accept", Order::After("account")),
    ("room.destroy", Order::After("account")),
    ("room.list", Order::Free),
    ("search", Order::Free),
    ("push.register", Order::After("account")),
    ("push.unregister", Order::After("account")),
    ("push.status", Order::Free),
    ("server.show", Order::Free),
    ("server.accept", Order::After("account")),
    ("server.allow_plain_login", Order::After("account")),
    ("server.report", Order::NotYet),
    ("lifecycle", Order::Free),
    ("network_changed", Order::Free),
    ("background_sync", Order::Free),
];

fn order(method: &str) -> Option<Order> {
    METHODS.iter().find(|(name, _)| *name == method).map(|(_, order)| *order)
}

/// What a method answers.
pub(crate) type Answer = Result<Value, Fault>;

/// Carries out a request.
pub(crate) async fn call(server: &Server, method: &str, params: Value) -> Answer {
    match method {
        "rpc.version" => version(params),
        "account.add" => accounts::add(server, params).await,
        "account.list" => accounts::list(server, params).await,
        "account.remove" => accounts::remove(server, params).await,
        "account.update" => accounts::update(server, params).await,
        "account.password" => accounts::password(server, params).await,
        "account.connect" => accounts::connect(server, params).await,
        "account.disconnect" => accounts::disconnect(server, params).await,
        "account.tell_displayed" => accounts::tell_displayed(server, params).await,
        "lifecycle" => accounts::lifecycle(server, params).await,
        "network_changed" => accounts::network_changed(server, params).await,
        "message.send" => chats::send(server, params).await,
        "message.correct" => chats::correct(server, params).await,
        "message.retract" => chats::retract(server, params).await,
        "message.react" => chats::react(server, params).await,
        "chat.list" => chats::list(server, params).await,
        "chat.timeline" => chats::timeline(server, params).await,
        "chat.mark_read" => chats::mark_read(server, params).await,
        "chat.allow_plain" => chats::allow_plain(server, params).await,
        "chat.allow_extras" => chats::allow_extras(server, params).await,
        "chat.typing" => chats::typing(server, params).await,
        "search" => chats::search(server, params).await,
        "contact.list" => people::contacts(server, params).await,
        "contact.name" => people::name(server, params).await,
        "contact.add" | "contact.accept" | "contact.decline" | "contact.block" | "contact.unblock" => {
            people::change(server, method, params).await
        }
        "device.list" => people::devices(server, params).await,
        "device.decide" => people::decide(server, params).await,
        "device.reset" => people::reset(server, params).await,
        "device.remove" => people::remove(server, params).await,
        "device.log" => people::log(server, params).await,
        "device.uri" => people::uri(server, params).await,
        "device.verify" => people::verify(server, params).await,
        "device.rule" => people::rule(server, params).await,
        "alarm.list" => people::alarms(server, params).await,
        "alarm.answer" => people::answer(server, params).await,
        "room.list" => rooms::list(server, params).await,
        "room.members" => rooms::members(server, params).await,
        "room.create" | "room.join" => rooms::enter(server, method, params).await,
        "room.invite" | "room.remove" | "room.admit" => rooms::affiliate(server, method, params).await,
        "room.leave" | "room.accept" | "room.destroy" => rooms::change(server, method, params).await,
        "background_sync" => accounts::background_sync(server, params).await,
        "push.register" => push::register(server, params).await,
        "push.unregister" => push::unregister(server, params).await,
        "push.status" => push::status(server, params).await,
        "server.show" => servers::show(server, params).await,
        "server.accept" => servers::accept(server, params).await,
        "server.allow_plain_login" => servers::allow_plain_login(server, params).await,
        _ if order(method) == Some(Order::NotYet) => Err(Error::about(ErrorKind::NotYet, method).into()),
        _ => Err(Fault::method(method)),
    }
}

/// The lane that a request waits in: the account it changes.
pub(crate) fn lane(request: &Request) -> Option<String> {
    match order(&request.method)? {
        Order::After(name) => Some(request.params.get(name)?.as_str()?.to_lowercase()),
        Order::Free | Order::NotYet => None,
    }
}

fn version(params: Value) -> Answer {
    let Nothing {} = read(params)?;
    Ok(json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION"), "contract": CONTRACT }))
}

/// No parameters.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// The account alone.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfAccount {
    /// Whose.
    pub(crate) account: String,
}

/// The parameters as the method's own type. A wrong one is named; its value is not repeated.
pub(crate) fn read<T: DeserializeOwned>(params: Value) -> Result<T, Fault> {
    serde_json::from_value(params).map_err(|error| {
        let text = error.to_string();
        // "invalid type: string \"…\", expected u32": the value may be a text or a password.
        Fault::params(match text.strip_prefix("invalid ").and_then(|_| text.split_once("expected ")) {
            Some((_, expected)) => format!("a value is not of its form; expected {expected}"),
            None => text,
        })
    })
}

/// Reads from the store off the runtime's own threads.
pub(crate) async fn reading<T: Send + 'static>(
    read: impl FnOnce() -> dunnock_core::Result<T> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(read).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(ErrorKind::Internal.into()),
    }
}

impl Server {
    /// The account of this name.
    pub(crate) async fn account(&self, jid: String) -> Result<Account, Fault> {
        let client = self.client.clone();
        reading(move || client.account(&jid)).await
    }

    /// Carries out a wish that answers nothing.
    pub(crate) async fn wish(&self, account: String, command: dunnock_core::command::Command) -> Answer {
        self.account(account).await?.call(command).await?;
        Ok(json!({}))
    }
}

/// Rows as they go out.
pub(crate) fn rows<T: serde::Serialize>(rows: T) -> Answer {
    serde_json::to_value(rows).map_err(|_| ErrorKind::Internal.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[allow(dead_code)]
        limit: u32,
    }

    fn refusal(params: Value) -> String {
        crate::rpc::frame::answer(&json!(1), Err(read::<Sample>(params).unwrap_err()))
    }

    #[test]
    fn wrong_parameters_are_named_and_their_values_kept_back() {
        assert!(refusal(json!({})).contains("limit"));
        assert!(refusal(json!({ "limit": 1, "limmit": 2 })).contains("limmit"));
        let refused = refusal(json!({ "limit": "hunter2" }));
        assert!(refused.contains("expected u32") && !refused.contains("hunter2"), "{refused}");
        assert!(refused.contains("-32602"));
    }

    #[test]
    fn the_schema_names_the_same_methods() {
        let schema: Value = serde_json::from_str(include_str!("../../../../docs/contract.schema.json")).unwrap();
        let named = schema["$defs"]["request"]["properties"]["method"]["enum"].as_array().unwrap();
        let named: Vec<&str> = named.iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(named, METHODS.iter().map(|(name, _)| *name).collect::<Vec<&str>>());
        for (name, order) in METHODS {
            assert!(schema["$defs"].get(format!("{name}:params")).is_some(), "{name}");
            assert_eq!(schema["$defs"].get(format!("{name}:result")).is_some(), *order != Order::NotYet, "{name}");
        }
    }

    #[test]
    fn changes_of_one_account_share_a_lane_and_reads_have_none() {
        let lane = |method: &str, params: Value| super::lane(&Request { id: None, method: method.into(), params });
        assert_eq!(lane("account.add", json!({ "jid": "J@A" })), Some("j@a".into()));
        assert_eq!(lane("message.send", json!({ "account": "j@a" })), Some("j@a".into()));
        assert_eq!(lane("chat.list", json!({ "account": "j@a" })), None);
        assert_eq!(lane("message.send", json!({ "account": 7 })), None);
    }
}
