//! The program's commands as tests give them: logging in to a test's server, and what a refusal has to look like.

use crate::dunnock::{Device, Done};
use crate::server::{PASSWORD, Server};
use serde_json::Value;
use std::path::Path;

/// Where `login` and `register` connect to.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Port on 127.0.0.1.
    pub port: u16,
    /// `starttls` or `direct`.
    pub tls: &'a str,
    /// The authority to trust, PEM.
    pub ca: &'a Path,
}

/// The one line that a failed command leaves on standard error, read from its `--json` form.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The stable name of the kind.
    pub kind: String,
    /// The thing it is about.
    pub subject: String,
    /// What to do.
    pub remedy: String,
}

impl<'a> Place<'a> {
    /// A server's port for STARTTLS.
    pub fn of(server: &'a impl Server) -> Place<'a> {
        Place { port: server.port(), tls: "starttls", ca: server.ca() }
    }

    /// A server's port for direct TLS.
    pub fn direct(server: &'a impl Server) -> Place<'a> {
        Place { port: server.tls_port(), tls: "direct", ca: server.ca() }
    }
}

impl Device {
    /// A device that is logged in to this account.
    pub fn logged_in(name: &str, server: &impl Server, user: &str) -> Device {
        let device = Device::new(name);
        device.login(&server.jid(user), PASSWORD, Place::of(server)).done();
        device
    }

    /// `dunnock --json login`.
    pub fn login(&self, jid: &str, password: &str, place: Place<'_>) -> Done {
        let file = self.write("password", password);
        self.enter("login", jid, place, &["--password-file", &file.to_string_lossy()])
    }

    /// `dunnock --json login` or `register`, with more words.
    pub fn enter(&self, command: &str, jid: &str, place: Place<'_>, more: &[&str]) -> Done {
        let (port, ca) = (place.port.to_string(), place.ca.to_string_lossy());
        let words = [command, jid, "--host", "127.0.0.1", "--port", &port, "--tls", place.tls, "--ca", &ca];
        self.json(&[&words, more].concat())
    }

    /// Runs a command with `--json`.
    pub fn json(&self, words: &[&str]) -> Done {
        self.run(&[&["--json"], words].concat())
    }

    /// Runs a command with `--json` that is to succeed; hands back its rows.
    pub fn rows(&self, words: &[&str]) -> Vec<Value> {
        self.json(words).done()
    }

    /// The texts of a chat, oldest first; what cannot be read as its reason in brackets.
    pub fn texts(&self, with: &str) -> Vec<String> {
        let text = |row: &Value| match row["text"].as_str() {
            Some(text) => text.to_owned(),
            None => format!("[{}]", row["reason"].as_str().unwrap_or_default()),
        };
        self.rows(&["history", with, "--limit", "10000"]).iter().map(text).collect()
    }
}

impl Done {
    /// What a command printed that succeeded: its rows. Panics if it failed, or said anything on standard error.
    pub fn done(&self) -> Vec<Value> {
        assert!(self.status == Some(0) && self.errors.is_empty(), "it failed: {self:?}");
        let rows = self.output.lines().map(serde_json::from_str);
        rows.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// What a command said that was refused: exit status 1, nothing on standard output, one line with a remedy.
    pub fn refused(&self) -> Refusal {
        assert!(self.status == Some(1) && self.output.is_empty(), "it was not refused: {self:?}");
        assert_eq!(self.errors.lines().count(), 1, "{}", self.errors);
        let line: Value = serde_json::from_str(&self.errors).unwrap_or_else(|error| panic!("{error} in {self:?}"));
        let word = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let refusal = Refusal { kind: word("kind"), subject: word("subject"), remedy: word("remedy") };
        assert!(!refusal.kind.is_empty() && !refusal.remedy.is_empty(), "{}", self.errors);
        refusal
    }
}
