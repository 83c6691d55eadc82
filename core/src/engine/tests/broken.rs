//! Broken sessions of all kinds: the talk works again after one unreadable message, and nobody is kept busy.

use super::*;
use crate::engine::ns;
use crate::store::device::DeviceRow;
use dunnock_omemo::Version;

const JULIET: &str = "juliet@capulet.lit";
const ROMEO: &str = "romeo@montague.lit";
const MINUTE: i64 = 60_000;

/// Two who talked before; in version 0.3 only, if `old`.
fn talked(old: bool) -> (World, usize, usize) {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let romeo = world.device("romeo@montague.lit/orchard");
    if old {
        for home in world.server.homes.values_mut() {
            home.nodes.retain(|node, _| !node.starts_with("urn:xmpp:omemo:2"));
        }
    }
    world.says(juliet, ROMEO, "one");
    world.says(romeo, JULIET, "two");
    assert_eq!(world.chat(romeo, JULIET)[0].sealed, if old { 1 } else { 2 });
    world.server.tap.clear();
    (world, juliet, romeo)
}

fn run(world: &World, number: usize, sql: &str) {
    world.devices[number].store.read().execute_batch(sql).unwrap();
}

/// A device loses all of its sessions.
fn forgets(world: &World, number: usize) {
    run(world, number, "DELETE FROM session");
}

