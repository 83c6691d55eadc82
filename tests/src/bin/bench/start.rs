//! From starting the process to being online, on loopback, and where the time goes.

use crate::watched::Watched;
use dunnock_tests::dunnock::Device;
use dunnock_tests::figures::{Figure, publish};
use dunnock_tests::prosody::{Prosody, Settings};
use dunnock_tests::raw::{self, Raw};
use serde_json::json;
use std::path::Path;
use std::time::Instant;

const RUNS: usize = 5;

/// Seconds of one start.
struct Start {
    /// The first answer, about nothing of an account.
    ready: f64,
    online: f64,
    /// What the program's log says of its own steps.
    store: f64,
    tls: f64,
    login: f64,
}

/// Median of several starts of a device that was online before, beside a login that does nothing else.
pub(crate) fn run() {
    let server = Prosody::start(Settings { extra: raw::SETTINGS.to_owned(), ..Settings::default() });
    ["juliet", "mercutio"].iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    // It hashes a password at the first login.
    drop(Raw::online(&server, "mercutio"));
    let device = Device::new("juliet");
    // The first login makes keys and publishes bundles: that is measured by nobody's patience, not here.
    device.online(&server, "juliet").close();
    let jid = server.jid("juliet");
    let (mut runs, mut floors) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        runs.push(start(&device, &jid, &device.beside(&format!("log-{run}"))));
        let begun = Instant::now();
        let bare = Raw::online(&server, "mercutio");
        floors.push(begun.elapsed().as_secs_f64());
        drop(bare);
    }
    let floor = Figure::new("a bare login in clear: no process, no TLS, no store", "s", floors);
    let figure = |name: &str, pick: Share| Figure::new(name, "s", runs.iter().map(pick).collect());
    let online = figure("process start to online", |run| run.online).beside(&floor);
    let shares: [(&str, Share); 4] = [
        ("of it: process start to first answer", |run| run.ready),
        ("of it: opening the database", |run| run.store),
        ("of it: TCP, STARTTLS and TLS", |run| run.tls),
        ("of it: login and binding", |run| run.login),
    ];
    let mut figures: Vec<Figure> = shares.map(|(name, pick)| figure(name, pick).beside(&online)).into();
    figures.splice(0..0, [online, floor]);
    publish("start", &figures);
}

/// Which part of a start a figure tells, in seconds.
type Share = fn(&Start) -> f64;

fn start(device: &Device, jid: &str, log: &Path) -> Start {
    let begun = Instant::now();
    let mut process = Watched::start_with(device, &["--log", &log.to_string_lossy(), "rpc"]);
    process.ask("rpc.version", &json!({}));
    process.until(&[r#""id":"rpc.version""#]);
    let ready = begun.elapsed().as_secs_f64();
    process.connect(jid);
    let online = begun.elapsed().as_secs_f64();
    process.end();
    let said = std::fs::read_to_string(log).expect("a log was asked for");
    let step = |what: &str, field: &str, second: f64| {
        let line = said.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what:?} in\n{said}"));
        let number = line.split_whitespace().find_map(|word| word.strip_prefix(field)).expect("a duration");
        number.parse::<f64>().expect("a number") / second
    };
    Start {
        ready,
        online,
        store: step("dunnock: store opened", "us=", 1e6),
        tls: step("dunnock: online", "connect_ms=", 1e3),
        login: step("dunnock: online", "login_ms=", 1e3),
    }
}
