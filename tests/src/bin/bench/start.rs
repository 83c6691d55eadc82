//! From starting the process to being online, on loopback.

use dunnock_tests::dunnock::{Device, PATIENCE};
use dunnock_tests::figures::{Figure, publish};
use dunnock_tests::prosody::{Prosody, Settings};
use serde_json::json;
use std::time::Instant;

const RUNS: usize = 5;

/// Median of five starts of a device that was online before.
pub(crate) fn run() {
    let server = Prosody::start(Settings::default());
    server.account("juliet", Prosody::PASSWORD);
    let device = Device::new("juliet");
    // The first login makes keys and publishes bundles: that is measured by nobody's patience, not here.
    device.online(&server, "juliet").close();
    let jid = server.jid("juliet");
    let start = || {
        let start = Instant::now();
        let mut rpc = device.rpc();
        rpc.ok("rpc.version", json!({}));
        let ready = start.elapsed().as_secs_f64();
        rpc.send("account.connect", json!({ "account": jid }));
        rpc.event_within(PATIENCE, "connection", "online", |event| event["state"] == "online");
        let online = start.elapsed().as_secs_f64();
        rpc.close();
        (ready, online)
    };
    let runs: Vec<(f64, f64)> = (0..RUNS).map(|_| start()).collect();
    let ready = Figure::new("process start to first answer", "s", runs.iter().map(|run| run.0).collect());
    let online = Figure::new("process start to online", "s", runs.iter().map(|run| run.1).collect()).beside(&ready);
    publish("start", &[ready, online]);
}
