//! Recorded talks with python-omemo and libomemo-c, replayed: what they sent we read, and what we sent, which they
//! read, comes out the same to the byte. `vectors/make.py` records them.
#![allow(clippy::unwrap_used)]

mod peer;

use serde_json::Value;

fn talks() -> Vec<Value> {
    serde_json::from_str(include_str!("../vectors/talks.json")).unwrap()
}

#[test]
fn every_step_of_the_talks_with_other_implementations_goes_as_recorded() {
    for talk in talks() {
        let steps = talk["steps"].as_array().unwrap();
        let mut device = peer::Peer::new(&steps[0][0]);
        // The bundle's 0.3 signature is salted from the same prepared bytes, so it is repeated as well.
        assert_eq!(device.answer(&serde_json::json!({ "op": "bundle" })), steps[0][1]);
        for (index, step) in steps.iter().enumerate().skip(1) {
            let name = format!("{} {}, step {index}", talk["with"], talk["version"]);
            assert_eq!(device.answer(&step[0]), step[1], "{name}");
        }
    }
}

#[test]
fn the_talks_cover_both_versions_either_side_first_both_sign_bits_and_a_due_heartbeat() {
    let talks = talks();
    for (version, with) in [("0.3", "python"), ("2", "python"), ("0.3", "libomemo"), ("2", "libomemo")] {
        for rust_first in [true, false] {
            let this = |t: &&Value| t["version"] == version && t["with"] == with && t["rust_first"] == rust_first;
            let talk = talks.iter().find(this).unwrap();
            let steps = talk["steps"].as_array().unwrap();
            let count = |op: &str, yes: &dyn Fn(&Value) -> bool| {
                steps.iter().filter(|step| step[0]["op"] == op && yes(&step[1])).count()
            };
            assert!(count("encrypt", &|answer| answer["kex"] == rust_first) >= 3);
            assert!(count("encrypt", &|answer| answer["kex"] == false) >= 3);
            assert!(count("decrypt", &|answer| answer["material"].is_string()) >= 8);
            assert_eq!(count("decrypt", &|answer| answer["heartbeat_due"] == true), 1);
            assert_eq!(count("decrypt", &|answer| answer["new_session"] == true), usize::from(!rust_first));
        }
    }
    let signs: Vec<_> = talks.iter().map(|talk| talk["sign"].as_u64().unwrap()).collect();
    assert!(signs.contains(&0) && signs.contains(&1));
}
