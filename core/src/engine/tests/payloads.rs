//! What is said beside texts, and what becomes of texts afterwards.

use super::*;
use crate::engine::ns;
use crate::model::TimelineItem;

const JULIET: &str = "juliet@capulet.lit";
const ROMEO: &str = "romeo@montague.lit";

fn two() -> (World, usize, usize) {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let romeo = world.device("romeo@montague.lit/orchard");
    (world, juliet, romeo)
}

impl World {
    /// The rows of a chat as screens read them, oldest first.
    fn rows(&mut self, number: usize, chat: &str) -> Vec<TimelineItem> {
        let sql = format!("SELECT {} FROM message m WHERE m.chat = ? ORDER BY m.position", crate::query::COLUMNS);
        let connection = self.devices[number].store.read();
        let mut rows = connection.prepare(&sql).unwrap();
        rows.query_map([chat], crate::query::row).unwrap().map(Result::unwrap).collect()
    }

    /// The local id of the row with this text.
    fn find(&mut self, number: usize, chat: &str, text: &str) -> String {
        self.rows(number, chat).into_iter().find(|row| row.text.as_deref() == Some(text)).unwrap().message
    }

    fn does(&mut self, number: usize, command: Command) {
        self.command(number, command).unwrap();
        self.settle();
    }

    fn react(&mut self, number: usize, chat: &str, text: &str, emojis: &[&str]) {
        let message = self.find(number, chat, text);
        self.does(number, Command::React { message, emojis: emojis.iter().map(|one| (*one).to_owned()).collect() });
    }

    fn counted(&mut self, number: usize, name: &str) -> i64 {
        self.tx(number, |tx| tx.counted(name))
    }
}

/// What a row shows of reactions: `emoji from…`.
fn thoughts(row: &TimelineItem) -> Vec<String> {
    row.reactions.iter().map(|one| format!("{} {}", one.emoji, one.from.join(" "))).collect()
}

#[test]
fn a_reaction_arrives_sealed_and_another_takes_its_place() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "Good night, good night!");
    world.react(romeo, JULIET, "Good night, good night!", &["❤️", "🌙"]);
    for (device, chat) in [(juliet, ROMEO), (romeo, JULIET)] {
        let row = &world.rows(device, chat)[0];
        assert_eq!(thoughts(row), [format!("❤️ {ROMEO}"), format!("🌙 {ROMEO}")]);
    }
    world.react(juliet, ROMEO, "Good night, good night!", &["❤️"]);
    world.react(romeo, JULIET, "Good night, good night!", &["❤️"]);
    assert_eq!(thoughts(&world.rows(juliet, ROMEO)[0]).len(), 1);
    world.react(romeo, JULIET, "Good night, good night!", &[]);
    assert_eq!(thoughts(&world.rows(juliet, ROMEO)[0]), [format!("❤️ {JULIET}")]);
    let tap: String = world.server.tap.iter().map(String::from).collect();
    assert!(!tap.contains(ns::REACTIONS) && !tap.contains('❤'));
}

fn correct(message: &str, text: &str) -> Command {
    Command::Correct { message: message.to_owned(), text: text.to_owned() }
}

fn retract(message: &str) -> Command {
    Command::Retract { message: message.to_owned() }
}

#[test]
fn a_correction_shows_says_so_and_keeps_the_first_text() {
    let (mut world, juliet, romeo) = two();
    let second = world.device("juliet@capulet.lit/tomb");
    world.trusts(juliet, JULIET);
    world.says(juliet, ROMEO, "But soft, what light through yonder airlock breaks?");
    let id = world.find(juliet, ROMEO, "But soft, what light through yonder airlock breaks?");
    for text in
        ["But soft, what light through yonder winow breaks?", "But soft, what light through yonder window breaks?"]
    {
        world.does(juliet, correct(&id, text));
    }
    for (device, chat) in [(juliet, ROMEO), (second, ROMEO), (romeo, JULIET)] {
        assert_eq!(world.texts(device, chat), ["But soft, what light through yonder window breaks?"]);
        assert!(world.rows(device, chat)[0].edited.is_some());
        let connection = world.devices[device].store.read();
        let first: String =
            connection.query_row("SELECT body FROM revision ORDER BY id LIMIT 1", [], |row| row.get(0)).unwrap();
        assert!(first.contains("airlock"));
        let found = |word: &str| -> i64 {
            connection.query_row("SELECT count(*) FROM words WHERE words MATCH ?", [word], |row| row.get(0)).unwrap()
        };
        assert_eq!((found("airlock"), found("winow"), found("window")), (0, 0, 1));
    }
    // A reaction that names the correction means the message.
    let correction: String = world.devices[romeo]
        .store
        .read()
        .query_row("SELECT origin_id FROM revision ORDER BY id DESC LIMIT 1", [], |row| row.get(0))
        .unwrap();
    let named = world.tx(romeo, |tx| tx.message_named(JULIET, &correction, None).unwrap().unwrap().id);
    assert_eq!(named.to_string(), world.rows(romeo, JULIET)[0].message);
    // Nobody corrects what others said.
    let theirs = world.rows(romeo, JULIET)[0].message.clone();
    assert_eq!(world.command(romeo, correct(&theirs, "no")).err().unwrap().kind, crate::ErrorKind::NotChangeable);
}

