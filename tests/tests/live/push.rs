//! Pushes and the sync in the background, with a real Prosody and an app server as its component.

mod app_servers;
mod kills;
mod wake;

use dunnock_tests::app_server::{AppServer, Manner};
use dunnock_tests::dunnock::{Device, Done, Rpc};
use dunnock_tests::prosody::{APP_SERVER, Prosody, Settings};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a step may take before a test gives up.
const LONG: Duration = Duration::from_secs(90);

/// A server that pushes, with these accounts.
fn pushing(users: &[&str]) -> Prosody {
    let server = Prosody::start(Settings { push: true, ..Settings::default() });
    users.iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    server
}

/// Wants pushes of the app server.
fn register(rpc: &mut Rpc, account: &str) {
    let params = json!({
        "account": account, "app_server": APP_SERVER, "platform": "fcm", "token": "a-token", "device": "a-phone",
    });
    rpc.ok("push.register", params);
}

/// Waits until the push of this account stands like this.
fn push_until(rpc: &mut Rpc, account: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + LONG;
    loop {
        let push = rpc.ok("push.status", json!({ "account": account }));
        if fits(&push) {
            return push;
        }
        assert!(Instant::now() < end, "never {what}: {push}");
        // There is no event of it; this pause decides nothing.
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn is_enabled(push: &Value) -> bool {
    push["state"] == "enabled" && push["error"].is_null()
}

/// `sync --json` to its end: the report, if there is one.
fn sync(device: &Device, words: &[&str]) -> (Done, Option<Value>) {
    let words: Vec<&str> = ["--json", "sync"].into_iter().chain(words.iter().copied()).collect();
    let done = device.run(&words);
    let report = serde_json::from_str(done.output.trim()).ok();
    (done, report)
}

/// What was told so far: the text by the number of its notification.
#[derive(Default)]
struct Told {
    texts: BTreeMap<String, String>,
    again: usize,
}

impl Told {
    /// Takes in what a sync answered.
    fn take(&mut self, report: &Value) {
        for news in report["notifications"].as_array().expect("a list") {
            let text = news["item"]["text"].as_str().unwrap_or_else(|| panic!("unreadable: {news}")).to_owned();
            let id = news["notification"].as_str().expect("a number").to_owned();
            match self.texts.insert(id, text.clone()) {
                None => {}
                Some(before) => {
                    assert_eq!(before, text, "a number of two messages");
                    self.again += 1;
                }
            }
        }
    }

    /// The texts, in order; no number had two, so a text that is there twice was told twice.
    fn sorted(&self) -> Vec<String> {
        let mut all: Vec<String> = self.texts.values().cloned().collect();
        all.sort();
        all
    }
}
