//! Who may read along: a server that adds devices, honest changes, and two faces of one list.

use super::*;
use crate::engine::ns;
use crate::engine::xml::{Build, el};
use crate::model::Trust;
use dunnock_omemo::Identity;
use rand::RngExt as _;

const JULIET: &str = "juliet@capulet.lit";
const ROMEO: &str = "romeo@montague.lit";

fn talked() -> (World, usize, usize) {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let romeo = world.device("romeo@montague.lit/orchard");
    world.says(juliet, ROMEO, "one");
    world.says(romeo, JULIET, "two");
    (world, juliet, romeo)
}

/// Keys that anybody encrypted to a device of this id, in messages and in empty ones.
fn keys_for(world: &World, id: u32) -> usize {
    fn count(element: &Element, id: &str) -> usize {
        let here = usize::from(element.name() == "key" && element.attr("rid") == Some(id));
        here + element.children().map(|child| count(child, id)).sum::<usize>()
    }
    world
        .server
        .tap
        .iter()
        .filter(|stanza| stanza.name() == "message")
        .map(|stanza| count(stanza, &id.to_string()))
        .sum()
}

/// How many devices of the other side a message was encrypted to, and how many were known.
fn reach(world: &World, number: usize, message: i64) -> (u32, u32) {
    let sql = "SELECT reached, known FROM message WHERE id = ?";
    let row = world.devices[number].store.read().query_row(sql, [message], |row| Ok((row.get(0)?, row.get(1)?)));
    row.unwrap()
}

/// The texts of a chat that a device could read.
fn read(world: &mut World, number: usize, chat: &str) -> Vec<String> {
    let mut texts = world.texts(number, chat);
    texts.retain(|text| !text.starts_with('['));
    texts
}

fn alarms(world: &mut World, number: usize) -> Vec<(String, Option<u32>)> {
    world.tx(number, |tx| tx.alarms())
}

fn trust(world: &mut World, number: usize, jid: &str, device: u32) -> Trust {
    world.tx(number, |tx| tx.device(jid, device).unwrap().unwrap().trust)
}

/// Time passes, and everybody looks at what is due.
fn pass(world: &mut World, time: i64) {
    world.now += time;
    for number in 0..world.devices.len() {
        world.input(number, Input::Tick);
    }
    world.settle();
}

fn uri(jid: &str, device: u32, seed: u8) -> Command {
    let print = Identity::from_seed(&[seed; 32]).public().fingerprint();
    Command::Verify { uri: format!("xmpp:{jid}?omemo-sid-{device}={print}") }
}

#[test]
fn a_device_added_after_first_contact_gets_no_key_and_is_told_on_both_sides() {
    let (mut world, juliet, romeo) = talked();
    let spy = world.device_with("romeo@montague.lit/spy", 666, 66);
    let id = world.says(juliet, ROMEO, "three");
    world.says(romeo, JULIET, "four");
    world.says(spy, JULIET, "it is me, Romeo");
    world.says(juliet, ROMEO, "five");
    assert_eq!(keys_for(&world, 666), 0);
    assert_eq!(alarms(&mut world, juliet), [("quarantined".into(), Some(666))]);
    assert_eq!(alarms(&mut world, romeo), [("own_unknown".into(), Some(666))]);
    // The sender's row says so, and the spy's words are marked.
    assert_eq!(reach(&world, juliet, id), (1, 2));
    let sql = "SELECT trust FROM message WHERE body = 'it is me, Romeo'";
    let marked: i64 = world.devices[juliet].store.read().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(marked, Trust::Undecided as i64);
    let before = keys_for(&world, 1001);
    assert!(before > 0, "Romeo himself is reached");
}

#[test]
fn a_device_added_while_we_are_away_is_told_within_one_sync_and_gets_no_key() {
    let (mut world, juliet, _) = talked();
    world.cut(juliet);
    world.device_with("romeo@montague.lit/spy", 666, 66);
    world.connect(juliet);
    world.settle();
    assert_eq!(alarms(&mut world, juliet), [("quarantined".into(), Some(666))]);
    world.says(juliet, ROMEO, "three");
    assert_eq!(keys_for(&world, 666), 0);
}