#[test]
fn what_nobody_has_yet_is_written_anew_or_never_sent() {
    let (mut world, juliet, romeo) = two();
    world.cut(juliet);
    let mut wait = |text: &str| {
        let Reply::Sent { message, .. } = world.say(juliet, ROMEO, text).unwrap() else { panic!() };
        message
    };
    let (first, second) = (wait("airlock"), wait("regret"));
    world.command(juliet, correct(&first, "window")).unwrap();
    world.command(juliet, retract(&second)).unwrap();
    world.connect(juliet);
    world.settle();
    let rows = world.rows(romeo, JULIET);
    assert_eq!((rows.len(), rows[0].text.as_deref(), rows[0].edited), (1, Some("window"), None));
    assert_eq!(world.rows(juliet, ROMEO).iter().filter(|row| row.retracted.is_some()).count(), 1);
}

#[test]
fn what_was_taken_back_is_gone_for_good() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "by yonder blessed moon");
    let id = world.find(juliet, ROMEO, "by yonder blessed moon");
    world.does(juliet, correct(&id, "by yonder blessed moon I swear"));
    world.react(romeo, JULIET, "by yonder blessed moon I swear", &["🌙"]);
    world.does(juliet, retract(&id));
    for (device, chat) in [(juliet, ROMEO), (romeo, JULIET)] {
        let row = &world.rows(device, chat)[0];
        assert!(row.text.is_none() && row.retracted.is_some() && row.reactions.is_empty() && row.edited.is_none());
        let connection = world.devices[device].store.read();
        let left: i64 = connection
            .query_row(
                "SELECT count(body) + (SELECT count(*) FROM words WHERE words MATCH 'moon') FROM revision",
                [],
                |row| row.get(0),
            )
            .unwrap();
        let told: i64 = connection.query_row("SELECT count(*) FROM notification", [], |row| row.get(0)).unwrap();
        assert_eq!((left, told), (0, 0));
    }
    for late in [correct(&id, "again"), retract(&id)] {
        assert_eq!(world.command(juliet, late).err().unwrap().kind, crate::ErrorKind::NotChangeable);
    }
    let react = Command::React { message: id, emojis: vec!["🌙".into()] };
    assert_eq!(world.command(juliet, react).err().unwrap().kind, crate::ErrorKind::NotChangeable);
}

#[test]
fn reading_is_told_once_and_climbs_to_all_before() {
    let (mut world, juliet, romeo) = two();
    let first = world.says(juliet, ROMEO, "one");
    let second = world.says(juliet, ROMEO, "two");
    // To whom one never wrote one does not tell that one is here.
    world.does(romeo, Command::MarkRead { chat: JULIET.into() });
    assert_eq!(world.state(juliet, second), Some(Delivery::Delivered));
    world.says(romeo, JULIET, "three");
    world.does(romeo, Command::MarkRead { chat: JULIET.into() });
    for id in [first, second] {
        assert_eq!(world.state(juliet, id), Some(Delivery::Displayed));
    }
    let sent = world.server.tap.len();
    world.does(romeo, Command::MarkRead { chat: JULIET.into() });
    assert_eq!(world.server.tap.len(), sent, "told twice");
    world.does(juliet, Command::TellDisplayed { tell: false });
    world.does(juliet, Command::MarkRead { chat: ROMEO.into() });
    let third = world.find(romeo, JULIET, "three").parse().unwrap();
    assert_eq!(world.state(romeo, third), Some(Delivery::Delivered));
}