/// The sessions of a device as they are now: a backup.
fn backup(world: &World, number: usize) -> Vec<(i64, Vec<u8>)> {
    let mut rows = world.devices[number].store.read().prepare("SELECT id, state FROM session").unwrap();
    rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

fn restores(world: &World, number: usize, sessions: &[(i64, Vec<u8>)]) {
    for (id, state) in sessions {
        let sql = "UPDATE session SET state = ? WHERE id = ?";
        world.devices[number].store.read().execute(sql, (state, id)).unwrap();
    }
}

/// Time goes by, and whoever waited for it acts.
fn later(world: &mut World, milliseconds: i64) {
    world.now += milliseconds;
    for number in 0..world.devices.len() {
        world.input(number, Input::Tick);
    }
    world.settle();
}

/// Messages that this account wrote: with and without a payload.
fn written(world: &World, from: &str) -> (usize, usize) {
    let header = world.devices.iter().find(|device| device.full.starts_with(from)).unwrap();
    let sid = header.store.read().query_row("SELECT device FROM account", [], |row| row.get::<_, u32>(0)).unwrap();
    let mut counts = (0, 0);
    for message in world.server.tap.iter().filter(|stanza| stanza.name() == "message") {
        let mine = |encrypted: &&Element| {
            encrypted.name() == "encrypted"
                && encrypted.children().any(|header| header.attr("sid") == Some(&sid.to_string()))
        };
        let Some(encrypted) = message.children().find(mine) else { continue };
        match encrypted.children().any(|child| child.name() == "payload") {
            true => counts.0 += 1,
            false => counts.1 += 1,
        }
    }
    counts
}

/// A line of each side is read by the other, and nothing but lines is said.
fn works(world: &mut World, juliet: usize, romeo: usize) {
    for (from, to, other) in [(juliet, romeo, (ROMEO, JULIET)), (romeo, juliet, (JULIET, ROMEO))] {
        let text = format!("well again {from} {}", world.now);
        world.says(from, other.0, &text);
        assert_eq!(world.texts(to, other.1).last(), Some(&text));
    }
}

fn unreadable(world: &mut World, number: usize, chat: &str) -> usize {
    world.texts(number, chat).iter().filter(|text| text.starts_with('[')).count()
}

#[test]
fn after_a_lost_state_of_either_side_or_of_both_one_message_is_lost_at_most() {
    for old in [false, true] {
        for lost in [[true, false], [false, true], [true, true]] {
            let (mut world, juliet, romeo) = talked(old);
            for (number, lost) in [juliet, romeo].into_iter().zip(lost) {
                if lost {
                    forgets(&world, number);
                }
            }
            world.says(juliet, ROMEO, "perhaps lost");
            works(&mut world, juliet, romeo);
            assert!(unreadable(&mut world, romeo, JULIET) <= 1);
            assert_eq!(unreadable(&mut world, juliet, ROMEO), 0, "{old} {lost:?}");
            works(&mut world, juliet, romeo);
        }
    }
}

#[test]
fn a_device_that_we_forgot_altogether_is_looked_up_and_healed() {
    for old in [false, true] {
        let (mut world, juliet, romeo) = talked(old);
        // Our store is of a time before we knew anybody.
        run(
            &world,
            romeo,
            "DELETE FROM session; DELETE FROM device WHERE jid LIKE 'juliet%'; DELETE FROM device_list WHERE jid LIKE 'juliet%'; DELETE FROM acquaintance WHERE jid LIKE 'juliet%'",
        );
        world.says(juliet, ROMEO, "who is there");
        assert_eq!(world.texts(romeo, JULIET).last().unwrap(), "[no_session]");
        works(&mut world, juliet, romeo);
        assert_eq!(unreadable(&mut world, romeo, JULIET), 1);
    }
}

#[test]
fn made_up_device_ids_make_us_ask_for_lists_and_for_nothing_else() {
    let (mut world, _, romeo) = talked(false);
    let real = world.server.tap.len();
    for device in 1..200 {
        world.deliver(
            romeo,
            &format!(
                "<message xmlns='jabber:client' from='{JULIET}' to='{ROMEO}' type='chat' id='m{device}'>
                 <encrypted xmlns='urn:xmpp:omemo:2'><header sid='{device}'><keys jid='{ROMEO}'>
                 <key rid='1001'>{}</key></keys></header><payload>AAAA</payload></encrypted></message>",
                plausible(&mut world_of_two())
            ),
        );
        world.settle();
    }
    let asked = |node: &str| {
        let items = world.server.tap[real..].iter().filter_map(|stanza| {
            stanza.get_child("pubsub", ns::PUBSUB)?.get_child("items", ns::PUBSUB)?.attr("node").map(str::to_owned)
        });
        items.filter(|asked| asked.contains(node)).count()
    };
    assert_eq!(asked("bundles"), 0);
    assert!(asked("devices") >= 1);
    let noted: i64 = world.devices[romeo]
        .store
        .read()
        .query_row("SELECT count(*) FROM healing WHERE awaited = 1", [], |row| row.get(0))
        .unwrap();
    assert_eq!(noted, 16);
}

/// A message of a session that nobody here has.
fn plausible(two: &mut (World, usize)) -> String {
    let (world, juliet) = two;
    world.server.tap.clear();
    world.says(*juliet, ROMEO, "of another world");
    let sealed = world.server.tap.iter().find_map(|stanza| stanza.get_child("encrypted", ns::OMEMO2)).unwrap();
    sealed.children().next().unwrap().children().next().unwrap().children().next().unwrap().text()
}

fn world_of_two() -> (World, usize) {
    let (world, juliet, _) = talked(false);
    (world, juliet)
}

#[test]
fn a_session_of_version_2_that_fails_is_never_replaced_by_itself() {
    let (mut world, juliet, romeo) = talked(false);
    let old = backup(&world, romeo);
    for text in ["three", "five"] {
        world.says(juliet, ROMEO, text);
        world.says(romeo, JULIET, "a new turn");
    }
    restores(&world, romeo, &old);
    world.server.tap.clear();
    for number in 0..10 {
        world.says(juliet, ROMEO, &format!("lost {number}"));
        later(&mut world, 60 * MINUTE);
    }
    assert_eq!(unreadable(&mut world, romeo, JULIET), 10, "each is shown");
    assert_eq!(written(&world, ROMEO), (0, 0), "nothing is said by itself");
    let asked =
        |stanza: &&Element| String::from_utf8(crate::engine::xml::bytes(stanza)).unwrap().contains("<item id='1000'/>");
    assert_eq!(world.server.tap.iter().filter(asked).count(), 0, "nor is a bundle asked for");
    world.command(romeo, Command::DeviceReset { jid: JULIET.into(), device: 1000 }).unwrap();
    world.settle();
    works(&mut world, juliet, romeo);
}

#[test]
fn a_session_of_03_that_fails_is_rebuilt_on_whichever_side_a_backup_was_restored() {
    for ours in [true, false] {
        let (mut world, juliet, romeo) = talked(true);
        let restored = if ours { romeo } else { juliet };
        let old = backup(&world, restored);
        for text in ["three", "five"] {
            world.says(juliet, ROMEO, text);
            world.says(romeo, JULIET, "a new turn");
        }
        restores(&world, restored, &old);
        world.says(juliet, ROMEO, "lost");
        assert_eq!(unreadable(&mut world, romeo, JULIET), 1);
        works(&mut world, juliet, romeo);
        assert_eq!(unreadable(&mut world, romeo, JULIET), 1, "restored on our side: {ours}");
        assert_eq!(unreadable(&mut world, juliet, ROMEO), 0);
    }
}

#[test]
fn a_contact_of_03_who_uses_a_key_twice_gets_a_fresh_session() {
    let (mut world, juliet, romeo) = talked(true);
    world.says(juliet, ROMEO, "three");
    let old = backup(&world, juliet);
    world.says(juliet, ROMEO, "before the accident");
    restores(&world, juliet, &old);
    world.says(juliet, ROMEO, "after the accident");
    assert_eq!(world.texts(romeo, JULIET).last().unwrap(), "[already_read]");
    works(&mut world, juliet, romeo);
}

#[test]
fn what_an_archive_gives_again_is_shown_once_and_heals_nothing() {
    for old in [false, true] {
        let (mut world, juliet, romeo) = talked(old);
        world.says(juliet, ROMEO, "three");
        let archive = world.server.homes[ROMEO].archive.iter().map(|(_, _, stanza)| stanza.clone());
        let archive: Vec<Element> = archive.filter(|stanza| stanza.attr("to") == Some(ROMEO)).collect();
        let rows = world.texts(romeo, JULIET);
        // The server leaves out all ids, and the sessions of that time are gone.
        forgets(&world, romeo);
        world.server.tap.clear();
        for (number, mut stanza) in archive.into_iter().enumerate() {
            stanza.remove_child("origin-id", ns::SID);
            let id = format!("id='{}'", stanza.attr("id").unwrap());
            let text = String::from_utf8(crate::engine::xml::bytes(&stanza)).unwrap();
            assert!(text.contains(&id), "{text}");
            let text = text.replace(&id, &format!("id='again{number}'"));
            world.deliver(romeo, &text);
            world.settle();
        }
        assert_eq!(world.texts(romeo, JULIET), rows);
        assert_eq!(written(&world, ROMEO), (0, 0));
    }
}

#[test]
fn healing_of_a_device_waits_longer_each_time_and_is_forgiven_after_a_day() {
    let (mut world, juliet, romeo) = talked(false);
    let healed = |world: &mut World| {
        forgets(world, romeo);
        world.server.tap.clear();
        world.says(juliet, ROMEO, "lost or not");
        written(world, ROMEO).1 > 0
    };
    assert!(healed(&mut world));
    for pause in [30_000, 60_000, 120_000] {
        world.now += pause - 1_000;
        assert!(!healed(&mut world), "too early for the pause of {pause} ms");
        world.now += 1_000;
        assert!(healed(&mut world), "after {pause} ms");
    }
    world.now += 24 * 60 * MINUTE + 1;
    assert!(healed(&mut world));
    world.now += 30_000;
    assert!(healed(&mut world), "the pause is the first again");
}

#[test]
fn one_device_that_is_paused_keeps_no_other_from_being_healed() {
    let (mut world, juliet, romeo) = talked(true);
    let tybalt = world.device("tybalt@capulet.lit/street");
    world.says(tybalt, ROMEO, "talk no more");
    for _ in 0..3 {
        forgets(&world, romeo);
        world.says(juliet, ROMEO, "again and again");
    }
    forgets(&world, romeo);
    world.says(tybalt, ROMEO, "lost");
    world.says(tybalt, ROMEO, "read");
    assert_eq!(world.texts(romeo, "tybalt@capulet.lit").last().unwrap(), "read");
}

/// Carries stanzas, but whatever arrives at either side finds no session and none of the pre-keys that were published.
fn settle_broken(world: &mut World) {
    for _ in 0..2_000 {
        let sent = (0..2).any(|number| world.upload(number));
        for number in 0..2 {
            run(world, number, "DELETE FROM session; DELETE FROM pre_key; DELETE FROM signed_pre_key");
        }
        if world.server.deliveries.is_empty() {
            if !sent {
                return;
            }
            continue;
        }
        let (to, stanza) = world.server.deliveries.remove(0);
        if let Some(number) = world.devices.iter().position(|device| device.full == to) {
            world.input(number, Input::Stanza(Arrived::Whole(stanza)));
        }
    }
    panic!("two broken sides keep each other busy");
}

#[test]
fn two_broken_sides_do_not_keep_each_other_busy() {
    for old in [false, true] {
        let (mut world, juliet, _) = talked(old);
        world.say(juliet, ROMEO, "the one line of that day").unwrap();
        // A whole day, minute by minute, and nobody can ever read anything.
        for _ in 0..24 * 60 {
            world.now += MINUTE;
            for number in 0..2 {
                world.input(number, Input::Tick);
            }
            settle_broken(&mut world);
        }
        let (juliets, romeos) = (written(&world, JULIET), written(&world, ROMEO));
        let most = |count: (usize, usize)| assert!(count.0 <= 1 && count.1 <= 32, "{count:?} in one day, {old}");
        most(juliets);
        most(romeos);
    }
}

#[test]
fn key_exchanges_without_end_are_not_answered_without_end() {
    for old in [false, true] {
        let version = if old { Version::V03 } else { Version::V2 };
        let (mut world, juliet, romeo) = talked(old);
        world.server.tap.clear();
        for number in 0..60 {
            forgets(&world, juliet);
            run(&world, juliet, "DELETE FROM healing");
            world.command(juliet, Command::DeviceReset { jid: ROMEO.into(), device: 1001 }).unwrap();
            world.settle();
            if number == 0 {
                assert_eq!(written(&world, ROMEO).1, 1, "the first is answered at once");
            }
        }
        let (_, answers) = written(&world, ROMEO);
        assert!((2..=20).contains(&answers), "{answers} answers");
        assert!(world.tx(romeo, |tx| tx.sessions(JULIET, 1000, version).unwrap().len()) <= 5);
        works(&mut world, juliet, romeo);
        if old {
            // As time goes by, both publish their lists of version 2 again.
            continue;
        }
        // The archive is looked at once more meanwhile, and holds all of them.
        later(&mut world, 10 * MINUTE);
        works(&mut world, juliet, romeo);
        world.command(juliet, Command::DeviceReset { jid: ROMEO.into(), device: 1001 }).unwrap();
        world.settle();
        assert_eq!(written(&world, ROMEO).1, answers + 1, "after a while they are answered again");
    }
}

#[test]
fn a_distrusted_device_is_not_healed() {
    for old in [false, true] {
        let (mut world, juliet, romeo) = talked(old);
        let tx = world.devices[romeo].store.tx().unwrap();
        let row = tx.device(JULIET, 1000).unwrap().unwrap();
        tx.put_device(&DeviceRow { trust: crate::model::Trust::Distrusted, ..row }).unwrap();
        tx.end_sessions(JULIET, 1000).unwrap();
        tx.commit().unwrap();
        world.says(juliet, ROMEO, "are you angry?");
        assert_eq!(written(&world, ROMEO), (0, 0));
        assert_eq!(world.texts(romeo, JULIET).last().unwrap(), "[no_session]");
    }
}
