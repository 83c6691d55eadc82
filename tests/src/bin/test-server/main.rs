//! A private Prosody, and clients that are not ours, for tests that are not written in Rust.
//!
//! `test-server [USER…]` starts one with these accounts and prints one line, a flat JSON object: `host`, `port` (STARTTLS),
//! `tls_port`, `ca` (the authority's file), `domain`, `password` (of each account). Then each line of standard input is a
//! command, answered by one line; `{"failed": …}` says what was wrong. All of it ends with standard input.
//!
//! | command | does, answers |
//! |---|---|
//! | `{"do": "account", "user": U}` | makes an account: `{}` |
//! | `{"do": "peer", "user": U, "version": "0.3" or "2"}` | starts slixmpp with python-omemo as this user, in this version only: `{"jid"}` |
//! | `{"do": "says", "user": U, "to": JID, "body": T}` | the peer sends one sealed message: `{}` |
//! | `{"do": "sees", "user": U, "body": T}` | waits until the peer has read this text: `{"from", "version"}` |
//! | `{"do": "befriend", "user": U, "jid": JID}` | the peer subscribes, and lets them subscribe: `{}` |
//! | `{"do": "reachable", "user": U}` | waits until this user published bundles in both versions: `{}` |
//! | `{"do": "never_sent", "text": T}` | whether no client has sent this text in clear so far: `{"held": true or false}` |
//! | `{"do": "app_server", "manner": "right", "silent" or "other_jid"}` | an app server for pushes takes the place of the one before: `{"jid"}` |
//! | `{"do": "unregistered"}` | waits until somebody took a registration back from it: `{}` |
//! | `{"do": "stop"}`, `{"do": "kill"}`, `{"do": "start"}` | ends the server, as an administrator or a power cut does; starts it again: `{}` |

use dunnock_tests::app_server::{AppServer, Manner};
use dunnock_tests::peer::{Peer, Version};
use dunnock_tests::process;
use dunnock_tests::prosody::{APP_SERVER, DOMAIN, Prosody, Settings};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// The server, and each peer by its user with the version that it speaks.
struct House {
    server: Prosody,
    peers: BTreeMap<String, (Peer, Version)>,
    app: Option<AppServer>,
}

fn main() -> ExitCode {
    process::clean_up_when_interrupted();
    // Owners are dropped by unwinding, so a failure leaves nothing behind either.
    let outcome = catch_unwind(|| {
        let users: Vec<String> = std::env::args().skip(1).collect();
        let server = Prosody::start(Settings { push: true, ..Settings::default() });
        users.iter().for_each(|user| server.account(user, Prosody::PASSWORD));
        let mut house = House { server, peers: BTreeMap::new(), app: None };
        say(&house.place());
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            say(&house.answer(&line));
        }
    });
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One line to whoever started this. If they are gone, standard input ends as well.
fn say(line: &Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

impl House {
    fn place(&self) -> Value {
        let (port, tls_port) = (self.server.port(), self.server.tls_port());
        let ca = self.server.ca().to_string_lossy();
        json!({ "host": "127.0.0.1", "port": port, "tls_port": tls_port, "ca": ca, "domain": DOMAIN, "password": Prosody::PASSWORD })
    }

    /// Carries out one line. The harness panics where something takes too long: that is an answer too.
    fn answer(&mut self, line: &str) -> Value {
        let command: Value = match serde_json::from_str(line) {
            Ok(command) => command,
            Err(error) => return json!({ "failed": error.to_string() }),
        };
        match catch_unwind(AssertUnwindSafe(|| self.obey(&command))) {
            Ok(Some(answer)) => answer,
            Ok(None) => json!({ "failed": format!("not understood: {line}") }),
            Err(panic) => {
                let told = panic.downcast_ref::<String>().map_or("it panicked", String::as_str);
                json!({ "failed": told })
            }
        }
    }

    fn obey(&mut self, command: &Value) -> Option<Value> {
        let text = |name: &str| command[name].as_str();
        match text("do")? {
            "account" => self.server.account(text("user")?, Prosody::PASSWORD),
            "peer" => return self.peer(text("user")?, text("version")?),
            "says" => {
                let (peer, version) = self.peers.get_mut(text("user")?)?;
                peer.says(text("to")?, text("body")?, *version);
            }
            "sees" => {
                let (peer, _) = self.peers.get_mut(text("user")?)?;
                let seen = peer.sees(text("body")?);
                return Some(json!({ "from": seen["from"], "version": seen["version"] }));
            }
            "befriend" => self.peers.get_mut(text("user")?)?.0.befriends(text("jid")?),
            "reachable" => self.server.wait_until_reachable(text("user")?),
            "never_sent" => {
                let wanted = text("text")?;
                let held = !self.server.tap().sent().any(|stanza| stanza.xml.contains(wanted));
                return Some(json!({ "held": held }));
            }
            "app_server" => {
                let manner = match text("manner")? {
                    "right" => Manner::Right,
                    "silent" => Manner::Silent,
                    "other_jid" => Manner::OtherJid,
                    _ => return None,
                };
                self.app = None;
                self.app = Some(AppServer::start(&self.server, manner));
                return Some(json!({ "jid": APP_SERVER }));
            }
            "unregistered" => {
                self.app.as_ref()?.wait("unregistration", |heard| !heard.unregistered.is_empty());
            }
            "stop" => self.server.stop(),
            "kill" => self.server.kill(),
            "start" => self.server.start_again(),
            _ => return None,
        }
        Some(json!({}))
    }

    fn peer(&mut self, user: &str, version: &str) -> Option<Value> {
        let version = [Version::V03, Version::V2].into_iter().find(|known| known.name() == version)?;
        let peer = Peer::start_with(&self.server, user, &[version]);
        let jid = peer.jid().to_owned();
        self.peers.insert(user.to_owned(), (peer, version));
        Some(json!({ "jid": jid }))
    }
}
