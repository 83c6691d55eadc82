//! Our own device list, and our own store.

use super::*;

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
fn our_own_store_put_back_to_an_older_state_ends_its_sessions_and_uses_no_key_twice() {
    let (mut world, juliet, romeo) = talked();
    // Romeo is away, so that both are said in one chain.
    world.cut(romeo);
    world.says(juliet, ROMEO, "three");
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
    world.connect(romeo);
    world.settle();
    world.says(romeo, JULIET, "answer");
    world.connect(juliet);
    world.settle();
    let texts = world.texts(juliet, ROMEO);
    assert!(texts.contains(&"answer".to_owned()), "the old session opens what is behind it: {texts:?}");
    world.says(juliet, ROMEO, "remembered");
    let texts = ["one", "two", "three", "forgotten", "answer", "remembered"];
    assert_eq!(world.texts(romeo, JULIET), texts);
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

#[test]
fn a_device_that_was_removed_and_comes_back_is_an_alarm() {
    let (mut world, juliet, _) = talked();
    let phone = world.device_with("juliet@capulet.lit/phone", 7, 7);
    world.settle();
    world.command(juliet, Command::DeviceRemove { device: 7 }).unwrap();
    world.settle();
    world.cut(phone);
    world.connect(phone);
    world.settle();
    assert_eq!(alarms(&mut world, juliet).last().unwrap(), &("own_returned".into(), Some(7)));
    assert_eq!(trust(&mut world, juliet, JULIET, 7), Trust::Distrusted);
}

#[test]
fn other_keys_under_our_own_id_are_an_alarm_and_are_replaced() {
    let (mut world, juliet, romeo) = talked();
    let node = "urn:xmpp:omemo:2:bundles";
    let theirs = world.server.homes[ROMEO].nodes[node][0].clone().at("id", "1000");
    world.cut(juliet);
    world.server.homes.get_mut(JULIET).unwrap().nodes.insert(node.into(), vec![theirs]);
    world.connect(juliet);
    world.settle();
    assert_eq!(alarms(&mut world, juliet), [("own_keys".into(), Some(1000))]);
    let key = world.tx(romeo, |tx| tx.device(JULIET, 1000).unwrap().unwrap().fingerprint_2());
    let shown = String::from(&world.server.homes[JULIET].nodes[node][0]);
    assert!(!key.is_empty() && shown.contains("<ik"), "{shown}");
    let sql = "SELECT count(*) FROM own_device_event WHERE change = 'keys_replaced'";
    let told: i64 = world.devices[juliet].store.read().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(told, 1);
}

#[test]
fn a_list_that_is_damaged_without_end_is_repaired_a_limited_number_of_times() {
    let (mut world, juliet, _) = talked();
    let push = format!(
        "<message xmlns='jabber:client' from='{JULIET}' to='{JULIET}'><event xmlns='http://jabber.org/protocol/pubsub#event'>
         <items node='{}'><item id='current'><devices xmlns='{}'/></item></items></event></message>",
        ns::OMEMO2_LIST,
        ns::OMEMO2
    );
    for _ in 0..200 {
        world.deliver(juliet, &push);
        world.settle();
    }
    let sql = "SELECT count(*) FROM own_device_event";
    let told =
        |world: &World| -> i64 { world.devices[juliet].store.read().query_row(sql, [], |row| row.get(0)).unwrap() };
    assert!((10..100).contains(&told(&world)), "{}", told(&world));
    world.server.homes.get_mut(JULIET).unwrap().nodes.get_mut(ns::OMEMO2_LIST).unwrap().clear();
    pass(&mut world, 700_000);
    let list = String::from(&world.server.homes[JULIET].nodes[ns::OMEMO2_LIST][0]);
    assert!(list.contains("1000"), "once there was quiet: {list}");
}