#[test]
fn a_device_added_to_our_own_list_gets_no_key_is_told_and_goes_when_we_say_so() {
    let (mut world, juliet, romeo) = talked();
    let spy = world.device_with("juliet@capulet.lit/spy", 666, 66);
    world.says(juliet, ROMEO, "three");
    world.says(romeo, JULIET, "four");
    assert_eq!(keys_for(&world, 666), 0);
    assert_eq!(alarms(&mut world, juliet), [("own_unknown".into(), Some(666))]);
    assert_eq!(alarms(&mut world, romeo), [("quarantined".into(), Some(666))]);
    world.cut(spy);
    let alarm = Command::AlarmAnswer { alarm: "1".into(), answer: "rejected".into() };
    world.command(juliet, alarm).unwrap();
    world.settle();
    let lists = |world: &World| {
        let nodes = &world.server.homes[JULIET].nodes;
        [ns::OMEMO2_LIST, ns::OMEMO03_LIST].map(|node| String::from(&nodes[node][0]).contains("666"))
    };
    assert_eq!(lists(&world), [false, false]);
    // It puts itself back, and is what it was.
    world.connect(spy);
    world.settle();
    assert_eq!(lists(&world), [true, true]);
    assert_eq!(trust(&mut world, juliet, JULIET, 666), Trust::Distrusted);
    world.says(juliet, ROMEO, "five");
    assert_eq!(keys_for(&world, 666), 0);
    let changes: Vec<String> = {
        let mut rows = world.devices[juliet].store.read().prepare("SELECT change FROM own_device_event").unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    for change in ["appeared", "removed"] {
        assert!(changes.iter().any(|told| told == change), "{change} in {changes:?}");
    }
}

#[test]
fn a_device_there_before_first_contact_belongs_to_it() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    world.device("romeo@montague.lit/orchard");
    world.device("romeo@montague.lit/tomb");
    world.says(juliet, ROMEO, "one");
    assert_eq!(alarms(&mut world, juliet), []);
    for device in [1001, 1002] {
        assert_eq!(trust(&mut world, juliet, ROMEO, device), Trust::FirstUse);
    }
}

#[test]
fn the_list_of_another_version_that_comes_later_is_not_first_contact() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    world.device("romeo@montague.lit/orchard");
    let nodes = &mut world.server.homes.get_mut(ROMEO).unwrap().nodes;
    nodes.retain(|node, _| !node.starts_with("eu.siacs"));
    world.says(juliet, ROMEO, "one");
    let push = |ids: &str| {
        format!(
            "<message xmlns='jabber:client' from='{ROMEO}' to='{JULIET}'><event xmlns='http://jabber.org/protocol/pubsub#event'>
             <items node='{}'><item id='current'><list xmlns='{}'>{ids}</list></item></items></event></message>",
            ns::OMEMO03_LIST,
            ns::OMEMO03
        )
    };
    world.deliver(juliet, &push("<device id='1001'/><device id='666'/>"));
    world.settle();
    assert_eq!(trust(&mut world, juliet, ROMEO, 1001), Trust::FirstUse);
    assert_eq!(trust(&mut world, juliet, ROMEO, 666), Trust::Undecided);
    assert_eq!(alarms(&mut world, juliet), [("quarantined".into(), Some(666))]);
}

#[test]
fn a_stranger_who_writes_first_is_answered_and_their_words_are_of_first_use() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let romeo = world.device("romeo@montague.lit/orchard");
    world.says(romeo, JULIET, "Lady, by yonder blessed moon I swear");
    let sql = "SELECT trust FROM message";
    let marked: i64 = world.devices[juliet].store.read().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(marked, Trust::FirstUse as i64);
    assert_eq!(alarms(&mut world, juliet), []);
}

#[test]
fn a_device_accepted_reads_along_one_rejected_never_does() {
    for (answer, reached) in [("accepted", 2), ("rejected", 1), ("dismissed", 1)] {
        let (mut world, juliet, _) = talked();
        let tomb = world.device("romeo@montague.lit/tomb");
        world.command(juliet, Command::AlarmAnswer { alarm: "1".into(), answer: answer.into() }).unwrap();
        let id = world.says(juliet, ROMEO, "three");
        assert_eq!(reach(&world, juliet, id), (reached, 2), "{answer}");
        assert_eq!(read(&mut world, tomb, JULIET).contains(&"three".to_owned()), reached == 2, "{answer}");
    }
}

