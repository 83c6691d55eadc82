//! Power losses while they write: what was answered, acknowledged or sent was synced before.

use super::kills::{JULIET, PEOPLE, ROMEO, VOICES};
use dunnock_tests::dunnock::Device;
use dunnock_tests::environment::is_soak;
use dunnock_tests::impostor::nobody;
use dunnock_tests::ledger::{self, Told};
use dunnock_tests::powerloss::{Disk, Loss, Shim, power_goes_at};
use dunnock_tests::prosody::{Prosody, Settings};
use dunnock_tests::report;
use dunnock_tests::seed::Seed;
use dunnock_tests::talk::{Talker, assert_all_is_told, compare_own_keys};
use serde_json::json;
use std::time::{Duration, Instant};

/// How many moments of a process's life the power may choose from. To log in and catch up takes 1600, a text 60 and more.
const MOMENTS: u64 = 4000;
/// How many texts each may say until the power goes.
const TEXTS: usize = 30;
/// How long a process may take to get there.
const REACH: Duration = Duration::from_secs(25);

/// What the losses of a run came to.
#[derive(Debug, Default)]
struct Sum {
    losses: usize,
    /// At a write, a sync or a change of names, rather than at any time.
    at_moment: usize,
    /// Fell while texts were being answered.
    talking: usize,
    /// Took something that was written.
    lost: usize,
    told: Told,
}

/// Everyone in Verona, each on a disk that forgets.
fn verona(shim: &Shim) -> (Prosody, Vec<Talker>, Vec<Disk>) {
    // What the server's disk takes is of no interest. Of thirty dead streams it keeps each text for each, but not for long.
    let server = Prosody::start(Settings { tap_out: true, in_memory: true, hibernation: 30, ..Settings::default() });
    ["juliet", "romeo"].iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    let mut talkers: Vec<Talker> =
        PEOPLE.iter().map(|(voice, user, peer)| Talker::new(&server, voice, user, peer, server.port())).collect();
    compare_own_keys(&mut talkers);
    let under = |talker: &mut Talker| {
        talker.kill();
        let disk = shim.under(&mut talker.device);
        talker.start();
        disk
    };
    let disks = talkers.iter_mut().map(under).collect();
    (server, talkers, disks)
}

#[test]
fn a_power_loss_takes_nothing_that_was_answered_acknowledged_or_sent() {
    let wanted = if is_soak() { 20 } else { 5 };
    let mut seed = Seed::for_test("power loss");
    let shim = Shim::compile();
    let (server, mut talkers, disks) = verona(&shim);
    let mut sum = Sum::default();
    while sum.lost < wanted {
        assert!(sum.losses < 4 * wanted, "the power goes when there is nothing to lose: {sum:?}");
        let victim = seed.below(talkers.len() as u64) as usize;
        let before = answered(&talkers);
        sum.at_moment += usize::from(lives_until(&mut talkers, victim, &mut seed));
        sum.talking += usize::from(answered(&talkers) > before);
        // Each kind of loss every other time.
        let loss = if sum.losses % 2 == 0 { Loss::All } else { Loss::Some };
        let lost = disks[victim].lose_power(loss, &mut seed);
        sum.losses += 1;
        sum.lost += usize::from(!lost.is_empty());
        let told = ledger::look(&server, &talkers[victim], &VOICES);
        sum.told += told.unwrap_or_else(|problem| panic!("after losing {loss:?} of {lost:?}: {problem}"));
        talkers[victim].device.unset("POWERLOSS_AT");
        talkers[victim].start();
    }
    for who in [JULIET, ROMEO] {
        let all = talkers[who].answered() + TEXTS;
        talkers[who].say_all(all);
    }
    assert_all_is_told(&mut talkers);
    let (keys, texts) = (server.tap().assert_no_key_used_twice(), answered(&talkers));
    let Sum { losses, at_moment, talking, lost, told } = sum;
    report::note(&format!(
        "power loss: {texts} texts, {losses} losses, {at_moment} at a write or sync, {talking} while they wrote, \
         {lost} took unsynced writes; looked for right after them: {told}; {keys} key uses"
    ));
}

/// Texts answered so far, of all.
fn answered(talkers: &[Talker]) -> usize {
    talkers.iter().map(Talker::answered).sum()
}

/// Someone starts anew and the power goes at some moment of that life, while all write; false if it never came to that
/// moment and ended at some other time.
fn lives_until(talkers: &mut [Talker], victim: usize, seed: &mut Seed) -> bool {
    talkers[victim].kill();
    power_goes_at(&mut talkers[victim].device, seed.between(1, MOMENTS));
    talkers[victim].start();
    let window = seed.between(1, 9) as usize;
    let quotas = [JULIET, ROMEO].map(|who| (who, talkers[who].answered() + TEXTS));
    let end = Instant::now() + REACH;
    while Instant::now() < end {
        quotas.iter().for_each(|(who, quota)| talkers[*who].say(*quota, window));
        if talkers[victim].died_within(Duration::from_millis(20)) {
            return true;
        }
    }
    talkers[victim].kill();
    false
}

#[test]
fn a_disk_that_never_syncs_is_found_out() {
    let shim = Shim::compile();
    let (server, mut talkers, disks) = verona(&shim);
    let mut seed = Seed::for_test("deaf disk");
    talkers[JULIET].device.set("POWERLOSS_DEAF", "1");
    talkers[JULIET].kill();
    talkers[JULIET].start();
    talkers[JULIET].say_all(20);
    talkers[JULIET].kill();
    disks[JULIET].lose_power(Loss::All, &mut seed);
    let problem = ledger::look(&server, &talkers[JULIET], &VOICES).expect_err("all twenty were lost");
    assert!(problem.contains("answered and does not hold"), "{problem}");
}

#[test]
fn an_account_whose_making_was_answered_survives_a_power_loss() {
    let stride = if is_soak() { 1 } else { 15 };
    let mut seed = Seed::for_test("power loss at the first start");
    let shim = Shim::compile();
    // `account.add` connects to no one.
    let params = json!({ "jid": "juliet@verona.test", "password": "secret", "host": "127.0.0.1", "port": nobody() });
    let (mut moment, mut losses, mut there) = (0, 0, 0);
    let mut made = false;
    while !made {
        moment += seed.between(1, 2 * stride);
        let mut device = Device::new("juliet");
        let disk = shim.under(&mut device);
        power_goes_at(&mut device, moment);
        let mut rpc = device.rpc();
        let id = rpc.send("account.add", params.clone());
        made = rpc.try_answer(id, REACH).is_some_and(|answer| answer.is_ok());
        rpc.kill();
        disk.lose_power(if seed.below(2) == 0 { Loss::All } else { Loss::Some }, &mut seed);
        device.unset("POWERLOSS_AT");
        let mut rpc = device.rpc();
        let accounts = rpc.ok("account.list", json!({}));
        let count = accounts.as_array().map_or(0, Vec::len);
        assert!(count == 1 || !made, "after moment {moment}: it was answered and there is {accounts}");
        if count == 0 {
            rpc.ok("account.add", params.clone());
        }
        losses += 1;
        there += count;
    }
    report::note(&format!(
        "power loss at the first start: {losses} losses in {moment} moments, {there} accounts were there"
    ));
}
