//! What people live through.

use super::*;

const JULIET: &str = "juliet@capulet.lit";
const ROMEO: &str = "romeo@montague.lit";

fn two() -> (World, usize, usize) {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let romeo = world.device("romeo@montague.lit/orchard");
    (world, juliet, romeo)
}

#[test]
fn a_first_message_arrives_sealed_and_is_answered() {
    let (mut world, juliet, romeo) = two();
    let id = world.says(juliet, ROMEO, "O Romeo, Romeo!");
    assert_eq!(world.texts(romeo, JULIET), ["O Romeo, Romeo!"]);
    assert_eq!(world.chat(romeo, JULIET)[0].sealed, 2);
    assert_eq!(world.state(juliet, id), Some(Delivery::Delivered));
    world.says(romeo, JULIET, "Shall I hear more?");
    assert_eq!(world.texts(juliet, ROMEO), ["O Romeo, Romeo!", "Shall I hear more?"]);
    let leaked = world.server.tap.iter().any(|stanza| String::from(stanza).contains("Romeo, Romeo"));
    assert!(!leaked);
}

#[test]
fn own_other_device_sees_both_sides() {
    let (mut world, juliet, romeo) = two();
    let second = world.device("juliet@capulet.lit/tomb");
    world.trusts(juliet, JULIET);
    world.says(juliet, ROMEO, "one");
    world.says(romeo, JULIET, "two");
    world.says(second, ROMEO, "three");
    for device in [juliet, second] {
        assert_eq!(world.texts(device, ROMEO), ["one", "two", "three"]);
    }
    assert_eq!(world.texts(romeo, JULIET), ["one", "two", "three"]);
}

#[test]
fn what_was_missed_comes_from_the_archive_once_and_in_order() {
    let (mut world, juliet, romeo) = two();
    world.server.page = 7;
    world.says(juliet, ROMEO, "0");
    world.cut(romeo);
    for n in 1..50 {
        world.says(juliet, ROMEO, &n.to_string());
    }
    world.connect(romeo);
    world.says(juliet, ROMEO, "50");
    let expected: Vec<String> = (0..=50).map(|n| n.to_string()).collect();
    assert_eq!(world.texts(romeo, JULIET), expected);
}

#[test]
fn live_messages_wait_until_the_archive_was_read() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "first");
    world.cut(romeo);
    world.says(juliet, ROMEO, "missed");
    world.connect(romeo);
    world.devices[romeo].holds = true;
    world.says(juliet, ROMEO, "live");
    // The live message overtakes the archive's pages.
    let mut held = std::mem::take(&mut world.devices[romeo].held);
    held.sort_by_key(|stanza| !stanza.has_child("encrypted", "urn:xmpp:omemo:2"));
    for stanza in held {
        world.input(romeo, Input::Stanza(Arrived::Whole(stanza)));
    }
    world.devices[romeo].holds = false;
    world.settle();
    assert_eq!(world.texts(romeo, JULIET), ["first", "missed", "live"]);
}

#[test]
fn a_second_copy_of_what_left_no_row_leaves_none_either() {
    let mut world = World::new();
    let (juliet, romeo) = (world.device("juliet@capulet.lit/balcony"), world.device("romeo@montague.lit/orchard"));
    world.devices[juliet].holds = true;
    world.say(juliet, ROMEO, "first").unwrap();
    // What she holds back she has to be given: lists, bundles, and in the end Romeo's empty answer to the key exchange.
    let mut copies = Vec::new();
    loop {
        world.settle();
        let held = std::mem::take(&mut world.devices[juliet].held);
        if held.is_empty() {
            break;
        }
        for stanza in held {
            if stanza.name() == "message" && super::super::omemo::find(&stanza).is_some() {
                copies.push(stanza.clone());
            }
            world.input(juliet, Input::Stanza(Arrived::Whole(stanza)));
        }
    }
    let count = copies.len() as i64;
    assert!(count >= 2, "Romeo answers a key exchange, and confirms");
    for copy in copies {
        world.input(juliet, Input::Stanza(Arrived::Whole(copy)));
    }
    assert_eq!(world.texts(juliet, ROMEO), ["first"]);
    assert_eq!(world.tx(juliet, |tx| tx.counted("message_repeated")), count);
    assert_eq!(world.texts(romeo, JULIET), ["first"]);
}

/// The server holds Romeo for absent while Juliet says something: it is archived and handed to nobody.
fn says_past(world: &mut World, juliet: usize, text: &str) {
    let online = world.server.online.clone();
    world.server.online.retain(|full| !full.starts_with(ROMEO));
    world.says(juliet, ROMEO, text);
    world.server.online = online;
}