#[test]
fn a_device_that_vanished_and_returns_with_its_key_keeps_what_was_decided() {
    let (mut world, juliet, romeo) = talked();
    let tomb = world.device("romeo@montague.lit/tomb");
    world.trusts(juliet, ROMEO);
    world.cut(tomb);
    world.trusts(romeo, ROMEO);
    world.command(romeo, Command::DeviceRemove { device: 1002 }).unwrap();
    world.settle();
    world.connect(tomb);
    world.settle();
    assert_eq!(trust(&mut world, juliet, ROMEO, 1002), Trust::Verified);
    assert_eq!(trust(&mut world, romeo, ROMEO, 1002), Trust::Distrusted);
}

#[test]
fn another_key_under_a_known_id_is_refused_until_a_person_accepts_it() {
    let (mut world, juliet, romeo) = talked();
    world.cut(romeo);
    world.devices.remove(romeo);
    for node in world.server.homes.get_mut(ROMEO).unwrap().nodes.values_mut() {
        node.clear();
    }
    let again = world.device_with("romeo@montague.lit/again", 1001, 99);
    world.says(again, JULIET, "refused");
    assert_eq!(alarms(&mut world, juliet), [("key_changed".into(), Some(1001))]);
    world.command(juliet, Command::AlarmAnswer { alarm: "1".into(), answer: "accepted".into() }).unwrap();
    world.says(again, JULIET, "taken");
    assert_eq!(world.texts(juliet, ROMEO), ["one", "two", "[key_changed]", "taken"]);
    world.says(juliet, ROMEO, "well");
    assert_eq!(read(&mut world, again, JULIET).last().unwrap(), "well");
}

#[test]
fn the_rule_that_a_person_chose_lets_a_device_age_in_and_says_so() {
    let (mut world, juliet, _) = talked();
    world.command(juliet, Command::TrustRule { days: 7 }).unwrap();
    let tomb = world.device("romeo@montague.lit/tomb");
    pass(&mut world, 6 * 86_400_000);
    assert_eq!(trust(&mut world, juliet, ROMEO, 1002), Trust::Undecided);
    pass(&mut world, 86_400_000);
    assert_eq!(trust(&mut world, juliet, ROMEO, 1002), Trust::FirstUse);
    assert_eq!(world.tx(juliet, |tx| tx.told_of_devices()).last().unwrap(), "trust");
    world.says(juliet, ROMEO, "three");
    assert_eq!(read(&mut world, tomb, JULIET), ["three"]);
}

