//! OMEMO operations per second of CPU time, beside libomemo-c doing the same from stored state to stored state, beside
//! python-omemo, and beside floors: what the operations could not do without.

use dunnock_tests::environment;
use dunnock_tests::figures::{Figure, publish};
use serde_json::Value;
use std::path::Path;
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

/// What has a floor, the floor's name, and the least share of the floor's rate that is asked for.
const FLOORS: [(&str, &str, f64); 4] = [
    ("encrypt", "HMAC, HKDF and AES alone", 1.0 / 1.5),
    ("decrypt", "HMAC, HKDF and AES alone", 1.0 / 1.5),
    ("x3dh_active", "its work on the curve alone", 0.85),
    ("x3dh_passive", "its work on the curve alone", 0.85),
];

/// Alternated; `DUNNOCK_RATE` is our program, `DUNNOCK_LIBOMEMO_RATE` the peer's. That one runs twice: as programs commonly
/// call OpenSSL, and with the algorithms looked up once, the best that a user of the library can do.
pub(crate) fn run() {
    let (ours, peer) = (named("DUNNOCK_RATE"), named("DUNNOCK_LIBOMEMO_RATE"));
    let python = environment::python().display().to_string();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/python_rate.py");
    let script = script.to_str().expect("the tree's path is text");
    let (mut ours_said, mut peer_said, mut best_said) = (Vec::new(), Vec::new(), Vec::new());
    let mut python_said = Vec::new();
    for _ in 0..RUNS {
        ours_said.push(said(&ours, &[SECONDS]));
        peer_said.push(said(&peer, &[SECONDS]));
        best_said.push(said(&peer, &[SECONDS, "fetched"]));
        python_said.push(said(&python, &[script, SECONDS]));
    }
    let (mut figures, mut slow) = (Vec::new(), Vec::new());
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
            if let Some((_, what, least)) = FLOORS.iter().find(|floor| floor.0 == code) {
                let floor = format!("{version}: {name}, {what}");
                let floor = Figure::new(&floor, "1/s", runs(&ours_said, &format!("{code}_floor")));
                let beside = ours.clone().beside(&floor);
                if beside.ratio() < Some(*least) {
                    slow.push(format!("{version}: {name}"));
                }
                let python = Figure::new(&format!("{version}: {name}, python-omemo"), "1/s", runs(&python_said, code));
                figures.extend([beside, floor, ours.clone().beside(&python), python]);
            }
            figures.extend([ours.clone().beside(&peer), ours.beside(&best), peer, best]);
        }
        figures.extend(rest(version, &ours_said));
    }
    publish("ratchet", &figures);
    assert!(slow.is_empty(), "slower beside the floor than is asked for: {slow:?}");
}

/// What a line costs beside its cryptography: the session read from its row and written back, and whatever is left,
/// which is the message's protobuf, copies of the state, and wiping.
fn rest(version: &str, said: &[Value]) -> Vec<Figure> {
    let nanoseconds = |code: &str| -> Vec<f64> { said.iter().map(|one| 1e9 / number(&one[version][code])).collect() };
    let stored = nanoseconds("stored");
    let mut figures = Vec::new();
    for code in ["encrypt", "decrypt"] {
        let (whole, floor) = (nanoseconds(code), nanoseconds(&format!("{code}_floor")));
        let left = whole.iter().zip(&floor).zip(&stored).map(|((whole, floor), stored)| whole - floor - stored);
        let left = Figure::new(&format!("{version}: {code}, what is left"), "ns", left.collect());
        let whole = Figure::new(&format!("{version}: {code}, whole"), "ns", whole);
        let stored = Figure::new(&format!("{version}: {code}, its row read and written"), "ns", stored.clone());
        figures.extend([stored.beside(&whole), left.beside(&whole), whole]);
    }
    figures
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
