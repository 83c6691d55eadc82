//! Everything between the two fails while they write: the server dies, connections are cut, refused or fall silent.

use super::kills::{JULIET, ROMEO, talkers};
use dunnock_tests::environment::is_soak;
use dunnock_tests::prosody::{Prosody, Settings};
use dunnock_tests::proxy::Proxy;
use dunnock_tests::report;
use dunnock_tests::seed::Seed;
use dunnock_tests::talk::{Talker, assert_all_is_told};
use std::time::{Duration, Instant};

/// Step, silence, answer and back-off in milliseconds: a black hole is noticed before it ends.
const LIMITS: &str = "8000,1500,5000,1000";

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The server is killed and started again.
    Killed,
    /// The server is stopped as an administrator does, and started again.
    Stopped,
    /// Every connection is cut.
    Cut,
    /// Cut, and nobody gets through for a while.
    Refused,
    /// Nothing passes and nothing fails.
    Silent,
}

const FAULTS: [Fault; 5] = [Fault::Silent, Fault::Killed, Fault::Cut, Fault::Refused, Fault::Stopped];

#[test]
fn a_failing_network_and_server_lose_and_double_nothing() {
    let (rounds, hole, messages) = if is_soak() { (10, 10_000, 500) } else { (5, 7_000, 60) };
    let mut seed = Seed::for_test("fault run");
    let mut server = Prosody::start(Settings { tap_out: true, ..Settings::default() });
    ["juliet", "romeo"].iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    let proxy = Proxy::before(server.port());
    let mut talkers = talkers(&server, &proxy, LIMITS);
    for round in 0..rounds {
        let (before, quota) = (messages * round / rounds, messages * (round + 1) / rounds);
        talk(&mut talkers, before + (quota - before) / 2, Duration::from_millis(seed.below(1500)));
        let fault = FAULTS[round % FAULTS.len()];
        begin(fault, &mut server, &proxy);
        let time = if matches!(fault, Fault::Silent) { hole } else { seed.below(2000) };
        talk(&mut talkers, quota, Duration::from_millis(time));
        end(fault, &mut server, &proxy);
    }
    [JULIET, ROMEO].iter().for_each(|who| talkers[*who].say_all(messages));
    assert_all_is_told(&mut talkers);
    let keys = server.tap().assert_no_key_used_twice();
    let connections = proxy.connections();
    report::note(&format!(
        "fault run: {messages} messages each way, {rounds} faults, {connections} connections, {keys} key uses"
    ));
}

/// They write for so long, one message after the other.
fn talk(talkers: &mut [Talker], up_to: usize, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        for who in [JULIET, ROMEO] {
            let next = (talkers[who].answered() + 1).min(up_to);
            talkers[who].say(next, 1);
            assert!(!talkers[who].died_within(Duration::from_millis(10)), "a failing network is no reason to die");
        }
    }
}

fn begin(fault: Fault, server: &mut Prosody, proxy: &Proxy) {
    match fault {
        Fault::Killed => server.kill(),
        Fault::Stopped => server.stop(),
        Fault::Cut => proxy.cut(),
        Fault::Refused => {
            proxy.refuse(true);
            proxy.cut();
        }
        Fault::Silent => proxy.black_hole(true),
    }
}

fn end(fault: Fault, server: &mut Prosody, proxy: &Proxy) {
    match fault {
        Fault::Killed | Fault::Stopped => server.start_again(),
        Fault::Cut => {}
        Fault::Refused => proxy.refuse(false),
        Fault::Silent => proxy.black_hole(false),
    }
}