#[test]
fn what_was_archived_only_after_our_last_page_comes_with_a_second_look() {
    let (mut world, juliet, romeo) = two();
    world.server.page = 2;
    world.says(juliet, ROMEO, "first");
    world.cut(romeo);
    world.connect(romeo);
    world.settle();
    for late in ["late 1", "late 2", "late 3"] {
        says_past(&mut world, juliet, late);
    }
    // With messages go receipts and typing, which leave no row; all of it is in the archive as well.
    world.says(juliet, ROMEO, "live");
    world.says(romeo, JULIET, "answer");
    assert_eq!(world.texts(romeo, JULIET), ["first", "live", "answer"]);
    let cursor = |world: &mut World| world.tx(romeo, |tx| tx.archive(ROMEO).unwrap().unwrap().cursor);
    let newest = cursor(&mut world);
    world.now += 5_000;
    world.input(romeo, Input::Tick);
    world.settle();
    assert_eq!(world.texts(romeo, JULIET), ["first", "live", "answer", "late 1", "late 2", "late 3"]);
    assert_eq!(cursor(&mut world), newest, "the cursor never goes back");
    // One look, and no other.
    let archive = world.server.homes[ROMEO].archive.len();
    says_past(&mut world, juliet, "much later");
    world.now += 3_600_000;
    world.input(romeo, Input::Tick);
    world.settle();
    assert_eq!(world.server.homes[ROMEO].archive.len(), archive + 1);
    assert_eq!(world.texts(romeo, JULIET).len(), 6);
    world.cut(romeo);
    world.connect(romeo);
    world.settle();
    assert_eq!(world.texts(romeo, JULIET)[6..], ["much later"]);
}

#[test]
fn the_cursor_follows_a_second_look_where_nothing_live_moved_it() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "first");
    world.cut(romeo);
    world.connect(romeo);
    world.settle();
    says_past(&mut world, juliet, "late");
    let late = world.server.homes[ROMEO].archive.last().unwrap().0.clone();
    world.now += 5_000;
    world.input(romeo, Input::Tick);
    world.settle();
    let cursor = world.tx(romeo, |tx| tx.archive(ROMEO).unwrap().unwrap().cursor);
    assert_eq!(cursor, Some(late));
}

#[test]
fn a_new_stream_reads_on_where_the_last_one_left_off_and_asks_once() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "first");
    for late in ["before the second look", "and once more"] {
        says_past(&mut world, juliet, late);
        world.cut(romeo);
        world.connect(romeo);
        world.settle();
    }
    assert_eq!(world.texts(romeo, JULIET), ["first", "before the second look", "and once more"]);
    let looks = world.server.tap.iter().filter(|stanza| String::from(*stanza).contains("second-look")).count();
    assert_eq!(looks, 0, "its time had not come, and the catch-up brings all");
}

#[test]
fn an_archive_that_does_not_answer_holds_nothing_up_and_loses_nothing() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "warm up");
    world.cut(romeo);
    world.says(juliet, ROMEO, "missed");
    world.server.silent = true;
    world.connect(romeo);
    world.settle();
    world.says(juliet, ROMEO, "live");
    world.says(romeo, JULIET, "answer");
    assert_eq!(world.texts(romeo, JULIET), ["warm up", "answer"], "it waits for the archive");
    for (wait, heard) in [(15_000, false), (30_000, false), (60_000, true)] {
        assert_eq!(world.texts(juliet, ROMEO).contains(&"answer".to_owned()), wait > 15_000);
        assert!(!world.texts(romeo, JULIET).contains(&"live".to_owned()));
        world.now += wait;
        world.input(romeo, Input::Tick);
        world.settle();
        assert_eq!(world.texts(romeo, JULIET).contains(&"live".to_owned()), heard, "after {wait}");
    }
    assert_eq!(world.texts(romeo, JULIET), ["warm up", "answer", "live"]);
    let connection = world.tx(romeo, |tx| tx.connection().unwrap());
    assert_eq!((connection.error.as_deref(), connection.caught_up), (Some("archive_silent"), false));
    world.says(juliet, ROMEO, "later");
    // It comes to itself: on the same stream, and on the next.
    world.server.silent = false;
    world.now += 120_000;
    world.input(romeo, Input::Tick);
    world.settle();
    let mut texts = world.texts(romeo, JULIET);
    texts.sort_unstable();
    assert_eq!(texts, ["answer", "later", "live", "missed", "warm up"]);
    let connection = world.tx(romeo, |tx| tx.connection().unwrap());
    assert_eq!((connection.error.as_deref(), connection.caught_up), (None, true));
}

