//! Who may read along: first contact, quarantine, and what a person decides.

mod own_list;
mod two_faces;
mod vouching;

use super::*;
use crate::engine::ns;
use crate::engine::xml::{Build, el};
use crate::error::ErrorKind;
use crate::model::Trust;
use crate::store::device::DeviceRow;
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

/// Juliet's balcony and Romeo compared keys.
fn verified() -> (World, usize, usize) {
    let (mut world, juliet, romeo) = talked();
    world.command(juliet, uri(ROMEO, 1001, 2)).unwrap();
    world.command(romeo, uri(JULIET, 1000, 1)).unwrap();
    world.settle();
    (world, juliet, romeo)
}

#[test]
fn an_alarm_names_the_key_once_that_is_known_and_is_answered_once() {
    let (mut world, juliet, _) = talked();
    world.device_with("romeo@montague.lit/tomb", 666, 66);
    world.settle();
    world.tx(juliet, |tx| {
        tx.raise_alarm("key_changed", ROMEO, (Some(77), None), "", 0).unwrap();
        tx.name_alarms(ROMEO, 77, "abc").unwrap();
        assert_eq!(tx.alarm(2).unwrap().unwrap().fingerprint, "abc");
    });
    let key = Identity::from_seed(&[66; 32]).public().fingerprint();
    assert_eq!(world.tx(juliet, |tx| tx.alarm(1).unwrap().unwrap().fingerprint), key);
    let answer = |alarm: &str, answer: &str| Command::AlarmAnswer { alarm: alarm.into(), answer: answer.into() };
    world.command(juliet, answer("1", "rejected")).unwrap();
    for (alarm, again) in [("1", "accepted"), ("1", "rejected"), ("99", "accepted"), ("", "accepted")] {
        let error = world.command(juliet, answer(alarm, again)).err().unwrap();
        assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::UnknownAlarm, alarm));
    }
    assert_eq!(trust(&mut world, juliet, ROMEO, 666), Trust::Distrusted);
}

#[test]
fn this_device_is_neither_decided_on_nor_removed() {
    let (mut world, juliet, _) = talked();
    let key = Identity::from_seed(&[1; 32]).public();
    let signing: String = key.ed25519().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    let decide =
        |fingerprint: String| Command::DeviceDecide { jid: JULIET.into(), fingerprint, trust: Trust::Distrusted };
    for command in [decide(key.fingerprint()), decide(signing), Command::DeviceRemove { device: 1000 }] {
        assert_eq!(world.command(juliet, command).err().unwrap().kind, ErrorKind::ThisDevice);
    }
}

/// The id of the first message that a device has.
fn first_of(world: &World, number: usize) -> i64 {
    world.devices[number].store.read().query_row("SELECT min(id) FROM message", [], |row| row.get(0)).unwrap()
}

/// Takes all devices off a person's lists, or puts back what was there, and tells everybody.
fn swap_lists(world: &mut World, jid: &str, lists: [Vec<Element>; 2]) -> [Vec<Element>; 2] {
    let nodes = [ns::OMEMO2_LIST, ns::OMEMO03_LIST];
    let home = world.server.homes.get_mut(jid).unwrap();
    let before = nodes.map(|node| home.nodes.remove(node).unwrap_or_default());
    for (node, items) in nodes.iter().zip(lists) {
        home.nodes.insert((*node).into(), items);
    }
    before
}

