//! Each attack against each way of logging in: what became of it, and what the attacker got.

use super::attack::Attack;
use super::{Manner, Middle};
use crate::certs::{Authority, Leaf};
use crate::commands::Place;
use crate::dunnock::{Device, PATIENCE, Rpc};
use crate::prosody_config::DOMAIN;
use crate::proxy::Proxy;
use crate::report;
use crate::scratch::Scratch;
use crate::server::{PASSWORD, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What became of one attack.
#[derive(Debug, Clone)]
pub struct Cell {
    /// `online` and its proof, or the kind of what stopped it.
    pub outcome: String,
    /// Proofs made from the password that the attacker saw, over all tries.
    pub transcripts: usize,
    /// He saw the password or what people say.
    pub secret: bool,
}

impl Cell {
    /// Whether the login came to nothing.
    pub fn stopped(&self) -> bool {
        !self.outcome.starts_with("online")
    }
}

/// Waits for what a try comes to: online and with which proof, or why not. What stood there before it began is not meant.
fn outcome(rpc: &Rpc) -> String {
    let mut trying = false;
    loop {
        let event = rpc.event("connection", "an outcome", |_| true);
        match event["state"].as_str() {
            // What the last try ended with stays until this one has.
            Some("connecting") if !trying || event["error"].is_null() => trying = true,
            _ if trying => return said(&event),
            _ => {}
        }
    }
}

fn said(connection: &Value) -> String {
    match connection["state"].as_str() {
        Some("online") => format!("online, {}", connection["proof"].as_str().unwrap_or("?")),
        _ => connection["error"].as_str().unwrap_or("?").to_owned(),
    }
}

/// Connects, and what that comes to: `online` and its proof, or the kind of what stopped it; also where that stands until a
/// person has said something, so that nothing is connected.
pub fn connects(rpc: &mut Rpc, jid: &str) -> String {
    tries(rpc, json!({ "account": jid }))
}

fn tries(rpc: &mut Rpc, how: Value) -> String {
    rpc.events("connection");
    match rpc.call("account.connect", how) {
        Ok(_) => outcome(rpc),
        Err(error) => error["data"]["kind"].as_str().unwrap_or("?").to_owned(),
    }
}

fn cell(middle: &Middle, outcome: String) -> Cell {
    let heard = middle.heard();
    let hidden = BASE64.encode(PASSWORD);
    let plain = BASE64.encode(format!("\0juliet\0{PASSWORD}"));
    let stopped = !outcome.starts_with("online");
    let secret = [PASSWORD, &hidden, &plain].iter().any(|secret| heard.contains(*secret))
        || stopped && ["<message", "<iq", "<presence"].iter().any(|stanza| heard.contains(stanza));
    Cell { outcome, transcripts: heard.matches("<response").count(), secret }
}

/// A way to a server on which somebody may sit, and a device that trusts whoever he may show.
#[derive(Debug)]
pub struct Way {
    proxy: Proxy,
    device: Device,
    /// His authority, which the device trusts as it does the server's; and where both lie.
    evil: Authority,
    ca: PathBuf,
    scratch: Scratch,
}

impl Way {
    /// For one account's device that is not logged in yet.
    pub fn to(server: &impl Server) -> Way {
        let scratch = Scratch::new("evil");
        let evil = Authority::new(&scratch);
        let both = [server.ca(), &evil.file].map(|ca| std::fs::read_to_string(ca).expect("it is there"));
        let ca = scratch.write("both.pem", both.concat());
        Way { proxy: Proxy::before(server.tls_port()), device: Device::new("juliet"), evil, ca, scratch }
    }

    fn middle(&self, server: &impl Server, manner: &Manner) -> Middle {
        let leaf = manner.leaf.clone().unwrap_or_else(|| self.evil.leaf(&self.scratch, DOMAIN, Leaf::Good));
        let manner = Manner { leaf: Some(leaf), ..manner.clone() };
        Middle::with(server.tls_port(), server.ca(), DOMAIN, manner)
    }

    /// The first login of a device, through him.
    pub fn first(&self, server: &impl Server, (_, manner): &Attack) -> Cell {
        let middle = self.middle(server, manner);
        let device = Device::new("stranger");
        let place = Place { port: middle.port(), tls: "direct", ca: &self.ca };
        let done = device.login(&server.jid("juliet"), PASSWORD, place);
        let outcome = match done.status {
            Some(0) => said(&done.done()[0]["connection"]),
            _ => done.refused().kind,
        };
        cell(&middle, outcome)
    }

    /// The device logs in at the true server; with what proof.
    pub fn acquainted(&self, server: &impl Server) -> String {
        let place = Place { port: self.proxy.port(), tls: "direct", ca: &self.ca };
        let rows = self.device.login(&server.jid("juliet"), PASSWORD, place).done();
        said(&rows[0]["connection"])
    }

    /// Whether its last login was by token (XEP-0484).
    pub fn has_token(&self) -> bool {
        let known = self.device.rows(&["server"]).remove(0);
        known["mechanism"].as_str().is_some_and(|mechanism| mechanism.starts_with("HT-"))
    }

    /// The device meets the true server again, once a person accepted what stands against it; what that is to it then.
    pub fn meets(&self, server: &impl Server) -> String {
        let jid = server.jid("juliet");
        self.proxy.lead_to(server.tls_port());
        let known = self.device.rows(&["server"]).remove(0);
        if !known["contradiction"].is_null() {
            self.device.rows(&["server", "--accept"]);
        }
        let mut rpc = self.device.rpc();
        // Some servers call a login that came over another connection a wrong password: that waits for a person's word too.
        let after = tries(&mut rpc, json!({ "account": jid, "again": true }));
        rpc.ok("account.disconnect", json!({ "account": jid }));
        rpc.event_within(PATIENCE, "connection", "offline", |event| event["state"] == "offline");
        assert_eq!(rpc.close(), Some(0));
        after
    }

    /// The device, which knows the server, meets him; tries again and again, in this process and in others; and comes back
    /// to the true server. What the true server is then is the last word.
    pub fn known(&self, server: &impl Server, (_, manner): &Attack) -> (Cell, String) {
        let jid = server.jid("juliet");
        let middle = self.middle(server, manner);
        self.proxy.lead_to(middle.port());
        let mut rpc = self.device.rpc();
        let first = connects(&mut rpc, &jid);
        let mut last = first.clone();
        if first.starts_with("online") {
            rpc.ok("account.disconnect", json!({ "account": jid }));
        } else {
            last = connects(&mut rpc, &jid);
        }
        assert_eq!(rpc.close(), Some(0));
        if !first.starts_with("online") {
            // Another process, which a person does not even ask.
            assert_eq!(self.device.json(&["sync"]).status, Some(1));
            let mut rpc = self.device.rpc();
            last = connects(&mut rpc, &jid);
            assert_eq!(rpc.close(), Some(0));
        }
        let outcome = if last == first { first } else { format!("{first}, then {last}") };
        let cell = cell(&middle, outcome);
        (cell, self.meets(server))
    }
}

/// Runs all attacks on all ways of logging in, prints what became of them as a table, and demands what is promised. `binds`:
/// the server offers what a login can be bound to.
pub fn run(name: &str, server: &impl Server, way: &Way, attacks: &[Attack], binds: bool) {
    let before = way.meets(server);
    assert_eq!(before == "online, proved", binds, "{before}");
    let known_way = if way.has_token() { "token login" } else { "known account" };
    let (mut stopped, mut most) = (0, 0);
    for attack in attacks {
        let first = way.first(server, attack);
        let (known, after) = way.known(server, attack);
        let cells = [("first login", first), (known_way, known)];
        let words = cells.iter().map(|(way, cell)| {
            let Cell { outcome, transcripts, secret } = cell;
            format!(" | {way}: {outcome} ({transcripts}{})", if *secret { ", SECRETS" } else { "" })
        });
        report::note(&format!("{name:<16} {:<44}{}", attack.0, words.collect::<String>()));
        for (way, cell) in &cells {
            let what = format!("{name}, {}, {way}: {cell:?}", attack.0);
            assert!(!cell.secret && cell.transcripts <= 1, "{what}");
            // A server that never offered to bind cannot be told from who sits before it: that is shown.
            assert!(cell.stopped() || !binds && cell.outcome == "online, first_use", "{what}");
            stopped += usize::from(cell.stopped());
            most = most.max(cell.transcripts);
        }
        assert_eq!(after, before, "{name}, {}: the true server is who it was", attack.0);
    }
    let all = 2 * attacks.len();
    report::note(&format!(
        "man in the middle, {name}: {stopped} of {all} stopped, at most {most} transcript each, no secret"
    ));
}