#[test]
fn another_own_device_hears_what_was_read_here() {
    let (mut world, juliet, romeo) = two();
    let second = world.device("juliet@capulet.lit/tomb");
    world.trusts(juliet, JULIET);
    world.says(juliet, ROMEO, "first");
    world.says(romeo, JULIET, "one");
    world.says(romeo, JULIET, "two");
    let unread = |world: &World| -> (i64, i64) {
        let connection = world.devices[second].store.read();
        let sql = "SELECT unread, (SELECT count(*) FROM notification) FROM chat";
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    assert_eq!(unread(&world), (2, 2));
    world.does(juliet, Command::MarkRead { chat: ROMEO.into() });
    assert_eq!(unread(&world), (0, 0));
}

/// What Juliet's engine showed of Romeo's typing.
fn typing_seen(world: &mut World, number: usize, stanzas: Vec<Element>) -> Vec<bool> {
    let now = world.time();
    let device = &mut world.devices[number];
    let mut seen = Vec::new();
    for stanza in stanzas {
        let tx = device.store.tx().unwrap();
        let input = Input::Stanza(Arrived::Whole(stanza));
        for effect in device.engine.handle(&tx, now, &mut device.rng, input).unwrap() {
            if let crate::engine::Effect::Typing { typing, .. } = effect {
                seen.push(typing);
            }
        }
        tx.commit().unwrap();
    }
    seen
}

#[test]
fn typing_is_sealed_for_devices_that_are_awake_and_kept_by_nobody() {
    let (mut world, juliet, romeo) = two();
    let tablet = world.device("juliet@capulet.lit/tablet");
    world.says(juliet, ROMEO, "hark");
    world.says(romeo, JULIET, "what?");
    // The tablet sleeps: what is over in a moment is not worth a place in its chain.
    let sleeps = "UPDATE device SET heard = 0 WHERE device = 1002";
    assert_eq!(world.devices[romeo].store.read().execute(sleeps, []).unwrap(), 1);
    let before = world.server.homes[JULIET].archive.len();
    let rows = world.chat(tablet, ROMEO).len();
    world.devices[juliet].holds = true;
    for typing in [true, false] {
        world.does(romeo, Command::Typing { chat: JULIET.into(), typing });
    }
    let held = std::mem::take(&mut world.devices[juliet].held);
    assert!(
        held.iter().all(|stanza| stanza.has_child("no-store", ns::HINTS) && stanza.has_child("no-copy", ns::HINTS))
    );
    assert_eq!(typing_seen(&mut world, juliet, held), [true, false]);
    assert_eq!(world.server.homes[JULIET].archive.len(), before);
    assert_eq!(world.chat(tablet, ROMEO).len(), rows, "a device that sleeps misses nothing");
    assert_eq!(world.counted(tablet, "passing_unreadable"), 2);
    let tap: String = world.server.tap.iter().map(String::from).collect();
    assert!(!tap.contains("composing") && !tap.contains("paused"));
    // An hour later nobody is awake.
    world.now += 3_600_000;
    let said = |world: &World| world.server.tap.iter().filter(|stanza| stanza.has_child("no-store", ns::HINTS)).count();
    let before = said(&world);
    world.does(romeo, Command::Typing { chat: JULIET.into(), typing: true });
    assert_eq!((before, said(&world)), (2, 2));
}

#[test]
fn typing_takes_at_most_two_hundred_places_of_a_chain() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "hark");
    world.says(romeo, JULIET, "what?");
    // Nobody answers any more, so that the chain never turns.
    world.devices[juliet].holds = true;
    let sent = world.server.tap.len();
    for typing in (0..300).map(|n| n % 2 == 0) {
        world.does(romeo, Command::Typing { chat: JULIET.into(), typing });
    }
    let said = world.server.tap.len() - sent;
    assert!((150..=200).contains(&said), "{said}");
}

