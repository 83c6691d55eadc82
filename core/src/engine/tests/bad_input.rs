//! Lists, bundles and messages that no honest client makes: little work, a clear row, and nothing else affected.

use super::*;
use crate::engine::ns;
use crate::engine::xml::bytes;
use std::collections::BTreeSet;

const JULIET: &str = "juliet@capulet.lit";
const ROMEO: &str = "romeo@montague.lit";

fn talked() -> (World, usize, usize) {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let romeo = world.device("romeo@montague.lit/orchard");
    world.says(juliet, ROMEO, "one");
    world.says(romeo, JULIET, "two");
    world.server.tap.clear();
    (world, juliet, romeo)
}

/// A list of version 2 as an item.
fn list(ids: impl IntoIterator<Item = String>) -> String {
    let devices: String = ids.into_iter().map(|id| format!("<device id='{id}'/>")).collect();
    format!("<item id='current'><devices xmlns='urn:xmpp:omemo:2'>{devices}</devices></item>")
}

/// A push by Romeo's account: each word is the inside of an `<items/>` of his list of version 2.
fn push(items: &[&str]) -> String {
    let items: String =
        items.iter().map(|items| format!("<items node='urn:xmpp:omemo:2:devices'>{items}</items>")).collect();
    format!(
        "<message xmlns='jabber:client' from='{ROMEO}' to='{JULIET}'>
         <event xmlns='http://jabber.org/protocol/pubsub#event'>{items}</event></message>"
    )
}

fn devices(world: &mut World, number: usize, owner: &str) -> Vec<u32> {
    world.tx(number, |tx| tx.devices(owner).unwrap().iter().filter(|row| row.listed2).map(|row| row.device).collect())
}

