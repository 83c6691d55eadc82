//! Groups, with real servers and real clients.

mod commands;
mod crowd;
mod ghosts;
mod kills;
mod privacy;
mod thin;
mod trust;

use dunnock_tests::dunnock::{Device, Rpc, account};
use dunnock_tests::prosody::{Prosody, ROOMS, Settings};
use dunnock_tests::server::Server;
use serde_json::{Value, json};

/// A Prosody with rooms and these accounts.
fn server(users: &[&str]) -> Prosody {
    let server = Prosody::start(Settings { rooms: true, in_memory: true, ..Settings::default() });
    for user in users {
        server.account(user, Prosody::PASSWORD);
    }
    server
}

/// The address of a room.
fn room(name: &str) -> String {
    format!("{name}@{ROOMS}")
}

/// A running process with this account, online.
fn online(device: &Device, server: &impl Server, user: &str) -> Rpc {
    let mut rpc = device.rpc();
    let known = rpc.ok("account.list", json!({}));
    if known.as_array().is_none_or(Vec::is_empty) {
        rpc.ok("account.add", account(server, user, server.port(), server.ca()));
    }
    rpc.connect(&server.jid(user));
    rpc
}

/// What this account can do about rooms.
struct Person {
    device: Device,
    rpc: Rpc,
    jid: String,
}

impl Person {
    fn new(server: &impl Server, user: &str) -> Person {
        Person::with(server, Device::new(user), user)
    }

    fn with(server: &impl Server, device: Device, user: &str) -> Person {
        let rpc = online(&device, server, user);
        Person { device, rpc, jid: server.jid(user) }
    }

    fn of(&self, room: &str, more: &[(&str, &str)]) -> Value {
        let mut params = json!({ "account": self.jid, "room": room });
        for (name, value) in more {
            params[*name] = json!(value);
        }
        params
    }

    /// Waits until it stands to the room like this.
    fn is(&self, room: &str, state: &str) -> Value {
        self.rpc.event("room", state, |event| event["room"] == room && event["state"] == state)
    }

    /// Waits until it is in the room; whoever resumed a stream never left.
    fn is_inside(&mut self, room: &str) {
        let list = json!({ "account": self.jid });
        for _ in 0..600 {
            let rooms = self.rpc.ok("room.list", list.clone());
            let here = |row: &Value| row["room"] == room && row["state"] == "joined";
            if rooms.as_array().is_some_and(|rows| rows.iter().any(here)) {
                return;
            }
            self.rpc.try_event(std::time::Duration::from_millis(100), "room", |_| true);
        }
        panic!("{} does not come into {room}", self.jid);
    }

    fn creates(&mut self, room: &str) {
        self.rpc.ok("room.create", self.of(room, &[]));
        self.is(room, "joined");
    }

    fn joins(&mut self, room: &str) {
        self.rpc.ok("room.join", self.of(room, &[]));
        self.is(room, "joined");
    }

    fn invites(&mut self, room: &str, jid: &str) {
        self.rpc.ok("room.invite", self.of(room, &[("jid", jid)]));
        self.rpc.event("room_member", jid, |event| {
            event["room"] == room && event["jid"] == jid && event["change"] == "member"
        });
    }

    /// Says it and waits until the room sent it back.
    fn says(&mut self, room: &str, text: &str) {
        let id = self.rpc.says(&self.jid, room, text);
        self.rpc.event("delivery", text, |event| event["message"] == id && event["state"] == "delivered");
    }

    /// A person reads the address of another device off that device.
    fn verifies(&mut self, other: &mut Person) {
        let uri = other.rpc.ok("device.uri", json!({ "account": other.jid }))["uri"].clone();
        self.rpc.ok("device.verify", json!({ "account": self.jid, "uri": uri }));
    }

    /// Ends the process in order, and starts one again.
    fn comes_again(self, server: &impl Server, user: &str) -> Person {
        let Person { device, rpc, jid } = self;
        assert_eq!(rpc.close(), Some(0));
        let rpc = online(&device, server, user);
        Person { device, rpc, jid }
    }

    fn texts(&mut self, room: &str) -> Vec<String> {
        let rows = self.rpc.timeline(&self.jid, room);
        let text = |row: &Value| match row["text"].as_str() {
            Some(text) => text.to_owned(),
            None => format!("[{}]", row["reason"].as_str().unwrap_or_default()),
        };
        rows.iter().map(text).collect()
    }
}
