//! Sessions that broke, with the Python peer: after one unreadable message at most the talk works again.

use dunnock_tests::dunnock::Device;
use dunnock_tests::environment;
use dunnock_tests::peer::{Peer, Version};
use dunnock_tests::prosody::Prosody;
use std::path::Path;
use std::process::Command;

/// The peer's database without its ratchets.
const FORGET: &str = "import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
assert db.execute(\"DELETE FROM item WHERE name LIKE '%/double_ratchet'\").rowcount > 0
db.commit()";

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    run(Command::new("cp").arg("-a").arg(from).arg(to));
}

fn heals(version: Version) {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let (us, them) = (server.jid("juliet"), server.jid("romeo"));
    let mut peer = Peer::start_with(&server, "romeo", &[version]);
    let device = Device::new("juliet");
    let mut juliet = device.online(&server, "juliet");
    juliet.says(&us, &them, "one");
    peer.sees("one");
    peer.says(&us, "two", version);
    juliet.sees("two");

    // The peer loses its ratchets: it cannot read us, and begins again when it writes.
    peer.kill();
    run(Command::new(environment::python()).args(["-c", FORGET]).arg(peer.folder().join("ratchets.db")));
    peer.start_again();
    juliet.says(&us, &them, "lost on the peer");
    peer.event("unreadable");
    peer.says(&us, "begun again", version);
    juliet.sees("begun again");
    juliet.says(&us, &them, "well again");
    peer.sees("well again");

    // We are put back to an older state, and both have turned the ratchet since.
    juliet.close();
    let backup = device.beside("backup");
    copy(&device.home(), &backup);
    let mut juliet = device.rpc();
    juliet.connect(&us);
    peer.says(&us, "after the backup", version);
    juliet.sees("after the backup");
    juliet.says(&us, &them, "and an answer");
    peer.sees("and an answer");
    juliet.close();
    copy(&backup, &device.home());
    let mut juliet = device.rpc();
    juliet.connect(&us);
    juliet.sees("after the backup");
    peer.events("empty");
    peer.says(&us, "lost on us", version);
    juliet.event("unreadable", "the one lost message", |_| true);
    // An empty key exchange makes the peer's next words readable.
    peer.event("empty");
    peer.says(&us, "well once more", version);
    juliet.sees("well once more");
    juliet.says(&us, &them, "and so are we");
    peer.sees("and so are we");
    // Our own answer cannot be had back: it was not sealed for ourselves.
    let rows = juliet.timeline(&us, &them);
    let unreadable: Vec<_> = rows.iter().filter(|row| row["text"].is_null()).collect();
    assert_eq!(unreadable.iter().filter(|row| row["own"] == false).count(), 1, "{unreadable:?}");
    assert_eq!(unreadable.iter().filter(|row| row["own"] == true).count(), 1, "{unreadable:?}");
    assert!(peer.events("unreadable").is_empty());
}

#[test]
fn lost_states_and_restored_backups_heal_in_0_3() {
    heals(Version::V03);
}

#[test]
fn lost_states_and_restored_backups_heal_in_2() {
    heals(Version::V2);
}
