//! Power losses while they write: what was answered or acknowledged was synced before.

use super::kills::{JULIET, PEOPLE, ROMEO};
use dunnock_tests::environment::is_soak;
use dunnock_tests::powerloss::{Disk, Shim};
use dunnock_tests::prosody::Prosody;
use dunnock_tests::report;
use dunnock_tests::seed::Seed;
use dunnock_tests::talk::{Talker, assert_all_is_told};
use std::time::{Duration, Instant};

#[test]
fn a_power_loss_takes_nothing_that_was_answered_or_acknowledged() {
    let (losses, messages) = if is_soak() { (20, 400) } else { (5, 50) };
    let mut seed = Seed::for_test("power loss");
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let shim = Shim::compile();
    let mut talkers: Vec<Talker> =
        PEOPLE.iter().map(|(voice, user, peer)| Talker::new(&server, voice, user, peer, server.port())).collect();
    let disks: Vec<Disk> = talkers
        .iter_mut()
        .map(|talker| {
            talker.kill();
            let disk = shim.under(&mut talker.device);
            talker.start();
            disk
        })
        .collect();
    let mut lost = 0;
    for round in 0..losses {
        let victim = seed.below(talkers.len() as u64) as usize;
        let quota = messages * (round + 1) / losses;
        let window = seed.between(1, 9) as usize;
        let end = Instant::now() + Duration::from_millis(seed.between(500, 4000));
        while Instant::now() < end {
            [JULIET, ROMEO].iter().for_each(|who| talkers[*who].say(quota, window));
            assert!(!talkers[victim].died_within(Duration::from_millis(10)), "nobody killed it");
        }
        talkers[victim].kill();
        lost += disks[victim].lose_power();
        talkers[victim].start();
    }
    [JULIET, ROMEO].iter().for_each(|who| talkers[*who].say_all(messages));
    assert_all_is_told(&mut talkers);
    let keys = server.tap().assert_no_key_used_twice();
    report::note(&format!(
        "power loss: {losses} losses, {messages} messages each way, {lost} files lost unsynced writes, {keys} key uses"
    ));
}