#[test]
fn what_is_said_while_a_contacts_list_is_gone_waits_until_it_is_back() {
    let (mut world, juliet, romeo) = talked();
    world.cut(romeo);
    world.cut(juliet);
    let lists = swap_lists(&mut world, ROMEO, [Vec::new(), Vec::new()]);
    world.connect(juliet);
    world.settle();
    let message = world.says(juliet, ROMEO, "wait for it");
    let sql = "SELECT state, error FROM message WHERE id = ?";
    let row: (i64, Option<String>) =
        world.devices[juliet].store.read().query_row(sql, [message], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(row, (Delivery::Waiting as i64, Some("list_vanished".into())));
    let first = first_of(&world, juliet);
    world.command(juliet, Command::Retract { message: first.to_string() }).unwrap();
    world.settle();
    world.cut(juliet);
    swap_lists(&mut world, ROMEO, lists);
    world.connect(juliet);
    world.connect(romeo);
    world.settle();
    assert_eq!(read(&mut world, romeo, JULIET), ["two", "wait for it"]);
}

#[test]
fn a_device_in_quarantine_does_not_make_a_change_possible_that_reaches_nobody() {
    let (mut world, juliet, _) = talked();
    let first = first_of(&world, juliet);
    let tx = world.devices[juliet].store.tx().unwrap();
    for row in tx.devices(ROMEO).unwrap() {
        tx.put_device(&DeviceRow { listed2: false, ever2: false, ..row }).unwrap();
    }
    tx.put_device(&DeviceRow { listed2: true, ..DeviceRow::unknown(ROMEO, 666) }).unwrap();
    tx.commit().unwrap();
    let retract = || Command::Retract { message: first.to_string() };
    assert_eq!(world.command(juliet, retract()).err().unwrap().kind, ErrorKind::ExtrasNotAllowed);
    let tx = world.devices[juliet].store.tx().unwrap();
    tx.drop_device(ROMEO, 1001).unwrap();
    tx.commit().unwrap();
    assert_eq!(world.command(juliet, retract()).err().unwrap().kind, ErrorKind::NoTrustedDevice);
}

#[test]
fn a_list_too_large_to_be_read_is_told_and_holds_up_nobody() {
    for own in [true, false] {
        let (mut world, juliet, romeo) = talked();
        world.cut(juliet);
        let owner = if own { JULIET } else { ROMEO };
        world.server.too_large.extend([ns::OMEMO2_LIST, ns::OMEMO03_LIST].map(|node| (owner.into(), node.into())));
        world.connect(juliet);
        world.settle();
        world.says(juliet, ROMEO, "three");
        assert_eq!(alarms(&mut world, juliet), [("list_unreadable".into(), None)], "own: {own}");
        assert_eq!(world.texts(romeo, JULIET), ["one", "two", "three"], "own: {own}");
    }
}

#[test]
fn a_list_that_vanished_is_looked_at_again_on_the_same_stream() {
    let (mut world, juliet, romeo) = talked();
    // He would put himself back on the list.
    world.cut(romeo);
    world.cut(juliet);
    let lists = swap_lists(&mut world, ROMEO, [Vec::new(), Vec::new()]);
    world.connect(juliet);
    world.settle();
    let message = world.says(juliet, ROMEO, "wait for it");
    for _ in 0..5 {
        pass(&mut world, 70_000);
    }
    let sql = "SELECT waiting FROM message WHERE id = ?";
    let waits = |world: &World| -> bool {
        world.devices[juliet].store.read().query_row(sql, [message], |row| row.get(0)).unwrap()
    };
    assert!(waits(&world));
    swap_lists(&mut world, ROMEO, lists);
    pass(&mut world, 70_000);
    assert!(!waits(&world));
    world.connect(romeo);
    world.settle();
    assert_eq!(read(&mut world, romeo, JULIET), ["one", "two", "wait for it"]);
}

#[test]
fn a_push_too_large_to_be_read_makes_the_list_be_asked_for() {
    let (mut world, juliet, _) = talked();
    world.server.too_large.insert((JULIET.into(), ns::OMEMO2_LIST.into()));
    let stump: Element = "<message xmlns='jabber:client'/>".parse().unwrap();
    world.input(juliet, Input::Stanza(Arrived::Oversized { stump, bytes: 2 << 20 }));
    world.settle();
    assert_eq!(alarms(&mut world, juliet), [("list_unreadable".into(), None)]);
    let list = String::from(&world.server.homes[JULIET].nodes[ns::OMEMO2_LIST][0]);
    assert!(list.contains("1000") && !world.server.too_large.contains(&(JULIET.into(), ns::OMEMO2_LIST.into())));
}
