//! A device that `vectors/make.py` talks to: one JSON request a line in, one answer a line out.
#![allow(clippy::unwrap_used)]

#[path = "../tests/peer/mod.rs"]
mod peer;

use std::io::{BufRead, Write};

fn main() {
    let mut device = None;
    for line in std::io::stdin().lock().lines() {
        let request: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let answer = if request["op"] == "new" {
            device.insert(peer::Peer::new(&request)).answer(&serde_json::json!({ "op": "bundle" }))
        } else {
            device.as_mut().expect("`new` comes first").answer(&request)
        };
        println!("{answer}");
        std::io::stdout().flush().unwrap();
    }
}