#[test]
fn sessions_of_a_device_that_went_end_after_a_day_and_its_rows_keep_its_key() {
    let (mut world, juliet, romeo) = talked();
    let tomb = world.device("romeo@montague.lit/tomb");
    world.trusts(juliet, ROMEO);
    world.says(tomb, JULIET, "from the tomb");
    world.cut(tomb);
    world.command(romeo, Command::DeviceRemove { device: 1002 }).unwrap();
    world.settle();
    let sessions = |world: &World| -> i64 {
        let sql = "SELECT count(*) FROM session WHERE device = 1002";
        world.devices[juliet].store.read().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = keys_for(&world, 1002);
    world.says(juliet, ROMEO, "without it");
    assert_eq!(keys_for(&world, 1002), before);
    assert!(sessions(&world) > 0, "what is under way can still be read");
    pass(&mut world, 86_400_001);
    assert_eq!(sessions(&world), 0);
    let sql = "SELECT device, identity IS NOT NULL, trust FROM message WHERE body = 'from the tomb'";
    let row: (u32, bool, i64) = world.devices[juliet]
        .store
        .read()
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    assert_eq!(row, (1002, true, Trust::Verified as i64));
}

#[test]
fn our_own_store_put_back_to_an_older_state_ends_its_sessions_and_uses_no_key_twice() {
    let (mut world, juliet, romeo) = talked();
    let cursor = world.tx(juliet, |tx| tx.archive(JULIET).unwrap().unwrap().cursor);
    let sql = "SELECT id, state FROM session";
    let backup: Vec<(i64, Vec<u8>)> = {
        let mut rows = world.devices[juliet].store.read().prepare(sql).unwrap();
        rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    world.says(juliet, ROMEO, "forgotten");
    world.restart(juliet);
    {
        let store = world.devices[juliet].store.read();
        for (id, state) in backup {
            store.execute("UPDATE session SET state = ? WHERE id = ?", (state, id)).unwrap();
        }
        store.execute("DELETE FROM message WHERE body = 'forgotten'", []).unwrap();
        store.execute("UPDATE archive SET cursor = ?", [cursor]).unwrap();
    }
    world.connect(juliet);
    world.settle();
    world.says(juliet, ROMEO, "remembered");
    assert_eq!(world.texts(romeo, JULIET), ["one", "two", "forgotten", "remembered"]);
    let sql = "SELECT count(*) FROM own_device_event WHERE change = 'restored'";
    let told: i64 = world.devices[juliet].store.read().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(told, 1);
}

#[test]
fn what_is_recorded_of_our_own_list_cannot_be_changed() {
    let (world, juliet, _) = talked();
    let store = world.devices[juliet].store.read();
    let rows: i64 = store.query_row("SELECT count(*) FROM own_device_event", [], |row| row.get(0)).unwrap();
    assert!(rows > 0);
    for sql in ["UPDATE own_device_event SET change = 'x'", "DELETE FROM own_device_event"] {
        assert!(store.execute(sql, []).is_err(), "{sql}");
    }
}

#[test]
fn a_list_that_was_emptied_or_lost_us_is_repaired_and_recorded() {
    let (mut world, juliet, _) = talked();
    for items in ["", "<device id='5'/>"] {
        let push = format!(
            "<message xmlns='jabber:client' from='{JULIET}' to='{JULIET}'><event xmlns='http://jabber.org/protocol/pubsub#event'>
             <items node='{}'><item id='current'><devices xmlns='{}'>{items}</devices></item></items></event></message>",
            ns::OMEMO2_LIST,
            ns::OMEMO2
        );
        world.server.homes.get_mut(JULIET).unwrap().nodes.get_mut(ns::OMEMO2_LIST).unwrap().clear();
        world.deliver(juliet, &push);
        world.settle();
        let list = String::from(&world.server.homes[JULIET].nodes[ns::OMEMO2_LIST][0]);
        assert!(list.contains("1000"), "{list}");
    }
    let sql = "SELECT count(DISTINCT change) FROM own_device_event WHERE change IN ('list_emptied', 'list_lost_us')";
    let told: i64 = world.devices[juliet].store.read().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(told, 2);
}

/// Juliet's balcony and Romeo compared keys.
fn verified() -> (World, usize, usize) {
    let (mut world, juliet, romeo) = talked();
    world.command(juliet, uri(ROMEO, 1001, 2)).unwrap();
    world.command(romeo, uri(JULIET, 1000, 1)).unwrap();
    world.settle();
    (world, juliet, romeo)
}

#[test]
fn an_own_device_announced_before_it_is_listed_is_trusted_by_all_without_an_alarm() {
    let (mut world, juliet, romeo) = verified();
    world.command(juliet, uri(JULIET, 77, 77)).unwrap();
    world.settle();
    let tomb = world.device_with("juliet@capulet.lit/tomb", 77, 77);
    assert_eq!((alarms(&mut world, juliet), alarms(&mut world, romeo)), (vec![], vec![]));
    assert_eq!(trust(&mut world, juliet, JULIET, 77), Trust::Verified);
    assert_eq!(trust(&mut world, romeo, JULIET, 77), Trust::Vouched);
    world.says(romeo, JULIET, "to both");
    assert_eq!(read(&mut world, tomb, ROMEO), ["to both"]);
    // Nothing of all this was said in clear.
    assert!(!world.server.tap.iter().any(|stanza| String::from(stanza).contains("trust-message")));
}

#[test]
fn a_word_in_the_archive_comes_before_the_alarm() {
    let (mut world, juliet, romeo) = verified();
    world.cut(romeo);
    world.command(juliet, uri(JULIET, 77, 77)).unwrap();
    world.settle();
    world.device_with("juliet@capulet.lit/tomb", 77, 77);
    world.connect(romeo);
    world.settle();
    assert_eq!(alarms(&mut world, romeo), []);
    assert_eq!(trust(&mut world, romeo, JULIET, 77), Trust::Vouched);
}

#[test]
fn a_word_of_a_device_that_nobody_compared_waits_until_somebody_does() {
    let (mut world, juliet, romeo) = talked();
    world.command(juliet, uri(ROMEO, 1001, 2)).unwrap();
    world.command(juliet, uri(JULIET, 77, 77)).unwrap();
    world.settle();
    world.device_with("juliet@capulet.lit/tomb", 77, 77);
    assert_eq!(trust(&mut world, romeo, JULIET, 77), Trust::Undecided);
    assert_eq!(alarms(&mut world, romeo), [("quarantined".into(), Some(77))]);
    world.command(romeo, uri(JULIET, 1000, 1)).unwrap();
    world.settle();
    assert_eq!(trust(&mut world, romeo, JULIET, 77), Trust::Vouched);
}

#[test]
fn a_contact_speaks_for_their_own_devices_only_and_a_spy_for_nobody() {
    let (mut world, juliet, romeo) = verified();
    let tomb = world.device("juliet@capulet.lit/tomb");
    let spy = world.device_with("romeo@montague.lit/spy", 666, 66);
    // Romeo calls a device of hers good, and so does the spy of itself.
    world.command(romeo, uri(JULIET, 1002, 3)).unwrap();
    world.command(spy, uri(JULIET, 1000, 1)).unwrap();
    world.command(spy, uri(ROMEO, 666, 66)).unwrap();
    world.settle();
    assert_eq!(trust(&mut world, juliet, JULIET, 1002), Trust::Undecided);
    assert_eq!(trust(&mut world, juliet, ROMEO, 666), Trust::Undecided);
    world.says(juliet, ROMEO, "three");
    assert_eq!(keys_for(&world, 666), 0);
    assert_eq!(read(&mut world, tomb, ROMEO), Vec::<String>::new());
}

#[test]
fn a_key_rejected_on_one_device_is_rejected_on_all_that_count() {
    let (mut world, juliet, romeo) = verified();
    world.command(juliet, uri(JULIET, 77, 77)).unwrap();
    world.settle();
    let tomb = world.device_with("juliet@capulet.lit/tomb", 77, 77);
    world.command(tomb, uri(JULIET, 1000, 1)).unwrap();
    world.settle();
    assert_eq!(trust(&mut world, romeo, JULIET, 77), Trust::Vouched);
    world.command(juliet, Command::DeviceRemove { device: 77 }).unwrap();
    world.settle();
    assert_eq!(trust(&mut world, romeo, JULIET, 77), Trust::Distrusted);
    let before = keys_for(&world, 77);
    world.says(romeo, JULIET, "to one");
    assert_eq!(keys_for(&world, 77), before);
}

#[test]
fn two_hundred_honest_changes_raise_no_alarm() {
    let mut changes = 0;
    for round in 0..50u64 {
        let mut dice = Rng::seed_from_u64(round);
        let (mut world, juliet, romeo) = verified();
        let mut others: Vec<(usize, u32)> = Vec::new();
        for step in 0..4u32 {
            let seed = 100 + step as u8;
            let id = 7_000 + step;
            if dice.random_bool(0.3) {
                world.cut(romeo);
            }
            if !others.is_empty() && dice.random_bool(0.25) {
                let (gone, device) = others.remove(dice.random_range(0..others.len()));
                world.cut(gone);
                world.command(juliet, Command::DeviceRemove { device }).unwrap();
            } else {
                // The new one shows its address, an old one reads it; then it comes online.
                world.command(juliet, uri(JULIET, id, seed)).unwrap();
                world.settle();
                let number = world.device_with(&format!("juliet@capulet.lit/{id}"), id, seed);
                world.command(number, uri(JULIET, 1000, 1)).unwrap();
                others.push((number, id));
            }
            if dice.random_bool(0.5) {
                world.settle();
            }
            if !world.devices[romeo].online {
                world.connect(romeo);
            }
            let text = format!("{round} {step}");
            world.says(
                if dice.random_bool(0.5) { juliet } else { others.last().map_or(juliet, |other| other.0) },
                ROMEO,
                &text,
            );
            world.says(romeo, JULIET, &text);
            changes += 1;
        }
        pass(&mut world, 60_000);
        for number in 0..world.devices.len() {
            if world.devices[number].online {
                let told = alarms(&mut world, number);
                assert!(told.is_empty(), "round {round}: {} has {told:?}", world.devices[number].full);
            }
        }
        let id = world.says(romeo, JULIET, "to all");
        let all = 1 + others.len() as u32;
        assert_eq!(reach(&world, romeo, id), (all, all));
    }
    assert_eq!(changes, 200);
}

#[test]
fn what_was_said_before_an_honest_change_while_we_were_away_raises_no_alarm() {
    let (mut world, juliet, romeo) = verified();
    world.cut(juliet);
    world.says(romeo, JULIET, "before the change");
    world.now += 86_400_000;
    world.command(romeo, uri(ROMEO, 77, 77)).unwrap();
    world.settle();
    world.device_with("romeo@montague.lit/tomb", 77, 77);
    world.connect(juliet);
    // As real servers do: what changed is told with our presence, before the archive is read.
    for node in [ns::OMEMO2_LIST, ns::OMEMO03_LIST] {
        let item = world.server.homes[ROMEO].nodes[node][0].clone();
        let items = el("items", ns::PUBSUB_EVENT).at("node", node).kid(item);
        let event = el("event", ns::PUBSUB_EVENT).kid(items);
        let push = el("message", ns::CLIENT).at("from", ROMEO).at("to", JULIET).kid(event);
        world.deliver(juliet, &String::from(&push));
    }
    world.settle();
    world.says(juliet, ROMEO, "after");
    pass(&mut world, 60_000);
    assert_eq!(alarms(&mut world, juliet), []);
    assert_eq!(read(&mut world, juliet, ROMEO), ["one", "two", "before the change", "after"]);
}

/// What the server shows of a list instead of what is there.
fn face(version2: bool, ids: &[u32]) -> Element {
    let (name, namespace) = if version2 { ("devices", ns::OMEMO2) } else { ("list", ns::OMEMO03) };
    let devices = ids.iter().map(|id| el("device", namespace).at("id", id.to_string()));
    el("item", ns::PUBSUB).at("id", "current").kid(el(name, namespace).kids(devices))
}

#[test]
fn two_faces_of_one_list_are_told_each_time() {
    for run in 0..20u32 {
        let mut world = World::new();
        let juliet = world.device("juliet@capulet.lit/balcony");
        let romeo = world.device("romeo@montague.lit/orchard");
        let (version2, late, away) = (run % 2 == 0, run % 4 < 2, run % 5 == 0);
        if late {
            world.says(juliet, ROMEO, "before");
            world.says(romeo, JULIET, "before too");
        }
        let node = if version2 { ns::OMEMO2_LIST } else { ns::OMEMO03_LIST };
        let ids: &[u32] = if run % 3 == 0 && !version2 { &[] } else { &[1001, 666 + run] };
        world.server.faces.insert((JULIET.into(), ROMEO.into(), node.into()), face(version2, ids));
        world.cut(juliet);
        world.connect(juliet);
        world.settle();
        world.says(juliet, ROMEO, "Art thou alone?");
        if away {
            world.cut(juliet);
        }
        world.says(romeo, JULIET, "Alone");
        if away {
            world.connect(juliet);
            world.settle();
        }
        pass(&mut world, 11_000);
        let told = alarms(&mut world, juliet);
        assert!(told.contains(&("other_list".into(), Some(1001))), "run {run}: {told:?}");
    }
}

#[test]
fn racing_lists_and_messages_raise_no_alarm_of_two_faces() {
    for run in 0..100u64 {
        let mut dice = Rng::seed_from_u64(run);
        let (mut world, juliet, romeo) = verified();
        for step in 0..2u32 {
            let id = 8_000 + step;
            let seed = 150 + step as u8;
            world.command(romeo, uri(ROMEO, id, seed)).unwrap();
            world.settle();
            // What is said to Juliet, her lists and his race: some of it comes late to one or the other.
            let late = if dice.random_bool(0.5) { juliet } else { romeo };
            world.devices[late].holds = true;
            world.say(romeo, JULIET, &format!("before {step}")).unwrap();
            world.device_with(&format!("romeo@montague.lit/{id}"), id, seed);
            world.say(romeo, JULIET, &format!("after {step}")).unwrap();
            world.settle();
            world.devices[late].holds = false;
            let held = std::mem::take(&mut world.devices[late].held);
            for stanza in held {
                world.input(late, Input::Stanza(Arrived::Whole(stanza)));
            }
            world.settle();
            if dice.random_bool(0.5) {
                pass(&mut world, 11_000);
            }
        }
        pass(&mut world, 30_000);
        let told = alarms(&mut world, juliet);
        assert!(told.is_empty(), "run {run}: {told:?}");
    }
}
