//! What the tests of the program share: the contract, a scratch folder, a `dunnock` to run and one to talk RPC with.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How long a line may take before the test fails instead of hanging; machines are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The lines of a pipe, as they come.
pub(crate) fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// `docs/contract.schema.json`.
pub(crate) struct Contract(Value);

impl Contract {
    pub(crate) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/contract.schema.json");
        Contract(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    }

    fn part(&self, name: &str) -> jsonschema::Validator {
        assert!(self.0["$defs"].get(name).is_some(), "the contract has no {name}");
        let schema =
            json!({ "$schema": self.0["$schema"], "$ref": format!("#/$defs/{name}"), "$defs": self.0["$defs"] });
        jsonschema::validator_for(&schema).unwrap()
    }

    /// Fails unless `value` has the form that the contract calls `name`.
    pub(crate) fn holds(&self, name: &str, value: &Value) {
        let validator = self.part(name);
        let errors: Vec<String> =
            validator.iter_errors(value).map(|error| format!("{} at {}", error, error.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}\n{value:#}");
    }

    /// The names of all methods.
    pub(crate) fn methods(&self) -> Vec<String> {
        let names = self.0["$defs"]["request"]["properties"]["method"]["enum"].as_array().unwrap();
        names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    /// Whether this version carries the method out.
    pub(crate) fn answers(&self, method: &str) -> bool {
        self.0["$defs"].get(format!("{method}:result")).is_some()
    }

    pub(crate) fn refuses(&self, name: &str, value: &Value) -> bool {
        !self.part(name).is_valid(value)
    }
}

/// A folder that is gone when the test ends.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap();
        let path = std::env::temp_dir().join(format!("dunnock-test-{:016x}", u64::from_le_bytes(random)));
        std::fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// `dunnock` with a home and a key file in here.
    pub(crate) fn dunnock(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dunnock"));
        command.arg("--home").arg(self.0.join("home")).arg("--key-file").arg(self.0.join("key"));
        // Nothing of the machine's own user may be read or written.
        command.env("HOME", &self.0).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.dunnock().args(arguments).stdin(Stdio::null()).output().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The kind on the one line of JSON that standard error carries.
pub(crate) fn kind(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert!(!line["remedy"].as_str().unwrap().is_empty());
    line["kind"].as_str().unwrap().to_owned()
}

/// A running `dunnock rpc`.
pub(crate) struct Rpc {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
    next: u64,
}

impl Rpc {
    pub(crate) fn start(scratch: &Scratch) -> Self {
        let mut command = scratch.dunnock();
        let mut child = command.arg("rpc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = lines(child.stdout.take().unwrap());
        Rpc { input: child.stdin.take(), child, output, next: 0 }
    }

    pub(crate) fn write(&mut self, line: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(line).unwrap();
        input.write_all(b"\n").unwrap();
        input.flush().unwrap();
    }

    /// The next line; none at the end.
    pub(crate) fn read(&mut self) -> Option<Value> {
        match self.output.recv_timeout(PATIENCE) {
            Ok(line) => Some(serde_json::from_str(&line).unwrap()),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("dunnock rpc says nothing"),
        }
    }

    /// Sends a request and answers its response, passing over what else comes.
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.write(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string().as_bytes());
        loop {
            let line = self.read().expect("rpc ended");
            if line["id"] == json!(id) {
                return line;
            }
        }
    }

    /// Ends the input; answers the lines that still came, and the exit status.
    pub(crate) fn end(mut self) -> (Vec<Value>, Option<i32>) {
        drop(self.input.take());
        let mut lines = Vec::new();
        while let Some(line) = self.read() {
            lines.push(line);
        }
        (lines, self.child.wait().unwrap().code())
    }
}

impl Drop for Rpc {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