#[test]
fn replies_name_what_they_answer_inside_the_envelope() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "Wherefore art thou?");
    let answered = world.find(romeo, JULIET, "Wherefore art thou?");
    let send = Command::Send { to: JULIET.into(), text: "Here".into(), reply_to: Some(answered), origin_id: None };
    world.does(romeo, send);
    let rows = world.rows(juliet, ROMEO);
    assert_eq!(rows[1].reply_to.as_deref(), Some(rows[0].message.as_str()));
    let tap: String = world.server.tap.iter().map(String::from).collect();
    assert!(!tap.contains(ns::REPLY) && !tap.contains(ns::MARKERS) && !tap.contains(ns::RECEIPTS));
}

#[test]
fn a_change_in_clear_of_what_was_sealed_is_dropped_and_counted() {
    let (mut world, juliet, romeo) = two();
    let Reply::Sent { origin_id, .. } = world.say(juliet, ROMEO, "true").unwrap() else { panic!() };
    world.settle();
    let clear = |inner: &str| {
        format!(
            "<message xmlns='jabber:client' type='chat' from='{JULIET}/x' to='{ROMEO}' id='forged'>{inner}</message>"
        )
    };
    let forgeries = [
        format!("<body>false</body><replace xmlns='urn:xmpp:message-correct:0' id='{origin_id}'/>"),
        format!("<retract xmlns='urn:xmpp:message-retract:1' id='{origin_id}'/>"),
        format!("<reactions xmlns='urn:xmpp:reactions:0' id='{origin_id}'><reaction>👎</reaction></reactions>"),
    ];
    for forged in &forgeries {
        world.deliver(romeo, &clear(forged));
    }
    assert_eq!(world.counted(romeo, "change_unsealed"), 3);
    let rows = world.rows(romeo, JULIET);
    let row = &rows[0];
    assert_eq!((rows.len(), row.text.as_deref(), row.reactions.len()), (1, Some("true"), 0));
    // Beside an envelope they are nobody's.
    world.devices[romeo].holds = true;
    world.says(juliet, ROMEO, "next");
    for stanza in std::mem::take(&mut world.devices[romeo].held) {
        let extra: Element = clear(&forgeries.concat()).parse().unwrap();
        let stanza = extra.children().fold(stanza, |stanza, child| {
            let mut stanza = stanza;
            if child.name() != "body" {
                stanza.append_child(child.clone());
            }
            stanza
        });
        world.input(romeo, Input::Stanza(Arrived::Whole(stanza)));
    }
    let rows = world.rows(romeo, JULIET);
    assert_eq!(rows[0].text.as_deref(), Some("true"));
    assert!(rows.iter().all(|row| row.retracted.is_none() && row.reactions.is_empty() && row.edited.is_none()));
    assert_eq!(rows.len(), 2);
}

/// Hands a device the messages that were held back for it, the last one first.
fn release_backwards(world: &mut World, number: usize) {
    world.devices[number].holds = false;
    let held = std::mem::take(&mut world.devices[number].held);
    for stanza in held.into_iter().rev() {
        world.input(number, Input::Stanza(Arrived::Whole(stanza)));
    }
    world.settle();
}

/// Both know each other, and what comes now to Romeo is held back.
fn held() -> (World, usize, usize) {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "hark");
    world.says(romeo, JULIET, "what?");
    world.devices[romeo].holds = true;
    (world, juliet, romeo)
}

#[test]
fn corrections_that_overtake_what_they_correct_end_at_the_newest_text() {
    let (mut world, juliet, romeo) = held();
    world.says(juliet, ROMEO, "one");
    let id = world.find(juliet, ROMEO, "one");
    for text in ["two", "three"] {
        world.now += 1_000;
        world.does(juliet, correct(&id, text));
    }
    release_backwards(&mut world, romeo);
    assert_eq!(world.texts(romeo, JULIET), ["hark", "what?", "three"]);
    // Second copies, out of the archive, change nothing.
    world.restart(romeo);
    let all: Vec<Element> = world.server.homes[ROMEO].archive.iter().map(|(_, _, stanza)| stanza.clone()).collect();
    world.connect(romeo);
    world.settle();
    for stanza in all.into_iter().filter(|stanza| stanza.attr("from").unwrap().starts_with(JULIET)) {
        world.input(romeo, Input::Stanza(Arrived::Whole(stanza)));
    }
    assert_eq!(world.texts(romeo, JULIET), ["hark", "what?", "three"]);
    let row = &world.rows(romeo, JULIET)[2];
    assert!(row.edited.is_some() && row.origin_id == world.rows(juliet, ROMEO)[2].origin_id);
    let connection = world.devices[romeo].store.read();
    let first: Option<String> =
        connection.query_row("SELECT body FROM revision ORDER BY id LIMIT 1", [], |row| row.get(0)).unwrap();
    assert_eq!(first.as_deref(), Some("one"));
    let stand_ins: i64 =
        connection.query_row("SELECT count(*) FROM message WHERE stand_in = 1", [], |row| row.get(0)).unwrap();
    assert_eq!(stand_ins, 0);
}