#[test]
fn a_message_typed_offline_goes_out_once_the_stream_is_there() {
    let (mut world, juliet, romeo) = two();
    world.cut(juliet);
    let id = world.says(juliet, ROMEO, "later");
    assert_eq!(world.state(juliet, id), Some(Delivery::Waiting));
    world.restart(juliet);
    world.connect(juliet);
    world.settle();
    assert_eq!(world.texts(romeo, JULIET), ["later"]);
    assert_eq!(world.state(juliet, id), Some(Delivery::Delivered));
}

/// Juliet says something; the bytes reach the server, but neither `Written` nor the acknowledgement reach her.
fn says_without_an_answer(world: &mut World, juliet: usize, text: &str) -> i64 {
    let Reply::Sent { message, .. } = world.say(juliet, ROMEO, text).unwrap() else { panic!() };
    for (_, bytes) in world.tx(juliet, |tx| tx.outgoing_after(0, 64).unwrap()) {
        world.server.take("juliet@capulet.lit/balcony", String::from_utf8(bytes).unwrap().parse().unwrap());
    }
    message.parse().unwrap()
}

#[test]
fn a_message_without_an_acknowledgement_goes_once_more_and_is_read_once() {
    let (mut world, juliet, romeo) = two();
    let other = world.device("juliet@capulet.lit/chamber");
    world.trusts(juliet, JULIET);
    world.says(juliet, ROMEO, "warm up");
    let message = says_without_an_answer(&mut world, juliet, "once");
    // Nobody confirms it either.
    world.cut(romeo);
    let copies = world.server.homes[ROMEO].archive.len();
    for again in [1, 1] {
        world.restart(juliet);
        world.connect(juliet);
        world.settle();
        assert_eq!(world.server.homes[ROMEO].archive.len(), copies + again);
        assert_eq!(world.state(juliet, message), Some(Delivery::Sent));
    }
    world.connect(romeo);
    world.settle();
    for (device, chat) in [(romeo, JULIET), (other, ROMEO), (juliet, ROMEO)] {
        assert_eq!(world.texts(device, chat), ["warm up", "once"]);
    }
    assert_eq!(world.state(juliet, message), Some(Delivery::Delivered));
}

#[test]
fn a_receipt_of_one_device_does_not_keep_a_lost_message_from_the_others() {
    let (mut world, juliet, romeo) = two();
    let tablet = world.device("romeo@montague.lit/tablet");
    world.trusts(romeo, ROMEO);
    world.says(juliet, ROMEO, "warm up");
    world.cut(tablet);
    let message = says_without_an_answer(&mut world, juliet, "torn");
    // The server dies after it handed the message to one device, and before it wrote the archive.
    world.server.homes.get_mut(ROMEO).unwrap().archive.pop().unwrap();
    let token = world.tx(juliet, |tx| tx.outgoing_after(0, 64).unwrap()).last().unwrap().0;
    world.input(juliet, Input::Written { token });
    world.settle();
    assert_eq!(world.state(juliet, message), Some(Delivery::Delivered));
    world.restart(juliet);
    world.connect(juliet);
    world.settle();
    world.connect(tablet);
    world.settle();
    for device in [romeo, tablet] {
        assert_eq!(world.texts(device, JULIET), ["warm up", "torn"]);
    }
}

#[test]
fn a_message_that_the_server_would_not_take_fails_and_the_next_ones_go() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "warm up");
    let Reply::Sent { message, .. } = world.say(juliet, ROMEO, "a long one").unwrap() else { panic!() };
    let message = message.parse().unwrap();
    let token = world.tx(juliet, |tx| tx.outgoing_after(0, 64).unwrap()).last().unwrap().0;
    world.input(juliet, Input::TooLarge { token });
    assert_eq!(world.state(juliet, message), Some(Delivery::Failed));
    assert_eq!(world.error(juliet, message).as_deref(), Some("too_large"));
    world.says(juliet, ROMEO, "in short");
    world.restart(juliet);
    world.connect(juliet);
    world.settle();
    assert_eq!(world.state(juliet, message), Some(Delivery::Failed), "it does not go again");
    assert_eq!(world.texts(romeo, JULIET), ["warm up", "in short"]);
}

#[test]
fn a_request_that_the_server_would_not_take_is_refused() {
    let (mut world, juliet, _) = two();
    world.cut(juliet);
    world.connect(juliet);
    let rows = world.tx(juliet, |tx| tx.outgoing_after(0, 64).unwrap());
    let asks = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("jabber:iq:roster");
    let token = rows.iter().find(|(_, bytes)| asks(bytes)).unwrap().0;
    let wanted = |world: &mut World| world.tx(juliet, |tx| tx.any_want("roster").unwrap());
    assert!(wanted(&mut world));
    world.input(juliet, Input::TooLarge { token });
    assert!(!wanted(&mut world));
}

