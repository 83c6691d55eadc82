//! `kill -9` of one side at named and at random moments, while both write: nothing lost, nothing doubled, all in order.

use dunnock_tests::dunnock::Device;
use dunnock_tests::environment::is_soak;
use dunnock_tests::ledger::{self, Told};
use dunnock_tests::prosody::{Prosody, Settings};
use dunnock_tests::proxy::Proxy;
use dunnock_tests::report;
use dunnock_tests::seed::Seed;
use dunnock_tests::talk::{Talker, assert_all_is_told, compare_own_keys};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The named moments (core/src/killpoint.rs), with the latest occurrence at which one is tried.
const NAMED: [(&str, u64); 9] = [
    ("login", 1),
    ("catchup", 1),
    ("encrypt", 3),
    ("commit", 30),
    ("taken", 8),
    ("asked", 3),
    ("handing", 3),
    ("committed", 30),
    ("send", 3),
];
/// Those just before a commit. The process dies a moment after its brain stopped there, so that what was told too early
/// gets out.
const COMMITS: [&str; 4] = ["commit", "taken", "asked", "handing"];
/// How long a process may take to reach the moment at which it is to die.
const REACH: Duration = Duration::from_secs(25);

/// When a process is to die.
#[derive(Debug, Clone)]
enum Moment {
    Named(&'static str, u64),
    After(Duration),
}

#[test]
fn a_kill_at_any_moment_loses_and_doubles_nothing() {
    let (each, random, messages) = if is_soak() { (6, 6, 500) } else { (1, 2, 60) };
    kill_run("kill run", Settings::default(), each, random, messages);
}

#[test]
fn a_kill_loses_nothing_on_a_server_with_stock_settings_either() {
    let (each, random, messages) = if is_soak() { (6, 6, 500) } else { (1, 1, 24) };
    kill_run("kill run on stock settings", Settings::stock(), each, random, messages);
}

fn kill_run(name: &str, settings: Settings, each: usize, random: usize, messages: usize) {
    let mut seed = Seed::for_test(name);
    let server = Prosody::start(Settings { tap_out: true, ..settings });
    ["juliet", "romeo"].iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    let mut talkers: Vec<Talker> =
        PEOPLE.iter().map(|(voice, user, peer)| Talker::new(&server, voice, user, peer, server.port())).collect();
    compare_own_keys(&mut talkers);
    for talker in &mut talkers {
        let log = talker.device.beside("log");
        talker.options(&["--log", &log.to_string_lossy()]);
    }

    let mut plan = plan(&mut seed, each, random);
    let rounds = plan.len();
    let (mut died, mut told): (BTreeMap<&str, usize>, Told) = Default::default();
    let mut round = 0;
    while let Some(moment) = plan.get(round).cloned() {
        let quota = messages * (round + 1) / rounds;
        let (at, victim) = strike(&mut talkers, &moment, quota, messages * round / rounds, &mut seed);
        round += 1;
        *died.entry(at).or_default() += 1;
        if let Moment::Named(name, _) = moment
            && name != at
            && plan.len() < 2 * rounds
        {
            // On a throttled server what waits from before can hold that back: it is tried once more.
            plan.push(Moment::Named(name, 1));
        }
        let now = ledger::look(&server, &talkers[victim], &VOICES);
        told += now.unwrap_or_else(|problem| panic!("after a death at {at}: {problem}"));
    }
    for talker in &mut talkers {
        talker.device.unset("DUNNOCK_KILL_AT");
        if !talker.is_running() {
            talker.start();
        }
    }
    let messages = messages * plan.len() / rounds;
    [JULIET, ROMEO].iter().for_each(|who| talkers[*who].say_all(messages));
    assert_all_is_told(&mut talkers);
    let keys = server.tap().assert_no_key_used_twice();
    let resumed: usize = talkers.iter().map(|talker| talker.device.resumed(&talker.device.beside("log"))).sum();
    report::note(&format!(
        "{name}: {messages} messages each way, {} deaths {died:?}; looked for right after them: {told}; \
         {resumed} streams resumed after them; {keys} key uses",
        plan.len()
    ));
    assert!(resumed >= plan.len() / 4, "{resumed} streams were resumed after {} deaths", plan.len());
    for (moment, _) in NAMED {
        let wanted = if each == 1 { 1 } else { 5 };
        assert!(died.get(moment).is_some_and(|times| *times >= wanted), "{moment} was not reached: {died:?}");
    }
}

/// Who talks: voice, account and whom to. Juliet's second device writes nothing: it has to hold what the others wrote.
pub(super) const PEOPLE: [(&str, &str, &str); 3] =
    [("juliet", "juliet", "romeo"), ("tablet", "juliet", "romeo"), ("romeo", "romeo", "juliet")];
/// How their texts begin.
pub(super) const VOICES: [&str; 3] = ["juliet", "tablet", "romeo"];
pub(super) const JULIET: usize = 0;
pub(super) const ROMEO: usize = 2;

/// They through this proxy, as patient as these limits say, with the keys of their own devices compared.
pub(super) fn talkers(server: &Prosody, proxy: &Proxy, limits: &str) -> Vec<Talker> {
    let on = |(voice, user, peer): &(&str, &str, &str)| {
        let mut device = Device::new(voice);
        device.set("DUNNOCK_LIMITS", limits);
        Talker::on(device, server, voice, user, peer, proxy.port())
    };
    let mut talkers: Vec<Talker> = PEOPLE.iter().map(on).collect();
    compare_own_keys(&mut talkers);
    talkers
}

/// Each named moment `each` times and some at random, shuffled.
fn plan(seed: &mut Seed, each: usize, random: usize) -> Vec<Moment> {
    let mut plan = Vec::new();
    for (name, latest) in NAMED {
        plan.extend((0..each).map(|_| Moment::Named(name, seed.between(1, latest + 1))));
    }
    plan.extend((0..random).map(|_| Moment::After(Duration::from_millis(seed.below(3000)))));
    for index in (1..plan.len()).rev() {
        plan.swap(index, seed.below(index as u64 + 1) as usize);
    }
    plan
}

/// Someone starts anew, dies at this moment while all write, and stays dead; says at which moment it was, and who.
fn strike(
    talkers: &mut [Talker],
    moment: &Moment,
    quota: usize,
    before: usize,
    seed: &mut Seed,
) -> (&'static str, usize) {
    // Only who writes comes to some moments. A login is counted once a connection.
    let writes = matches!(moment, Moment::Named("encrypt" | "send" | "asked" | "handing", _));
    let victim = if writes { *seed.choice(&[JULIET, ROMEO]) } else { seed.below(talkers.len() as u64) as usize };
    // While it is away the others go on; whoever died in the last round comes back.
    talkers[victim].kill();
    // A stream that goes on has no catch-up; others have one at times too.
    if matches!(moment, Moment::Named("catchup", _)) || seed.below(4) == 0 {
        talkers[victim].device.forget_streams();
    }
    for (index, talker) in talkers.iter_mut().enumerate().filter(|(index, _)| *index != victim) {
        talker.device.unset("DUNNOCK_KILL_AT");
        if !talker.is_running() {
            talker.start();
        }
        talker.say(if index == ROMEO || index == JULIET { before + (quota - before) / 2 } else { 0 }, 8);
    }
    let limit = match moment {
        Moment::Named(name, count) => {
            let pause = if COMMITS.contains(name) { 100 } else { 0 };
            talkers[victim].device.set("DUNNOCK_KILL_AT", &format!("{name}:{count}:{pause}"));
            REACH
        }
        Moment::After(time) => {
            talkers[victim].device.unset("DUNNOCK_KILL_AT");
            *time
        }
    };
    talkers[victim].start();
    let window = seed.between(1, 9) as usize;
    let end = Instant::now() + limit;
    while Instant::now() < end {
        [JULIET, ROMEO].iter().for_each(|who| talkers[*who].say(quota, window));
        if talkers[victim].died_within(Duration::from_millis(20)) {
            return match moment {
                Moment::Named(name, _) => (name, victim),
                Moment::After(_) => panic!("it died by itself"),
            };
        }
    }
    talkers[victim].kill();
    ("random", victim)
}
