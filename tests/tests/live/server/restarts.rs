//! A server that is restarted every five seconds while two people write to each other.

use super::kills::{JULIET, ROMEO, talkers};
use dunnock_tests::environment::is_soak;
use dunnock_tests::prosody::{Prosody, Settings};
use dunnock_tests::proxy::Proxy;
use dunnock_tests::report;
use dunnock_tests::talk::assert_all_is_told;
use std::time::{Duration, Instant};

/// Step, silence, answer and back-off in milliseconds: those of the program, but that nobody waits for minutes at the end.
const LIMITS: &str = "20000,120000,20000,10000";
/// Between two restarts.
const EVERY: Duration = Duration::from_secs(5);
/// Connections that an account may make at once, and the time in which it earns one more (`core/src/net/pace.rs`).
const BURST: usize = 10;
const EACH: u64 = 6;

#[test]
fn a_server_that_is_restarted_again_and_again_loses_and_doubles_nothing_and_is_not_stormed() {
    let (restarts, messages) = if is_soak() { (24, 1000) } else { (3, 60) };
    let mut server = Prosody::start(Settings { tap_out: true, ..Settings::default() });
    ["juliet", "romeo"].iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    let proxy = Proxy::before(server.port());
    let mut talkers = talkers(&server, &proxy, LIMITS);
    let (begun, before) = (Instant::now(), proxy.connections());
    for restart in 0..restarts {
        let quota = messages * (restart + 1) / restarts;
        let end = Instant::now() + EVERY;
        while Instant::now() < end {
            for who in [JULIET, ROMEO] {
                talkers[who].say(quota, 4);
                assert!(!talkers[who].died_within(Duration::from_millis(5)), "a server that goes is no reason to die");
            }
        }
        server.stop();
        server.start_again();
    }
    let connections = proxy.connections() - before;
    let most = talkers.len() * (BURST + (begun.elapsed().as_secs() / EACH) as usize + 1);
    assert!(connections <= most, "{connections} connections, {most} are allowed");
    [JULIET, ROMEO].iter().for_each(|who| talkers[*who].say_all(messages));
    assert_all_is_told(&mut talkers);
    let keys = server.tap().assert_no_key_used_twice();
    report::note(&format!(
        "restarts: {messages} messages each way, 0 lost, 0 doubled, {restarts} restarts, {connections} connections of {} devices \
         (at most {most}), {keys} key uses, none for two ciphertexts",
        talkers.len()
    ));
}
