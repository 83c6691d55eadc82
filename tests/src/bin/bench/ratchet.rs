//! OMEMO operations per second of CPU time, beside libomemo-c doing the same from stored state to stored state.

use dunnock_tests::figures::{Figure, publish};
use serde_json::Value;
use std::process::Command;

const RUNS: usize = 5;
/// Seconds of CPU time for each of the measurements of a run.
const SECONDS: &str = "0.2";

/// What is counted, and its name in both programs' answers.
const OPERATIONS: [(&str, &str); 5] = [
    ("encrypt", "encrypt"),
    ("decrypt", "decrypt"),
    ("encrypt and decrypt, each message a turn", "turn"),
    ("X3DH, active", "x3dh_active"),
    ("X3DH, passive", "x3dh_passive"),
];

/// Alternated; `DUNNOCK_RATE` is our program, `DUNNOCK_LIBOMEMO_RATE` the peer's. That one runs twice: as programs commonly
/// call OpenSSL, and with the algorithms looked up once, the best that a user of the library can do.
pub(crate) fn run() {
    let (ours, peer) = (named("DUNNOCK_RATE"), named("DUNNOCK_LIBOMEMO_RATE"));
    let (mut ours_said, mut peer_said, mut best_said) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours_said.push(said(&ours, &[SECONDS]));
        peer_said.push(said(&peer, &[SECONDS]));
        best_said.push(said(&peer, &[SECONDS, "fetched"]));
    }
    let mut figures = Vec::new();
    for version in ["0.3", "2"] {
        for (name, code) in OPERATIONS {
            let runs = |all: &[Value], code: &str| all.iter().map(|one| number(&one[version][code])).collect();
            let peer = Figure::new(&format!("{version}: {name}, libomemo-c"), "1/s", runs(&peer_said, code));
            let best =
                Figure::new(&format!("{version}: {name}, libomemo-c at its best"), "1/s", runs(&best_said, code));
            let ours = Figure::new(&format!("{version}: {name}"), "1/s", runs(&ours_said, code));
            if code == "turn" {
                let curve = format!("{version}: a turn's three multiplications on the curve alone");
                let curve = Figure::new(&curve, "1/s", runs(&ours_said, "turn_of_curve"));
                figures.extend([ours.clone().beside(&curve), curve]);
            }
            figures.extend([ours.clone().beside(&peer), ours.beside(&best), peer, best]);
        }
    }
    publish("ratchet", &figures);
}

fn named(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: `cargo xtask bench ratchet` builds it"))
}

fn said(program: &str, words: &[&str]) -> Value {
    let done = Command::new(program).args(words).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(done.status.success(), "{program} failed: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a rate")
}