/// All that is stored of ratchets.
fn ratchets(world: &World, number: usize) -> Vec<(i64, Vec<u8>)> {
    let store = world.devices[number].store.read();
    let sql = "SELECT id, state FROM session UNION ALL SELECT n, message_key FROM skipped ORDER BY 1, 2";
    let mut rows = store.prepare(sql).unwrap();
    rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

/// Juliet's next line as it stands on the wire, before anybody has read it.
fn line(world: &mut World, juliet: usize, text: &str) -> String {
    world.say(juliet, ROMEO, text).unwrap();
    while world.upload(juliet) {}
    let stanza = world.server.tap.iter().rev().find(|stanza| stanza.get_child("encrypted", ns::OMEMO2).is_some());
    let stanza = String::from_utf8(bytes(stanza.unwrap())).unwrap();
    world.server.deliveries.retain(|(_, delivery)| delivery.get_child("encrypted", ns::OMEMO2).is_none());
    stanza.replacen("<message ", &format!("<message from='{JULIET}/balcony' "), 1)
}

/// The text between two marks, replaced.
fn replaced(stanza: &str, from: &str, to: &str, with: &str) -> String {
    let start = stanza.find(from).unwrap() + from.len();
    let end = start + stanza[start..].find(to).unwrap();
    format!("{}{with}{}", &stanza[..start], &stanza[end..])
}

fn between(stanza: &str, from: &str, to: &str) -> String {
    let start = stanza.find(from).unwrap() + from.len();
    stanza[start..start + stanza[start..].find(to).unwrap()].to_owned()
}

#[test]
fn a_list_of_ten_thousand_devices_costs_no_more_than_a_long_one() {
    let (mut world, juliet, romeo) = talked();
    let many = list((5_000..15_000u32).chain([1001]).map(|id| id.to_string()));
    world.deliver(juliet, &push(&[&many]));
    world.settle();
    assert!(world.tx(juliet, |tx| tx.devices(ROMEO).unwrap().len()) <= 65);
    let asked = world.server.tap.iter().filter(|stanza| stanza.name() == "iq").count();
    assert!(asked <= 80, "{asked} questions");
    // The next honest list puts it right, and the talk goes on.
    world.deliver(juliet, &push(&[&list(["1001".to_owned()])]));
    world.settle();
    assert_eq!(devices(&mut world, juliet, ROMEO), [1001]);
    world.says(juliet, ROMEO, "three");
    assert_eq!(world.texts(romeo, JULIET).last().unwrap(), "three");
}

#[test]
fn ids_that_no_device_can_have_are_left_out_of_lists() {
    let (mut world, juliet, _) = talked();
    let ids =
        ["0", "-1", "2147483648", "4294967295", "99999999999999999999", "abc", "", "1001", "1", "2147483647", "1"];
    world.deliver(juliet, &push(&[&list(ids.map(str::to_owned))]));
    assert_eq!(devices(&mut world, juliet, ROMEO), [1, 1001, 2147483647]);
}

#[test]
fn a_message_of_an_impossible_device_is_shown_as_malformed() {
    let (mut world, juliet, romeo) = talked();
    for sid in ["0", "2147483648", "4294967296", "-5", "me"] {
        let line = line(&mut world, juliet, "words");
        let before = ratchets(&world, romeo);
        world.deliver(romeo, &line.replace("sid='1000'", &format!("sid='{sid}'")));
        assert_eq!(world.texts(romeo, JULIET).last().unwrap(), "[malformed]", "{sid}");
        assert!(before == ratchets(&world, romeo));
    }
    assert!(world.tx(romeo, |tx| tx.devices(JULIET).unwrap().iter().all(|row| row.device == 1000)));
}

#[test]
fn lists_that_contradict_each_other_in_one_push_are_not_believed_but_asked_for() {
    let (mut world, juliet, _) = talked();
    let (with, without) = (list(["1001".to_owned(), "77".to_owned()]), list([]));
    for items in [vec![&*with, &*without], vec![&*without, &*with]] {
        for parts in [items.clone(), vec![&*items.concat()]] {
            let told = world.tx(juliet, |tx| tx.told_of_devices().len());
            world.deliver(juliet, &push(&parts));
            world.settle();
            // The node says what it said before, so nothing came and nothing went.
            assert_eq!(devices(&mut world, juliet, ROMEO), [1001]);
            assert_eq!(world.tx(juliet, |tx| tx.told_of_devices().len()), told);
        }
    }
    assert_eq!(world.tx(juliet, |tx| tx.counted("lists_contradicting")), 6);
    // Twice the same is no contradiction.
    let same = list(["1001".to_owned()]);
    world.deliver(juliet, &push(&[&same, &same]));
    assert_eq!(world.tx(juliet, |tx| tx.counted("lists_contradicting")), 6);
}

#[test]
fn a_bundle_that_no_session_can_begin_with_is_told_and_the_next_good_one_is_taken() {
    let pk = |id: &str, key: &str| format!("<pk xmlns='urn:xmpp:omemo:2' id='{id}'>{key}</pk>");
    let good = "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=";
    let other = "stVTcr//KtJX4iWkYUtJxUgYqq3TjgiE10MduhXmhxI=";
    let huge = "A".repeat(600_000);
    let zero = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let keys: Vec<(&str, String)> = vec![
        ("none at all", String::new()),
        ("an id with two keys", pk("5", good) + &pk("5", other)),
        ("a key of half a megabyte", pk("5", &huge)),
        ("a key that is no base64", pk("5", "not a key!")),
        ("a key of small order", pk("5", zero)),
        ("an id beyond 2^31 - 1", pk("2147483648", good) + &pk("4294967295", good) + &pk("-1", good)),
        ("ids that are no numbers", pk("", good) + &pk("x", good)),
    ];
    let mut bad: Vec<_> = keys.into_iter().map(|(what, keys)| (what, ["<prekeys>", "</prekeys>"], keys)).collect();
    let signature = |byte| crate::engine::xml::to_base64(&[byte; 64]);
    bad.extend([
        ("a signature of somebody else", ["<spks>", "</spks>"], signature(7)),
        ("a signature whose number is too large", ["<spks>", "</spks>"], signature(0xff)),
        ("another signed pre-key", ["<spk id='1'>", "</spk>"], other.to_owned()),
        ("another identity", ["<ik>", "</ik>"], good.to_owned()),
        ("an identity of small order", ["<ik>", "</ik>"], "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
    ]);
    for (what, [from, to], with) in bad {
        let mut world = World::new();
        let juliet = world.device("juliet@capulet.lit/balcony");
        let romeo = world.device("romeo@montague.lit/orchard");
        let nodes = &mut world.server.homes.get_mut(ROMEO).unwrap().nodes;
        let whole = nodes[&format!("{}:bundles", "urn:xmpp:omemo:2")].clone();
        let text = String::from_utf8(bytes(&whole[0])).unwrap();
        let damaged = replaced(&text, from, to, &with);
        nodes.insert("urn:xmpp:omemo:2:bundles".into(), vec![damaged.parse().unwrap()]);
        let id = world.says(juliet, ROMEO, "Art thou there?");
        assert_eq!(world.error(juliet, id).as_deref(), Some("no_usable_device"), "{what}");
        assert!(ratchets(&world, juliet).is_empty(), "{what}");
        world.server.homes.get_mut(ROMEO).unwrap().nodes.insert("urn:xmpp:omemo:2:bundles".into(), whole);
        world.now += 3_600_000;
        world.input(juliet, Input::Tick);
        world.settle();
        assert_eq!(world.texts(romeo, JULIET), ["Art thou there?"], "{what}");
    }
}

#[test]
fn a_byte_changed_anywhere_in_key_or_payload_is_refused_and_the_true_message_is_read() {
    let (mut world, juliet, romeo) = talked();
    let line = line(&mut world, juliet, "the true one");
    let before = ratchets(&world, romeo);
    let marks = [("<key rid='1001'>", "</key>"), ("<payload>", "</payload>")];
    let mut changed = 0;
    for (from, to) in marks {
        let sealed = crate::engine::xml::base64(&between(&line, from, to)).unwrap();
        for place in 0..sealed.len() {
            let mut sealed = sealed.clone();
            sealed[place] ^= 1 << (place % 8);
            let damaged = replaced(&line, from, to, &crate::engine::xml::to_base64(&sealed));
            world.deliver(romeo, &damaged);
            assert!(before == ratchets(&world, romeo), "byte {place} of {from}");
            changed += 1;
        }
    }
    assert!(changed > 300);
    let texts: BTreeSet<String> = world.texts(romeo, JULIET).into_iter().collect();
    let known = ["one", "two", "[forged]", "[malformed]", "[already_read]", "[too_many_skipped]"];
    assert!(texts.iter().all(|text| known.contains(&text.as_str())), "{texts:?}");
    world.deliver(romeo, &line);
    assert_eq!(world.texts(romeo, JULIET).last().unwrap(), "the true one");
    // Once, though it comes again under its own id and under another.
    let rows = world.texts(romeo, JULIET).len();
    world.deliver(romeo, &line);
    let id = between(&line, " id='", "'");
    world.deliver(romeo, &line.replace(&id, "another"));
    assert_eq!(world.texts(romeo, JULIET).len(), rows);
}

#[test]
fn a_message_that_is_not_for_us_or_not_of_its_sender_is_refused() {
    let (mut world, juliet, romeo) = talked();
    let tybalt = world.device("tybalt@capulet.lit/street");
    world.says(tybalt, ROMEO, "peace? I hate the word");
    let line = line(&mut world, juliet, "for Romeo alone");
    let before = ratchets(&world, romeo);
    let cases = [
        (line.replace("rid='1001'", "rid='1002'"), JULIET, "[not_for_this_device]"),
        (line.replace(&format!("jid='{ROMEO}'"), "jid='paris@capulet.lit'"), JULIET, "[not_for_this_device]"),
        (line.replace("sid='1000'", "sid='1002'"), JULIET, "[no_session]"),
        (
            line.replace(JULIET, "tybalt@capulet.lit").replace("sid='1000'", "sid='1002'"),
            "tybalt@capulet.lit",
            "[forged]",
        ),
    ];
    for (stanza, chat, reason) in cases {
        world.deliver(romeo, &stanza);
        assert_eq!(world.texts(romeo, chat).last().unwrap(), reason);
        assert!(before == ratchets(&world, romeo));
    }
    world.deliver(romeo, &line);
    assert_eq!(world.texts(romeo, JULIET).last().unwrap(), "for Romeo alone");
}

#[test]
fn both_begin_at_once_and_late_words_of_the_session_that_lost_are_read() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let romeo = world.device("romeo@montague.lit/orchard");
    for number in [juliet, romeo] {
        world.devices[number].holds = true;
    }
    for (number, to) in [(juliet, ROMEO), (romeo, JULIET)] {
        for text in ["first", "second", "third"] {
            world.say(number, to, text).unwrap();
        }
    }
    world.settle();
    // Answers of the server were held as well: only what people said goes out of order.
    for _ in 0..6 {
        for number in [juliet, romeo] {
            world.devices[number].holds = false;
            let held = std::mem::take(&mut world.devices[number].held);
            let (messages, rest): (Vec<_>, Vec<_>) = held.into_iter().partition(|stanza| stanza.name() == "message");
            for stanza in rest.into_iter().chain(messages.into_iter().rev()) {
                world.input(number, Input::Stanza(Arrived::Whole(stanza)));
            }
            world.devices[number].holds = true;
        }
        world.settle();
    }
    for number in [juliet, romeo] {
        world.devices[number].holds = false;
    }
    world.settle();
    world.says(juliet, ROMEO, "and then");
    world.says(romeo, JULIET, "and so on");
    for (number, chat) in [(juliet, ROMEO), (romeo, JULIET)] {
        let texts: Vec<String> = world.texts(number, chat);
        assert_eq!(texts.len(), 8, "{texts:?}");
        assert!(texts.iter().all(|text| !text.starts_with('[')), "{texts:?}");
    }
    let current = |world: &mut World, number: usize, other: &str, device: u32| {
        world.tx(number, |tx| {
            let session = tx.current_session(other, device, dunnock_omemo::Version::V2).unwrap().unwrap().1;
            *session.base_key()
        })
    };
    assert_eq!(current(&mut world, juliet, ROMEO, 1001), current(&mut world, romeo, JULIET, 1000));
}
