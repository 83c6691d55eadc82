//! Resident memory, idle after catching up with 2000 messages, beside slixmpp after the same.

use crate::catchup::{Absence, MESSAGES, RUNS};
use crate::watched::Memory;
use dunnock_tests::figures::{Figure, publish};
use std::time::Duration;

/// After so long nothing of the catch-up is under way any more.
const IDLE: Duration = Duration::from_secs(3);

/// Alternated with slixmpp.
pub(crate) fn run() {
    let mut absence = Absence::of(MESSAGES);
    let (mut ours, mut slixmpp) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (_, process) = absence.ours();
        std::thread::park_timeout(IDLE);
        ours.push(process.memory());
        drop(process);
        slixmpp.push(absence.slixmpp().1);
    }
    let figure = |name: &str, runs: &[Memory], pick: fn(&Memory) -> f64| {
        Figure::new(name, "MB", runs.iter().map(pick).collect())
    };
    let peer = figure("RssAnon of slixmpp-omemo", &slixmpp, |memory| memory.anonymous);
    let peer_file = figure("RssFile of slixmpp-omemo", &slixmpp, |memory| memory.file);
    publish(
        "memory",
        &[
            figure("RssAnon, idle after catch-up", &ours, |memory| memory.anonymous).beside(&peer),
            figure("RssFile", &ours, |memory| memory.file).beside(&peer_file),
            peer,
            peer_file,
        ],
    );
}
