//! What a message to a large room costs the brain's thread, from the command to the commit.

use dunnock_core::bench::say_in_room;
use dunnock_tests::figures::{Figure, publish};
use dunnock_tests::scratch::Scratch;

const MEMBERS: u32 = 100;
const DEVICES: u32 = 3;
const TIMES: u32 = 50;
/// The most CPU time that a message may take, milliseconds.
const MOST: f64 = 20.0;

/// One in three devices has version 0.3 alone, so the stanza holds both.
pub(crate) fn run() {
    let scratch = Scratch::new("bench-room");
    let said = say_in_room(&scratch.join("home"), MEMBERS, DEVICES, TIMES).expect("the store can be made");
    assert!(said.iter().all(|one| one.reached == MEMBERS * DEVICES), "not all devices were reached");
    let runs = said.iter().map(|one| one.cpu.as_secs_f64() * 1_000.0).collect();
    let cpu = Figure::new("a message to 100 members with 300 devices, CPU of the brain", "ms", runs);
    let bytes = Figure::new("its stanza", "kB", said.iter().map(|one| one.bytes as f64 / 1_000.0).collect());
    let median = cpu.median();
    publish("room", &[cpu, bytes]);
    assert!(median <= MOST, "it takes {median:.1} ms");
}
