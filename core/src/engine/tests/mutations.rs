//! Ten thousand changed stanzas: none ends the engine, and none puts words into a mouth that did not say them.
//!
//! Every text that people say here begins with who says it to whom. So a row tells by its own words who the owner of the
//! key was that sealed them.

use super::mutate::Mutator;
use super::*;
use crate::engine::ns;
use crate::engine::xml::Build;
use rand::RngExt;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

const JULIET: &str = "juliet@capulet.lit";
const ROMEO: &str = "romeo@montague.lit";
const TYBALT: &str = "tybalt@capulet.lit";
const NURSE: &str = "nurse@capulet.lit";
const PEOPLE: [&str; 4] = [JULIET, ROMEO, TYBALT, NURSE];

const MUTATIONS: usize = 10_000;
/// Changed copies of each delivered stanza, each undone again.
const COPIES: usize = 8;

/// What the changed stanzas did.
#[derive(Debug, Default)]
struct Tally {
    fed: usize,
    rows: usize,
    /// Rows whose content was sealed and read all the same.
    sealed: usize,
    /// Rows of 0.3 by a key that nobody had shown before: who claims such a key first has it, as with any new device.
    claimed: usize,
}

#[test]
fn ten_thousand_changed_stanzas_end_nothing_and_forge_no_author() {
    let seed = std::env::var("DUNNOCK_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut tally = Tally::default();
    for play in 0u64.. {
        if tally.fed >= MUTATIONS {
            break;
        }
        let mut play = Play::new(seed + play);
        play.talk(&mut tally);
    }
    println!("seed {seed}: {tally:?}");
    assert!(tally.sealed > MUTATIONS / 100, "hardly anything was still readable, so nothing was tried: {tally:?}");
}

/// Of every recorded stanza so many changed copies.
const CHANGED: usize = 40;

#[test]
fn what_real_servers_sent_ends_nothing_however_it_is_changed() {
    let corpus = [include_str!("corpus/prosody-13.xml"), include_str!("corpus/prosody-0.12.xml")].map(str::lines);
    let recorded: Vec<Element> = corpus.into_iter().flatten().map(of_a_client).collect();
    assert!(recorded.len() > 80);
    let mut world = World::new();
    world.device("juliet@verona.test/balcony");
    // Questions are out and nobody has answered them.
    world.devices[0].holds = true;
    world.connect(0);
    world.settle();
    let people = ["juliet@verona.test", "romeo@verona.test", "verona.test"];
    let mutator = Mutator::new(Rng::seed_from_u64(7), &people);
    let mut play = Play { world, mutator, rng: Rng::seed_from_u64(8), said: 0, seed: 7 };
    recorded.iter().for_each(|stanza| play.mutator.learn(stanza));
    let mut tally = Tally::default();
    for stanza in &recorded {
        for _ in 0..CHANGED {
            let mut changed = play.mutator.mutated(stanza);
            if changed.name() == "iq" {
                changed = changed.at("id", play.question());
            }
            play.feed(0, changed, &mut tally);
        }
    }
    println!("{tally:?}");
    assert_eq!((tally.fed, tally.sealed), (recorded.len() * CHANGED, 0), "no key of theirs is here");
    assert!(tally.rows > 0);
}

/// A recorded stanza; the stream around it said the name space.
fn of_a_client(line: &str) -> Element {
    Element::from_reader_with_prefixes(line.as_bytes(), "jabber:client".to_owned()).unwrap()
}

/// Some people who talk, and somebody who changes what they are sent.
struct Play {
    world: World,
    mutator: Mutator,
    rng: Rng,
    said: usize,
    seed: u64,
}

impl Play {
    fn new(seed: u64) -> Play {
        let mut world = World::new();
        for full in ["juliet@capulet.lit/a", "juliet@capulet.lit/b", "romeo@montague.lit/a", "tybalt@capulet.lit/a"] {
            world.device(full);
        }
        // Only version 0.3 is spoken to her.
        world.device("nurse@capulet.lit/a");
        let nurse = world.server.homes.get_mut(NURSE).unwrap();
        nurse.nodes.retain(|node, _| !node.contains("omemo:2"));
        let mutator = Mutator::new(Rng::seed_from_u64(seed), &PEOPLE);
        Play { world, mutator, rng: Rng::seed_from_u64(!seed), said: 0, seed }
    }

    /// The id of a question under way, so that an answer to it is looked at.
    fn question(&mut self) -> String {
        let tx = self.world.devices[0].store.tx().unwrap();
        let mut ids = tx.look().prepare("SELECT iq FROM want WHERE iq IS NOT NULL ORDER BY kind, arg").unwrap();
        let ids: Vec<String> = ids.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        ids[self.rng.random_range(0..ids.len())].clone()
    }

    fn talk(&mut self, tally: &mut Tally) {
        for round in 0..12 {
            if tally.fed >= MUTATIONS {
                return;
            }
            if round % 4 == 3 {
                let someone = self.rng.random_range(0..4);
                self.world.cut(someone);
                self.say_something(tally);
                self.world.connect(someone);
            }
            self.say_something(tally);
        }
    }

    fn say_something(&mut self, tally: &mut Tally) {
        // The nurse only listens: once she had spoken version 2, nobody would speak 0.3 to her.
        let speaker = self.rng.random_range(0..4);
        let from = Server::bare(&self.world.devices[speaker].full);
        let others: Vec<&str> = PEOPLE.into_iter().filter(|person| *person != from).collect();
        let to = others[self.rng.random_range(0..others.len())];
        self.said += 1;
        let text = format!("{from}|{to}|{}", self.said);
        self.world.say(speaker, to, &text).unwrap();
        self.settle(tally);
    }

    /// Carries stanzas like [`World::settle`], and before each one its changed copies.
    fn settle(&mut self, tally: &mut Tally) {
        for _ in 0..10_000 {
            let sent = (0..self.world.devices.len()).any(|number| self.world.upload(number));
            if self.world.server.deliveries.is_empty() {
                match sent {
                    true => continue,
                    false => return,
                }
            }
            let (to, stanza) = self.world.server.deliveries.remove(0);
            self.mutator.learn(&stanza);
            let number = self.world.devices.iter().position(|device| device.full == to && device.online);
            let Some(number) = number else { continue };
            for _ in 0..COPIES {
                let changed = self.mutator.mutated(&stanza);
                self.feed(number, changed, tally);
            }
            self.world.input(number, Input::Stanza(Arrived::Whole(stanza)));
        }
        panic!("the play never ends");
    }

    /// Feeds one changed stanza, looks at what it did, and undoes it.
    fn feed(&mut self, number: usize, changed: Element, tally: &mut Tally) {
        tally.fed += 1;
        let now = self.world.time();
        let device = &mut self.world.devices[number];
        let me = Server::bare(&device.full);
        let xml = String::from(&changed);
        let seed = self.seed;
        let done = catch_unwind(AssertUnwindSafe(|| {
            let tx = device.store.tx().unwrap();
            let (newest, known) = (newest(&tx), known(&tx));
            let input = Input::Stanza(Arrived::Whole(changed.clone()));
            device.engine.handle(&tx, now, &mut device.rng, input).unwrap();
            device.engine.pump(&tx, now, &mut device.rng).unwrap();
            look(&tx, &me, (newest, &known), &changed, tally);
        }));
        assert!(done.is_ok(), "seed {seed}, {me} was sent: {xml}");
    }
}

fn newest(tx: &Tx) -> i64 {
    tx.look().query_row("SELECT coalesce(max(id), 0) FROM message", [], |row| row.get(0)).unwrap()
}

/// Devices whose key is known, with their owners.
fn known(tx: &Tx) -> BTreeSet<(String, u32)> {
    let mut rows = tx.look().prepare("SELECT jid, device FROM device WHERE identity IS NOT NULL").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

/// A row that a changed stanza made.
struct Row {
    own: bool,
    chat: String,
    sender: String,
    body: Option<String>,
    sealed: i64,
    device: Option<u32>,
    identity: Option<Vec<u8>>,
}

/// Checks every row after `newest`; `known` is whose key was known before.
fn look(tx: &Tx, me: &str, (newest, known): (i64, &BTreeSet<(String, u32)>), stanza: &Element, tally: &mut Tally) {
    let sql = "SELECT own, chat, sender, body, sealed, device, identity FROM message WHERE id > ? AND state IS NULL";
    let mut rows = tx.look().prepare(sql).unwrap();
    let rows = rows.query_map([newest], |row| {
        Ok(Row {
            own: row.get(0)?,
            chat: row.get(1)?,
            sender: row.get(2)?,
            body: row.get(3)?,
            sealed: row.get(4)?,
            device: row.get(5)?,
            identity: row.get(6)?,
        })
    });
    for row in rows.unwrap().map(Result::unwrap) {
        tally.rows += 1;
        assert_eq!(row.own, row.sender == me);
        // The end of a catch-up also brings what other stanzas left waiting.
        if stanza.name() == "message" {
            assert_eq!(row.sender, outer_sender(stanza, me), "the wrapper says otherwise");
        }
        if row.sealed > 0 {
            tally.sealed += 1;
            has_the_senders_key(tx, &row);
            let owner = (row.sender.clone(), row.device.unwrap());
            match row.sealed == 2 || known.contains(&owner) {
                true => owner_of_the_key_wrote(me, &row),
                false => tally.claimed += 1,
            }
        }
    }
}

/// Who sent a message, looking into a wrapper only if it is our own account's.
fn outer_sender(stanza: &Element, me: &str) -> String {
    let from = |message: &Element| Server::bare(message.attr("from").unwrap_or(me));
    let wraps = |child: &&Element| match child.name() {
        "result" => child.ns() == ns::MAM,
        "sent" | "received" => child.ns() == ns::CARBONS,
        _ => false,
    };
    let Some(wrapper) = stanza.children().find(wraps) else { return from(stanza) };
    assert!(stanza.attr("from").is_none_or(|outer| outer == me), "a wrapper of {:?} was opened", stanza.attr("from"));
    let forwarded = wrapper.get_child("forwarded", ns::FORWARD).expect("a row came out of it");
    from(forwarded.get_child("message", ns::CLIENT).expect("a row came out of it"))
}

/// The row names the key that sealed it, and that is the sender's.
fn has_the_senders_key(tx: &Tx, row: &Row) {
    let device = row.device.expect("a sealed row names the device");
    let identity = row.identity.as_deref().expect("a sealed row names the key");
    let listed = tx.device(&row.sender, device).unwrap().expect("the device is the sender's");
    assert_eq!(listed.identity.expect("its key is known"), identity, "the key is another device's");
}

/// The words are those of the sender, and to us.
fn owner_of_the_key_wrote(me: &str, row: &Row) {
    let body = row.body.as_deref().expect("a sealed row was read");
    let mut words = body.split('|');
    assert_eq!(words.next(), Some(row.sender.as_str()), "somebody else said: {body}");
    // Version 2 seals the recipient too (XEP-0420).
    if row.sealed == 2 {
        assert_eq!(words.next(), Some(if row.own { row.chat.as_str() } else { me }), "said to somebody else: {body}");
    }
}
