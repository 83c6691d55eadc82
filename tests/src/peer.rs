//! A client that is not ours: slixmpp with python-omemo (`peers/slix_peer.py`).

use crate::environment;
use crate::json_process::JsonProcess;
use crate::scratch::Scratch;
use crate::server::{PASSWORD, Server};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long the peer may take for anything; python is slow, and so are busy machines.
const PATIENCE: Duration = Duration::from_secs(90);

/// One device of someone else's; its ratchets outlive its process.
#[derive(Debug)]
pub struct Peer {
    scratch: Scratch,
    server: PeerServer,
    user: String,
    versions: Vec<Version>,
    process: Option<JsonProcess>,
    next: u64,
}

/// What of the server the peer needs to start again.
#[derive(Debug)]
struct PeerServer {
    jid: String,
    port: u16,
    ca: std::path::PathBuf,
}

/// A version of OMEMO, as the peer calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `eu.siacs.conversations.axolotl`.
    V03,
    /// `urn:xmpp:omemo:2` with stanza content encryption (XEP-0420).
    V2,
}

impl Version {
    /// `0.3` or `2`.
    pub fn name(self) -> &'static str {
        match self {
            Version::V03 => "0.3",
            Version::V2 => "2",
        }
    }
}

impl Peer {
    /// Starts the peer as this user, speaking both versions, and waits until its device and bundles are published.
    pub fn start(server: &impl Server, user: &str) -> Peer {
        Peer::start_with(server, user, &[Version::V03, Version::V2])
    }

    /// The same, speaking these versions only.
    pub fn start_with(server: &impl Server, user: &str, versions: &[Version]) -> Peer {
        let server = PeerServer { jid: server.jid(user), port: server.port(), ca: server.ca().to_path_buf() };
        let scratch = Scratch::new(&format!("peer-{user}"));
        let mut peer =
            Peer { scratch, server, user: user.to_owned(), versions: versions.to_vec(), process: None, next: 1 };
        peer.start_again();
        peer
    }

    /// Starts it again after [`Peer::kill`] or [`Peer::quit`], with the ratchets it had.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "it still runs");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/slix_peer.py");
        let mut command = Command::new(environment::python());
        command.arg(script).args(["--jid", &self.server.jid, "--password", PASSWORD]);
        command.args(["--port", &self.server.port.to_string()]).arg("--ca").arg(&self.server.ca);
        command.arg("--db").arg(self.scratch.join("ratchets.db"));
        command.arg("--versions").args(self.versions.iter().map(|version| version.name()));
        let process = JsonProcess::start(&format!("{}'s slixmpp", self.user), &mut command);
        process.take(PATIENCE, "readiness", |line| line["event"] == "ready");
        self.process = Some(process);
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Lets it log out and end.
    pub fn quit(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.send(&json!({ "do": "quit" }));
            process.process().wait(PATIENCE);
        }
    }

    /// The folder with all that it remembers; to be kept or put back only while it does not run.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// Its process id.
    pub fn id(&mut self) -> u32 {
        self.process.as_mut().expect("the peer was started").process().id()
    }

    /// Its bare JID.
    pub fn jid(&self) -> &str {
        &self.server.jid
    }

    /// Gives it a command and waits until it is carried out; hands back its last event.
    pub fn command(&mut self, mut command: Value) -> Value {
        let number = self.next;
        self.next += 1;
        command["id"] = json!(number);
        self.running().send(&command);
        let answer = self.running().take(PATIENCE, &format!("answer to {command}"), |line| line["id"] == number);
        if answer["event"] == "failed" {
            let account = self.running().account();
            panic!("{}'s slixmpp could not: {command}: {answer}\n{account}", self.user);
        }
        answer
    }

    /// Sends one encrypted message.
    pub fn says(&mut self, to: &str, body: &str, version: Version) {
        self.command(json!({ "do": "send", "to": to, "body": body, "version": version.name() }));
    }

    /// Sends one message in clear.
    pub fn says_plainly(&mut self, to: &str, body: &str) {
        self.command(json!({ "do": "plain", "to": to, "body": body }));
    }

    /// Subscribes to someone, and lets them subscribe.
    pub fn befriends(&mut self, jid: &str) {
        self.command(json!({ "do": "befriend", "jid": jid }));
    }

    /// Goes into a room.
    pub fn joins(&mut self, room: &str) {
        self.command(json!({ "do": "join", "room": room }));
    }

    /// Says something to all members of a room.
    pub fn says_in(&mut self, room: &str, body: &str, version: Version) {
        let said = self.command(json!({ "do": "say", "room": room, "body": body, "version": version.name() }));
        assert_eq!(said["errors"], json!([]), "{}: {body}", self.user);
    }

    /// Waits until it read this text, and hands back the event (`version`, `device`, `way`, …).
    pub fn sees(&mut self, body: &str) -> Value {
        let fits = |line: &Value| line["event"] == "message" && line["body"] == body;
        self.running().take(PATIENCE, &format!("message {body:?}"), fits)
    }

    /// Takes the next event of this kind.
    pub fn event(&mut self, event: &str) -> Value {
        self.running().take(PATIENCE, event, |line| line["event"] == event)
    }

    /// Takes all events of this kind that came so far.
    pub fn events(&mut self, event: &str) -> Vec<Value> {
        self.running().take_all(|line| line["event"] == event)
    }

    fn running(&mut self) -> &mut JsonProcess {
        self.process.as_mut().expect("the peer was started")
    }
}
