//! Tor inside of the program: how long its start takes, what it holds, and what it adds to the libraries of the apps.
//!
//! Over a private network on loopback, so the figures are those of the program and not of the distances of the real one.

use crate::watched::{Memory, Watched};
use dunnock_tests::dunnock::Device;
use dunnock_tests::figures::{Figure, publish};
use dunnock_tests::names::HOST;
use dunnock_tests::prosody::Prosody;
use dunnock_tests::tornet::TorNet;
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

const RUNS: usize = 5;

/// One start, in seconds.
struct Start {
    /// Until Tor carried streams; none on the direct route.
    tor: Option<f64>,
    online: f64,
    memory: Memory,
}

/// Cold and warm starts over Tor, alternated with starts of the program without Tor on the direct route.
pub(crate) fn run() {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let net = TorNet::start(server.port());
    let (near, far) = (Device::new("juliet"), tor_device(&net));
    join(&near, &server, "juliet", "direct", "127.0.0.1");
    join(&far, &server, "romeo", "tor", HOST);
    let (mut direct, mut cold, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        direct.push(start(&near, &server.jid("juliet"), false));
        std::fs::remove_dir_all(far.home().join("tor")).expect("Tor has kept something");
        cold.push(start(&far, &server.jid("romeo"), true));
        warm.push(start(&far, &server.jid("romeo"), true));
    }
    let figure = |name: &str, unit, runs: &[Start], pick: fn(&Start) -> f64| {
        Figure::new(name, unit, runs.iter().map(pick).collect())
    };
    let floor = figure("process start to online, direct, a build without Tor", "s", &direct, |run| run.online);
    let own = figure("RssAnon, online, direct, a build without Tor", "MB", &direct, |run| run.memory.anonymous);
    let tor: fn(&Start) -> f64 = |run| run.tor.unwrap_or_default();
    let mut figures = vec![
        figure("process start to Tor's being ready, cold", "s", &cold, tor).beside(&floor),
        figure("the same, warm", "s", &warm, tor).beside(&floor),
        figure("process start to online over Tor, cold", "s", &cold, |run| run.online).beside(&floor),
        figure("the same, warm", "s", &warm, |run| run.online).beside(&floor),
        floor,
        figure("RssAnon, online over Tor", "MB", &warm, |run| run.memory.anonymous).beside(&own),
        own,
    ];
    figures.extend(libraries());
    publish("tor", &figures);
}

/// A device whose program has Tor, and this network.
fn tor_device(net: &TorNet) -> Device {
    let mut device = Device::new("romeo");
    device.started_by(PathBuf::from(std::env::var_os("DUNNOCK_BIN_TOR").expect("cargo xtask bench builds it")));
    device.set("DUNNOCK_TOR_NETWORK", &net.for_arti().to_string_lossy());
    device
}

/// Adds the account and lets it be online once: its keys are made then, which belongs to no start.
fn join(device: &Device, server: &Prosody, user: &str, route: &str, host: &str) {
    let mut rpc = device.rpc();
    let account = json!({
        "jid": server.jid(user), "password": Prosody::PASSWORD, "host": host, "port": server.port(),
        "tls": "starttls", "ca": server.ca(), "route": route,
    });
    rpc.ok("account.add", account);
    rpc.connect(&server.jid(user));
    server.wait_until_reachable(user);
    rpc.close();
}

fn start(device: &Device, jid: &str, over_tor: bool) -> Start {
    let begun = Instant::now();
    let mut process = Watched::start(device);
    process.ask("account.connect", &json!({ "account": jid }));
    let tor = over_tor.then(|| {
        process.until(&[r#""kind":"tor""#, r#""state":"ready""#]);
        begun.elapsed().as_secs_f64()
    });
    process.until(&[r#""kind":"connection""#, r#""state":"online""#]);
    let online = begun.elapsed().as_secs_f64();
    process.caught_up();
    let memory = process.memory();
    process.end();
    Start { tor, online, memory }
}

/// The stripped libraries of the apps, with and without Tor.
fn libraries() -> Vec<Figure> {
    let size = |variable: &str| {
        let path = std::env::var_os(variable)?;
        let bytes = std::fs::metadata(path).ok()?.len();
        Some(bytes as f64 / 1e6)
    };
    let (Some(with), Some(without)) = (size("DUNNOCK_LIBRARY_TOR"), size("DUNNOCK_LIBRARY")) else { return Vec::new() };
    let without = Figure::new("library of the apps without Tor, stripped", "MB", vec![without]);
    vec![Figure::new("library of the apps with Tor, stripped", "MB", vec![with]).beside(&without), without]
}