#[test]
fn what_was_taken_back_before_it_came_stays_gone_whatever_comes_after() {
    let (mut world, juliet, romeo) = held();
    world.says(juliet, ROMEO, "one");
    let id = world.find(juliet, ROMEO, "one");
    world.react(juliet, ROMEO, "one", &["👎"]);
    world.does(juliet, correct(&id, "two"));
    world.does(juliet, retract(&id));
    release_backwards(&mut world, romeo);
    let rows = world.rows(romeo, JULIET);
    assert_eq!(rows.len(), 3);
    assert!(rows[2].retracted.is_some() && rows[2].text.is_none() && rows[2].reactions.is_empty());
    let left: i64 = world.devices[romeo]
        .store
        .read()
        .query_row("SELECT (SELECT count(body) FROM revision) + (SELECT count(*) FROM early)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
}

#[test]
fn a_reaction_that_overtakes_its_message_waits_for_it() {
    let (mut world, juliet, romeo) = held();
    world.says(juliet, ROMEO, "one");
    world.react(juliet, ROMEO, "one", &["👍"]);
    release_backwards(&mut world, romeo);
    assert_eq!(thoughts(&world.rows(romeo, JULIET)[2]), [format!("👍 {JULIET}")]);
}

#[test]
fn a_change_by_a_device_that_is_not_trusted_is_dropped_and_counted() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "true");
    let id = world.find(juliet, ROMEO, "true");
    // Somebody has to decide about her device: what it says is shown as such, what it changes does not count.
    let undecided = format!("UPDATE device SET trust = 0 WHERE jid = '{JULIET}'");
    assert_eq!(world.devices[romeo].store.read().execute(&undecided, []).unwrap(), 1);
    world.does(juliet, correct(&id, "false"));
    world.react(juliet, ROMEO, "false", &["👎"]);
    world.does(juliet, retract(&id));
    assert_eq!(world.counted(romeo, "change_untrusted"), 3);
    let row = &world.rows(romeo, JULIET)[0];
    assert_eq!((row.text.as_deref(), row.reactions.len(), row.retracted), (Some("true"), 0, None));
}

#[test]
fn what_left_here_comes_back_from_the_archive_without_a_trace() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "one");
    world.react(romeo, JULIET, "one", &["👍"]);
    world.react(juliet, ROMEO, "one", &["👍"]);
    for device in [juliet, romeo] {
        world.restart(device);
        world.connect(device);
        world.settle();
    }
    assert_eq!(world.texts(juliet, ROMEO), ["one"]);
    assert_eq!(world.texts(romeo, JULIET), ["one"]);
    assert_eq!(thoughts(&world.rows(juliet, ROMEO)[0]), [format!("👍 {JULIET} {ROMEO}")]);
}

#[test]
fn a_time_that_the_servers_contradict_is_shown_and_moves_nothing() {
    let (mut world, juliet, romeo) = two();
    world.says(juliet, ROMEO, "first");
    // Juliet's clock goes two hours ahead, Romeo's does not.
    let now = world.now;
    world.now += 7_200_000;
    world.say(juliet, ROMEO, "from tomorrow").unwrap();
    let sent = world.devices[juliet].store.tx().unwrap().outgoing_after(0, 64).unwrap().len();
    assert!(sent > 0);
    world.upload(juliet);
    world.now = now;
    world.settle();
    world.says(juliet, ROMEO, "now");
    assert_eq!(world.texts(romeo, JULIET), ["first", "from tomorrow", "now"]);
    let rows = world.rows(romeo, JULIET);
    assert_eq!((rows[0].claimed, rows[2].claimed), (None, None));
    assert_eq!(rows[1].claimed.map(|time| time.0), Some(now + 7_200_000));
    assert_eq!(rows[1].time.0, now);
}
