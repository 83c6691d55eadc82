//! The real program: its commands one by one, and a long-lived `rpc`.

use crate::environment;
use crate::json_process::JsonProcess;
use crate::process::Process;
use crate::prosody::Prosody;
use crate::scratch::Scratch;
use crate::server::{PASSWORD, Server};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long anything may take before a test gives up; generous, because machines are busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One person's device: a home folder with its key, and the environment its processes get.
#[derive(Debug)]
pub struct Device {
    /// Its name in messages.
    pub name: String,
    scratch: Scratch,
    environment: Vec<(String, String)>,
    /// Starts the program in its stead.
    starter: Option<PathBuf>,
}

/// What one command came to.
#[derive(Debug, Clone)]
pub struct Done {
    /// Exit status; none when a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub errors: String,
}

/// A running `dunnock rpc`.
#[derive(Debug)]
pub struct Rpc {
    process: JsonProcess,
    name: String,
    next: u64,
}

impl Device {
    /// A device without any account yet.
    pub fn new(name: &str) -> Device {
        Device { name: name.to_owned(), scratch: Scratch::new(name), environment: Vec::new(), starter: None }
    }

    /// Sets a variable for the processes started from now on, `DUNNOCK_KILL_AT` for example.
    pub fn set(&mut self, variable: &str, value: &str) {
        self.unset(variable);
        self.environment.push((variable.to_owned(), value.to_owned()));
    }

    /// Takes a variable back.
    pub fn unset(&mut self, variable: &str) {
        self.environment.retain(|(name, _)| name != variable);
    }

    /// Has its processes started by this program, which is given their words.
    pub fn started_by(&mut self, starter: PathBuf) {
        self.starter = Some(starter);
    }

    /// The home folder.
    pub fn home(&self) -> PathBuf {
        self.scratch.join("home")
    }

    /// The file with the store's key; it lies beside the home, never in it.
    pub fn key_file(&self) -> PathBuf {
        self.scratch.join("key")
    }

    /// A file beside the home.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Loses what says how far the counting of its streams came, as a backup does: its next stream is a new one.
    pub fn forget_streams(&self) {
        for account in std::fs::read_dir(self.home().join("accounts")).expect("it has accounts").flatten() {
            // One that was never online has none.
            let _ = std::fs::remove_file(account.path().join("stream"));
        }
    }

    /// How many streams it resumed, by the log that its processes write to this file.
    pub fn resumed(&self, log: &Path) -> usize {
        std::fs::read_to_string(log).unwrap_or_default().matches("resumed=true").count()
    }

    /// Writes a file beside the home.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        self.scratch.write(name, content)
    }

    /// The program with these words and this device's home and key.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.starter.clone().unwrap_or_else(environment::dunnock));
        command.arg("--home").arg(self.home()).arg("--key-file").arg(self.key_file()).args(words);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    /// Runs one command to its end.
    pub fn run(&self, words: &[&str]) -> Done {
        let mut command = self.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::start(&format!("dunnock {}", words.join(" ")), &mut command);
        let output = drained(process.child().stdout.take());
        let errors = drained(process.child().stderr.take());
        let status = process.wait(PATIENCE).code();
        let text = |reader: std::thread::JoinHandle<String>| reader.join().unwrap_or_default();
        Done { status, output: text(output), errors: text(errors) }
    }

    /// Starts `dunnock rpc`.
    pub fn rpc(&self) -> Rpc {
        self.rpc_with(&[])
    }

    /// Starts `dunnock rpc` with options before it, `--log FILE` for example.
    pub fn rpc_with(&self, options: &[&str]) -> Rpc {
        let words: Vec<&str> = options.iter().copied().chain(["rpc"]).collect();
        let name = format!("{}'s dunnock", self.name);
        Rpc { process: JsonProcess::start(&name, &mut self.command(&words)), name, next: 1 }
    }

    /// Starts `rpc`, adds this account of the server, and connects it; hands it back once it is online and its bundles
    /// are published.
    pub fn online(&self, server: &Prosody, user: &str) -> Rpc {
        self.online_through(server, user, server.port())
    }

    /// Like [`Device::online`], but through this port, a proxy's for example.
    pub fn online_through(&self, server: &Prosody, user: &str, port: u16) -> Rpc {
        let mut rpc = self.rpc();
        rpc.ok("account.add", account(server, user, port, server.ca()));
        rpc.connect(&server.jid(user));
        server.wait_until_reachable(user);
        rpc
    }
}

/// The parameters of `account.add` for an account of this server.
pub fn account(server: &impl Server, user: &str, port: u16, ca: &Path) -> Value {
    json!({
        "jid": server.jid(user), "password": PASSWORD,
        "host": "127.0.0.1", "port": port, "tls": "starttls", "ca": ca,
    })
}

fn drained<R: std::io::Read + Send + 'static>(pipe: Option<R>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

impl Rpc {
    /// Sends a request and hands back its id, without waiting for the answer.
    pub fn send(&mut self, method: &str, params: Value) -> u64 {
        let id = self.next;
        self.next += 1;
        self.process.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// Waits for the answer to a request: its result, or its error object.
    pub fn answer(&self, id: u64) -> Result<Value, Value> {
        let answer = self.process.take(PATIENCE, &format!("answer to request {id}"), |line| line["id"] == id);
        split(answer)
    }

    /// The answer to a request if one comes in time and before the process ends.
    pub fn try_answer(&self, id: u64, limit: Duration) -> Option<Result<Value, Value>> {
        self.process.try_take(limit, |line| line["id"] == id).map(split)
    }

    /// Calls a method: its result, or its error object.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.send(method, params);
        self.answer(id)
    }