#[test]
fn a_message_for_a_device_distrusted_since_goes_no_more_and_fails_only_if_it_never_arrived() {
    for (arrived, state) in [(true, Delivery::Sent), (false, Delivery::Failed)] {
        let (mut world, juliet, romeo) = two();
        world.says(juliet, ROMEO, "warm up");
        world.cut(romeo);
        let message = match arrived {
            true => says_without_an_answer(&mut world, juliet, "words"),
            false => {
                let Reply::Sent { message, .. } = world.say(juliet, ROMEO, "words").unwrap() else { panic!() };
                message.parse().unwrap()
            }
        };
        let copies = world.server.homes[ROMEO].archive.len();
        world.restart(juliet);
        let fingerprint = world.tx(juliet, |tx| tx.device(ROMEO, 1001).unwrap().unwrap().fingerprint());
        let trust = crate::model::Trust::Distrusted;
        world.command(juliet, Command::DeviceDecide { jid: ROMEO.into(), fingerprint, trust }).unwrap();
        world.connect(juliet);
        world.settle();
        assert_eq!(world.server.homes[ROMEO].archive.len(), copies, "arrived: {arrived}");
        assert_eq!(world.state(juliet, message), Some(state), "arrived: {arrived}");
    }
}

#[test]
fn an_acknowledgement_that_overtakes_the_end_of_the_writing_counts() {
    let (mut world, juliet, _) = two();
    world.says(juliet, ROMEO, "warm up");
    let message = says_without_an_answer(&mut world, juliet, "quick");
    let token = world.tx(juliet, |tx| tx.outgoing_after(0, 64).unwrap()).last().unwrap().0;
    world.input(juliet, Input::Acked { token, h: None });
    world.input(juliet, Input::Written { token });
    assert_eq!(world.state(juliet, message), Some(Delivery::Sent));
    assert!(world.tx(juliet, |tx| tx.outgoing_after(0, 64).unwrap()).is_empty());
}

#[test]
fn a_message_that_only_our_own_archive_kept_still_arrives() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "warm up");
    let message = says_without_an_answer(&mut world, juliet, "torn");
    // The server died between the two archives.
    world.server.homes.get_mut(ROMEO).unwrap().archive.pop().unwrap();
    world.cut(romeo);
    world.restart(juliet);
    world.connect(romeo);
    world.connect(juliet);
    world.settle();
    assert_eq!(world.texts(romeo, JULIET), ["warm up", "torn"]);
    assert_eq!(world.state(juliet, message), Some(Delivery::Delivered));
}

#[test]
fn a_message_that_the_server_never_got_goes_again_with_the_same_bytes() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "warm up");
    world.say(juliet, ROMEO, "lost on the way").unwrap();
    let before = world.tx(juliet, |tx| tx.outgoing_after(0, 64).unwrap());
    let encrypted = |bytes: &[u8]| {
        let stanza: Element = String::from_utf8(bytes.to_vec()).unwrap().parse().unwrap();
        String::from(stanza.get_child("encrypted", "urn:xmpp:omemo:2").unwrap())
    };
    let first = encrypted(&before.last().unwrap().1);
    world.cut(juliet);
    world.restart(juliet);
    world.connect(juliet);
    world.settle();
    assert_eq!(world.texts(romeo, JULIET), ["warm up", "lost on the way"]);
    let again =
        world.server.tap.iter().filter(|stanza| stanza.has_child("delay", "urn:xmpp:delay")).collect::<Vec<_>>();
    assert_eq!(again.len(), 1);
    assert_eq!(String::from(again[0].get_child("encrypted", "urn:xmpp:omemo:2").unwrap()), first);
}

#[test]
fn a_contact_without_omemo_is_refused_until_plain_text_is_allowed() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    world.server.homes.entry("nurse@capulet.lit".into()).or_default();
    let id = world.says(juliet, "nurse@capulet.lit", "Good nurse");
    assert_eq!(world.state(juliet, id), Some(Delivery::Failed));
    assert!(world.say(juliet, "nurse@capulet.lit", "again").is_err());
    world.command(juliet, Command::AllowPlain { chat: "nurse@capulet.lit".into(), allow: true }).unwrap();
    let id = world.says(juliet, "nurse@capulet.lit", "Good sweet nurse");
    assert_eq!(world.state(juliet, id), Some(Delivery::Sent));
    assert_eq!(world.server.homes["nurse@capulet.lit"].archive.len(), 1);
}

