//! Sessions that broke, devices that changed, and keys that ran out.

use super::*;
use crate::engine::ns;
use crate::model::Trust;
use crate::store::device::DeviceRow;
use std::collections::BTreeSet;

const JULIET: &str = "juliet@capulet.lit";
const ROMEO: &str = "romeo@montague.lit";

/// Two who talked before; in version 0.3 only, if `old`.
fn talked(old: bool) -> (World, usize, usize) {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let romeo = world.device("romeo@montague.lit/orchard");
    if old {
        for home in world.server.homes.values_mut() {
            home.nodes.retain(|node, _| !node.starts_with("urn:xmpp:omemo:2"));
        }
        for (device, own) in [(juliet, JULIET), (romeo, ROMEO)] {
            world.tx(device, |tx| assert!(tx.devices(own).unwrap().is_empty()));
        }
    }
    world.says(juliet, ROMEO, "one");
    world.says(romeo, JULIET, "two");
    assert_eq!(world.chat(romeo, JULIET)[0].sealed, if old { 1 } else { 2 });
    (world, juliet, romeo)
}

fn forget_sessions(world: &mut World, number: usize, owner: &str, device: u32) {
    let tx = world.devices[number].store.tx().unwrap();
    tx.end_sessions(owner, device).unwrap();
    tx.commit().unwrap();
}

/// The sessions of a device as they are now, to be put back later: a restored backup.
fn sessions(world: &World, number: usize) -> Vec<(i64, Vec<u8>)> {
    let mut rows = world.devices[number].store.read().prepare("SELECT id, state FROM session").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn put_back(world: &World, number: usize, sessions: &[(i64, Vec<u8>)]) {
    for (id, state) in sessions {
        let sql = "UPDATE session SET state = ? WHERE id = ?";
        world.devices[number].store.read().execute(sql, (state, id)).unwrap();
    }
}

#[test]
fn a_lost_session_is_rebuilt_by_itself_in_both_versions() {
    for old in [false, true] {
        let (mut world, juliet, romeo) = talked(old);
        forget_sessions(&mut world, romeo, JULIET, 1000);
        world.says(juliet, ROMEO, "unreadable");
        world.says(juliet, ROMEO, "readable again");
        assert_eq!(world.texts(romeo, JULIET), ["one", "two", "[no_session]", "readable again"]);
        world.says(romeo, JULIET, "good");
        assert_eq!(world.texts(juliet, ROMEO), ["one", "two", "unreadable", "readable again", "good"]);
    }
}

#[test]
fn a_contact_restored_from_a_backup_loses_no_message_silently() {
    let (mut world, juliet, romeo) = talked(false);
    world.says(juliet, ROMEO, "three");
    let backup = sessions(&world, juliet);
    world.says(juliet, ROMEO, "before the accident");
    put_back(&world, juliet, &backup);
    // What was confirmed since has turned the ratchet: it cannot be read, but it must not vanish.
    world.says(juliet, ROMEO, "after the accident");
    let texts = world.texts(romeo, JULIET);
    assert_eq!(texts[..4], ["one", "two", "three", "before the accident"]);
    assert!(texts.len() == 5 && texts[4].starts_with('['), "{texts:?}");
}

#[test]
fn a_failing_session_of_version_2_is_replaced_only_by_a_person() {
    let (mut world, juliet, romeo) = talked(false);
    let backup = sessions(&world, romeo);
    for text in ["three", "five"] {
        world.says(juliet, ROMEO, text);
        world.says(romeo, JULIET, "a new turn");
    }
    // Romeo goes back to an older state: what Juliet sends in later turns does not hold.
    put_back(&world, romeo, &backup);
    world.says(juliet, ROMEO, "lost");
    world.says(juliet, ROMEO, "lost too");
    assert!(world.texts(romeo, JULIET).iter().any(|text| text.starts_with('[')));
    world.command(romeo, Command::DeviceReset { jid: JULIET.into(), device: 1000 }).unwrap();
    world.settle();
    world.says(juliet, ROMEO, "well again");
    assert_eq!(world.texts(romeo, JULIET).last().unwrap(), "well again");
}

#[test]
fn a_new_identity_under_a_known_device_id_is_refused_and_told() {
    let (mut world, juliet, _) = talked(false);
    // Romeo's account gets another device of the same id with other keys.
    world.cut(1);
    world.devices.remove(1);
    for node in world.server.homes.get_mut(ROMEO).unwrap().nodes.values_mut() {
        node.clear();
    }
    let impostor = world.device_with("romeo@montague.lit/impostor", 1001, 99);
    world.says(impostor, JULIET, "it is me");
    assert_eq!(world.texts(juliet, ROMEO), ["one", "two", "[key_changed]"]);
    let told: i64 = world.devices[juliet]
        .store
        .read()
        .query_row("SELECT count(*) FROM event WHERE kind = 'device' AND data LIKE '%key_changed%'", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert!(told >= 1);
}

#[test]
fn a_server_that_refuses_options_gets_our_keys_without_and_is_told_after() {
    let mut world = World::new();
    world.server.strict = true;
    let juliet = world.device("juliet@capulet.lit/balcony");
    let romeo = world.device("romeo@montague.lit/orchard");
    world.says(juliet, ROMEO, "hello");
    assert_eq!(world.texts(romeo, JULIET), ["hello"]);
    let told: BTreeSet<&str> = (world.server.tap.iter())
        .filter_map(|stanza| stanza.get_child("pubsub", ns::PUBSUB_OWNER)?.get_child("configure", ns::PUBSUB_OWNER))
        .filter_map(|configure| configure.attr("node"))
        .collect();
    for node in [ns::OMEMO2_LIST, ns::OMEMO2_BUNDLE, ns::OMEMO03_LIST] {
        assert!(told.contains(node), "{node} is not open to everybody: {told:?}");
    }
}

#[test]
fn used_pre_keys_are_replaced_on_the_server() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    for name in ["romeo", "tybalt", "paris"] {
        let device = world.device(&format!("{name}@montague.lit/x"));
        world.says(device, JULIET, "hello");
    }
    let bundle = &world.server.homes[JULIET].nodes["urn:xmpp:omemo:2:bundles"];
    let keys = bundle.last().unwrap().children().next().unwrap().get_child("prekeys", "urn:xmpp:omemo:2").unwrap();
    let ids: Vec<u32> = keys.children().map(|key| key.attr("id").unwrap().parse().unwrap()).collect();
    assert_eq!(ids.len(), 100);
    assert!(ids.iter().all(|id| *id <= 203) && ids.iter().any(|id| *id > 200));
    assert_eq!(world.texts(juliet, "paris@montague.lit"), ["hello"]);
}

#[test]
fn both_begin_at_once_and_both_are_read() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let romeo = world.device("romeo@montague.lit/orchard");
    world.say(juliet, ROMEO, "me first").unwrap();
    world.say(romeo, JULIET, "no, me").unwrap();
    world.settle();
    world.says(juliet, ROMEO, "and then");
    world.says(romeo, JULIET, "and so on");
    let both: std::collections::BTreeSet<String> = world.texts(juliet, ROMEO).into_iter().collect();
    assert_eq!(both, ["me first", "no, me", "and then", "and so on"].map(String::from).into());
    assert_eq!(world.texts(romeo, JULIET).len(), 4);
    assert!(world.chat(romeo, JULIET).iter().all(|row| row.reason.is_none()));
}