    /// Calls a method that is to succeed.
    pub fn ok(&mut self, method: &str, params: Value) -> Value {
        let asked = params.to_string();
        self.call(method, params).unwrap_or_else(|error| {
            panic!("{}: {method} {asked} was refused: {error}\n{}", self.name, self.process.account())
        })
    }

    /// Calls a method that is to be refused, and hands back the error's `data.kind`.
    pub fn refused(&mut self, method: &str, params: Value) -> String {
        match self.call(method, params) {
            Ok(result) => panic!("{}: {method} was not refused: {result}", self.name),
            Err(error) => error["data"]["kind"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// Takes the first event of this kind that fits, and hands back its `params`; each event is taken once.
    pub fn event(&self, kind: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.event_within(PATIENCE, kind, what, fits)
    }

    /// Like [`Rpc::event`], with a limit of its own.
    pub fn event_within(&self, limit: Duration, kind: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let wanted = format!("{kind} event: {what}");
        let mut line = self.process.take(limit, &wanted, |line| is_event(line, kind) && fits(&line["params"]));
        line["params"].take()
    }

    /// Like [`Rpc::event`], but the end of the time or of the process is no reason to panic.
    pub fn try_event(&self, limit: Duration, kind: &str, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        let line = self.process.try_take(limit, |line| is_event(line, kind) && fits(&line["params"]));
        line.map(|mut line| line["params"].take())
    }

    /// Takes all events of this kind that came so far.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let lines = self.process.take_all(|line| is_event(line, kind));
        lines.into_iter().map(|mut line| line["params"].take()).collect()
    }

    /// Connects an account and waits until it is online.
    pub fn connect(&mut self, jid: &str) {
        self.ok("account.connect", json!({ "account": jid }));
        self.event("connection", "online", |event| event["account"] == jid && event["state"] == "online");
    }

    /// A person compares the keys of somebody's devices in quarantine, once they are known, and finds them right.
    pub fn trusts(&mut self, account: &str, jid: &str) {
        for _ in 0..600 {
            let rows = self.ok("device.list", json!({ "account": account, "jid": jid }));
            let waiting = |row: &&Value| row["trust"] == "undecided" && row["fingerprint"] != "";
            let prints: Vec<Value> =
                rows.as_array().into_iter().flatten().filter(waiting).map(|row| row["fingerprint"].clone()).collect();
            for fingerprint in &prints {
                let word = json!({ "account": account, "jid": jid, "fingerprint": fingerprint, "trust": "verified" });
                self.ok("device.decide", word);
            }
            if !prints.is_empty() {
                return;
            }
            self.try_event(Duration::from_millis(50), "device", |_| true);
        }
        panic!("no device of {jid} is in quarantine at {}", self.name);
    }

    /// Waits for an incoming message with this text.
    pub fn sees(&self, text: &str) -> Value {
        self.event("message", text, |event| event["text"] == text && event["own"] != true)
    }

    /// Says it, and waits until the other sees it; hands back the other's event. A failure shows both sides.
    pub fn tells(&mut self, account: &str, to: &str, text: &str, other: &Rpc) -> Value {
        self.says(account, to, text);
        let seen = other.try_event(PATIENCE, "message", |event| event["text"] == text && event["own"] != true);
        seen.unwrap_or_else(|| panic!("{text:?} did not arrive\n{}{}", self.process.account(), other.process.account()))
    }

    /// Sends a text and hands back the local id; its fate comes as events.
    pub fn says(&mut self, account: &str, to: &str, text: &str) -> String {
        let sent = self.ok("message.send", json!({ "account": account, "to": to, "text": text }));
        sent["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The whole timeline of a chat, oldest first, page by page.
    pub fn timeline(&mut self, account: &str, chat: &str) -> Vec<Value> {
        let mut rows: Vec<Value> = Vec::new();
        loop {
            let before = rows.last().map_or(Value::Null, |row| row["message"].clone());
            let mut params = json!({ "account": account, "chat": chat, "limit": 200 });
            if !before.is_null() {
                params["before"] = before;
            }
            let page = self.ok("chat.timeline", params);
            let page = page.as_array().cloned().unwrap_or_default();
            if page.is_empty() {
                rows.reverse();
                return rows;
            }
            rows.extend(page);
        }
    }

    /// Ends it at once (`kill -9`).
    pub fn kill(mut self) {
        self.process.process().kill();
    }

    /// Ends its standard input, waits for its end, and hands back the exit status.
    pub fn close(mut self) -> Option<i32> {
        self.process.close_input();
        let status = self.process.process().wait(PATIENCE);
        // A signal is a crash, and which one says much.
        assert!(status.code().is_some(), "{} ended by {status}\n{}", self.name, self.process.account());
        status.code()
    }

    /// The process with its pipes, for what the methods here do not offer.
    pub fn process(&mut self) -> &mut JsonProcess {
        &mut self.process
    }
}

fn is_event(line: &Value, kind: &str) -> bool {
    line["method"] == "event" && line["params"]["kind"] == kind
}

fn split(mut answer: Value) -> Result<Value, Value> {
    if answer["error"].is_null() { Ok(answer["result"].take()) } else { Err(answer["error"].take()) }
}