#[test]
fn a_note_to_oneself_needs_a_second_device_and_says_so() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    world.cut(juliet);
    let id = world.says(juliet, JULIET, "remember the ladder");
    world.connect(juliet);
    world.settle();
    assert_eq!(world.state(juliet, id), Some(Delivery::Failed));
    assert_eq!(world.error(juliet, id).as_deref(), Some("no_other_device"));
    let refused = world.say(juliet, JULIET, "again").err().unwrap();
    assert_eq!(refused.kind, crate::ErrorKind::NoOtherDevice);
    let second = world.device("juliet@capulet.lit/chamber");
    world.trusts(juliet, JULIET);
    world.says(juliet, JULIET, "remember the rope");
    assert_eq!(world.texts(second, JULIET), ["remember the rope"]);
}

#[test]
fn a_repeated_origin_id_answers_the_same_message() {
    let (mut world, juliet, romeo) = two();
    let send = Command::Send { to: ROMEO.into(), text: "twice".into(), reply_to: None, origin_id: Some("mine".into()) };
    let one = world.command(juliet, send.clone()).unwrap();
    world.settle();
    let two = world.command(juliet, send).unwrap();
    world.settle();
    assert!(one == two);
    assert_eq!(world.texts(romeo, JULIET), ["twice"]);
}

#[test]
fn a_vanished_device_list_and_bundle_are_published_again() {
    let (mut world, juliet, _) = two();
    let nodes = world.server.homes[JULIET].nodes.keys().cloned().collect::<Vec<_>>();
    assert_eq!(nodes.len(), 4);
    world.server.homes.get_mut(JULIET).unwrap().nodes.clear();
    world.cut(juliet);
    world.connect(juliet);
    world.settle();
    assert_eq!(world.server.homes[JULIET].nodes.keys().cloned().collect::<Vec<_>>(), nodes);
}

#[test]
fn no_ratchet_key_is_used_for_two_ciphertexts_after_a_lost_answer() {
    let (mut world, juliet, romeo) = two();
    for n in 0..120 {
        let text = n.to_string();
        world.says(juliet, ROMEO, &text);
    }
    // A long one-sided talk: the heartbeat turned the ratchet, and all was read.
    assert_eq!(world.texts(romeo, JULIET).len(), 120);
    assert!(world.chat(romeo, JULIET).iter().all(|row| row.reason.is_none()));
}

#[test]
fn a_reply_names_the_message_it_answers_inside_the_envelope() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "What o'clock tomorrow?");
    let question = world.tx(romeo, |tx| tx.message(1).unwrap().unwrap());
    let send = Command::Send {
        to: JULIET.into(),
        text: "By nine.".into(),
        reply_to: Some(question.id.to_string()),
        origin_id: None,
    };
    world.command(romeo, send).unwrap();
    world.settle();
    let answer = world.tx(juliet, |tx| tx.message(2).unwrap().unwrap());
    assert_eq!((answer.body.as_deref(), answer.reply_to), (Some("By nine."), Some(1)));
    assert!(!world.server.tap.iter().any(|stanza| stanza.has_child("reply", "urn:xmpp:reply:0")));
}

#[test]
fn a_clock_set_back_does_not_stop_what_is_due() {
    let (mut world, juliet, _) = two();
    world.tx(juliet, |_| ());
    let now = world.time();
    let device = &mut world.devices[juliet];
    let tx = device.store.tx().unwrap();
    tx.want("roster", "", "", "", now.wall + 1_000).unwrap();
    let earlier = Now { wall: now.wall - 86_400_000, boot: now.boot + 2_000 };
    device.engine.handle(&tx, earlier, &mut device.rng, Input::Tick).unwrap();
    assert!(device.engine.next_deadline(&tx).unwrap().unwrap() <= earlier.wall);
}

#[test]
fn a_text_that_begins_like_markup_is_read_beside_a_part_of_the_other_version() {
    let (mut world, juliet, romeo) = two();
    world.device("juliet@capulet.lit/tomb");
    world.trusts(juliet, JULIET);
    world.cut(romeo);
    // To Romeo in 0.3, to her own other device in 2.
    let nodes = &mut world.server.homes.get_mut(ROMEO).unwrap().nodes;
    nodes.retain(|node, _| !node.starts_with("urn:xmpp:omemo:2"));
    world.says(juliet, ROMEO, "<3");
    assert_eq!(world.chat(juliet, ROMEO)[0].sealed, 1, "in the older version");
    world.connect(romeo);
    world.settle();
    assert_eq!(world.texts(romeo, JULIET), ["<3"]);
}