#[test]
fn a_device_distrusted_gets_nothing_more() {
    let (mut world, juliet, romeo) = talked(false);
    let second = world.device("romeo@montague.lit/tomb");
    world.says(juliet, ROMEO, "to both");
    let fingerprint = world.tx(juliet, |tx| tx.device(ROMEO, 1002).unwrap().unwrap().fingerprint());
    world
        .command(
            juliet,
            Command::DeviceDecide { jid: ROMEO.into(), fingerprint, trust: crate::model::Trust::Distrusted },
        )
        .unwrap();
    world.says(juliet, ROMEO, "to one");
    assert_eq!(world.texts(romeo, JULIET).last().unwrap(), "to one");
    assert_eq!(world.texts(second, JULIET).last().unwrap(), "[not_for_this_device]");
}

#[test]
fn a_device_once_seen_with_version_2_is_never_served_0_3() {
    let (mut world, juliet, romeo) = talked(false);
    let list = world.server.homes[ROMEO].nodes["urn:xmpp:omemo:2:devices"].clone();
    assert_eq!(list.len(), 1);
    world.deliver(
        juliet,
        &format!(
            "<message xmlns='jabber:client' from='{ROMEO}' to='{JULIET}'><event xmlns='http://jabber.org/protocol/pubsub#event'>
             <items node='urn:xmpp:omemo:2:devices'><item id='current'><devices xmlns='urn:xmpp:omemo:2'/></item></items></event></message>"
        ),
    );
    let Reply::Sent { message, .. } = world.say(juliet, ROMEO, "not in the old way").unwrap() else { panic!() };
    world.settle();
    assert_eq!(world.state(juliet, message.parse().unwrap()), Some(Delivery::Waiting));
    assert_eq!(world.texts(romeo, JULIET).len(), 2);
}

#[test]
fn a_message_to_devices_without_keys_waits_with_that_reason_and_goes_once_they_come() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    world.device("romeo@montague.lit/orchard");
    let nodes = &mut world.server.homes.get_mut(ROMEO).unwrap().nodes;
    let bundles: Vec<_> = nodes.extract_if(.., |node, _| node.contains("bundles")).collect();
    let id = world.says(juliet, ROMEO, "Art thou there?");
    assert_eq!(world.error(juliet, id).as_deref(), Some("no_usable_device"));
    // What a person can decide about is another matter; of a device that nobody vouched for the key is got for that.
    let decisions = [Trust::Distrusted, Trust::FirstUse, Trust::Undecided];
    for (trust, reason) in decisions.into_iter().zip(["no_trusted_device", "no_usable_device", "no_usable_device"]) {
        decide(&mut world, juliet, trust);
        assert_eq!(world.error(juliet, id).as_deref(), Some(reason));
    }
    world.server.homes.get_mut(ROMEO).unwrap().nodes.extend(bundles);
    world.now += 3_600_000;
    world.input(juliet, Input::Tick);
    world.settle();
    assert_eq!(world.error(juliet, id).as_deref(), Some("no_trusted_device"));
    decide(&mut world, juliet, Trust::FirstUse);
    world.settle();
    assert_eq!(world.state(juliet, id), Some(Delivery::Delivered));
}

/// What Juliet thinks of all of Romeo's devices from now on.
fn decide(world: &mut World, juliet: usize, trust: Trust) {
    let tx = world.devices[juliet].store.tx().unwrap();
    for device in tx.devices(ROMEO).unwrap() {
        tx.put_device(&DeviceRow { trust, ..device }).unwrap();
    }
    tx.commit().unwrap();
    world.input(juliet, Input::Tick);
}
