//! That nothing of what is said stands outside of what is sealed, whatever is said.

use super::*;
use crate::engine::content::{Content, Reply};
use crate::engine::letter::{self, Words};
use crate::engine::markers::Marker;
use crate::engine::reactions::Reactions;
use crate::engine::receipts::Receipt;
use crate::engine::room::spoken::Spoken;
use crate::engine::trust::messages::{Said, TrustMessage};
use crate::engine::xml::{Build, el};
use crate::engine::{ns, recipients};
use crate::seal::{ExtrasAllowed, Sealed};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const ROMEO: &str = "romeo@montague.lit";

/// Stands in everything that is said, and may stand nowhere in clear.
const CANARY: &str = "canary";

/// What XEP-0420 section 8 leaves outside, and the sealed part: an own list, not the one that is tested.
const OUTSIDE: &[(&str, &str, &[&str])] = &[
    ("encrypted", "urn:xmpp:omemo:2", &[]),
    ("encryption", "urn:xmpp:eme:0", &["namespace", "name"]),
    ("store", "urn:xmpp:hints", &[]),
    ("no-store", "urn:xmpp:hints", &[]),
    ("no-copy", "urn:xmpp:hints", &[]),
    ("origin-id", "urn:xmpp:sid:0", &["id"]),
];

fn id() -> impl Strategy<Value = String> {
    "[ -~äß☂]{0,40}".prop_map(|text| format!("{CANARY} {text}"))
}

/// Anything that can be said. Whoever adds a payload to [`Content`] has to add it here: it does not compile else.
fn anything() -> impl Strategy<Value = Content> {
    let body = proptest::option::of("\\PC{0,300}".prop_map(|text| format!("{CANARY}{text}")));
    let reply = proptest::option::of(id().prop_map(|id| Reply { id, to: format!("{CANARY}@x.example") }));
    let emojis = proptest::collection::vec(proptest::sample::select(vec!["👍", "❤️", "🇩🇪", "1️⃣", "👋🏿"]), 0..5);
    let reactions = (id(), emojis).prop_map(|(id, emojis)| {
        let mut emojis: Vec<String> = emojis.into_iter().map(str::to_owned).collect();
        emojis.sort();
        emojis.dedup();
        Reactions { id, emojis }
    });
    let receipt = prop_oneof![Just(Receipt::Wanted), id().prop_map(Receipt::Received)];
    let marker = prop_oneof![Just(Marker::Wanted), id().prop_map(Marker::Displayed)];
    let word = (any::<[u8; 32]>(), any::<bool>());
    let word = word.prop_map(|(key, trusts)| Said { jid: format!("{CANARY}@x.example"), key, trusts });
    let trust = proptest::collection::vec(word, 1..3).prop_map(|said| TrustMessage { said });
    let members = proptest::collection::vec(any::<bool>(), 1..3).prop_map(|words| Spoken {
        room: format!("{CANARY}@rooms.example"),
        said: words.into_iter().map(|asked_in| (format!("{CANARY}@x.example"), asked_in)).collect(),
    });
    let texts = (body, reply, proptest::option::of(id()), proptest::option::of(id()));
    let others = (
        proptest::option::of(reactions),
        proptest::option::of(receipt),
        proptest::option::of(marker),
        proptest::option::of(any::<bool>()),
        proptest::option::of(trust),
        proptest::option::of(members),
    );
    (texts, others).prop_map(|((body, reply, replaces, retracts), others)| {
        let (reactions, receipt, marker, typing, trust, members) = others;
        Content { body, reply, replaces, retracts, reactions, receipt, marker, typing, trust, members }
    })
}

fn is_listed(child: &Element) -> bool {
    let found = OUTSIDE.iter().find(|(name, namespace, _)| child.is(*name, *namespace));
    found.is_some_and(|(_, _, attributes)| {
        child.attrs().iter().all(|((_, name), _)| attributes.contains(&name.as_str()))
    })
}

/// Each way to put `element` into the clear side of `stanza`.
fn misplaced(stanza: &Element, element: &Element) -> Vec<Element> {
    let mut all =
        vec![stanza.clone().kid(element.clone()), stanza.clone().words(CANARY), stanza.clone().at("note", CANARY)];
    let many = stanza.children().count();
    for place in 0..many {
        for change in [
            |child: Element, element: &Element| child.kid(element.clone()),
            |child: Element, _: &Element| child.at("note", CANARY),
            |child: Element, _: &Element| child.words(format!("{CANARY} {CANARY}")),
        ] {
            let children = stanza.children().cloned().enumerate();
            let children = children.map(|(n, child)| if n == place { change(child, element) } else { child });
            all.push(el("message", ns::CLIENT).at("to", ROMEO).kids(children));
        }
    }
    let sealed = stanza.get_child("encrypted", ns::OMEMO2).unwrap();
    let header = sealed.get_child("header", ns::OMEMO2).unwrap();
    for header in [
        header.clone().kid(element.clone()),
        header.clone().at("sid", CANARY),
        header.clone().kid(el("keys", ns::OMEMO2).at("jid", "a@b").kid(element.clone())),
        header.clone().kid(el("keys", ns::OMEMO2).at("jid", "a@b").kid(el("key", ns::OMEMO2).words("two words"))),
    ] {
        let sealed = el("encrypted", ns::OMEMO2).kid(header);
        all.push(el("message", ns::CLIENT).at("to", ROMEO).kid(sealed));
    }
    all
}

#[test]
fn whatever_is_said_nothing_outside_the_list_is_outside_the_envelope() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    world.device("romeo@montague.lit/orchard");
    world.says(juliet, ROMEO, "hark");
    let now = world.time();
    let device = &mut world.devices[juliet];
    let tx = device.store.tx().unwrap();
    let seal = |content: &Content, lasting: bool| {
        let (engine, rng) = (&mut device.engine, &mut device.rng);
        let sealed = engine.run(&tx, now, rng, |ctx| {
            let targets = recipients::of(ctx, ROMEO, 0)?.reach;
            let frame = letter::frame(ctx, ROMEO, "an id")?;
            let words = Words { chat: ROMEO, content, lasting };
            let letter = letter::seal(ctx, frame, &words, &targets)?;
            Ok(letter.map(|letter| String::from_utf8(letter.stanza.as_bytes().to_vec()).unwrap()))
        });
        sealed.unwrap().0
    };
    let seal = std::cell::RefCell::new(seal);
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let property = |(content, lasting): (Content, bool)| {
        let said = content.elements();
        let envelope = el("content", ns::SCE).kids(said.clone());
        prop_assert_eq!(&Content::of(&envelope), &content, "what is sealed can be read");
        let text = (seal.borrow_mut())(&content, lasting).expect("there is a device of version 2");
        prop_assert!(!text.contains(CANARY), "{}", text);
        let stanza: Element = text.parse().unwrap();
        prop_assert!(stanza.children().all(is_listed), "{}", text);
        prop_assert!(Sealed::message(&stanza).is_ok());
        for element in &said {
            for wrong in misplaced(&stanza, element) {
                prop_assert!(Sealed::message(&wrong).is_err(), "{}", String::from(&wrong));
            }
        }
        Ok(())
    };
    runner.run(&(anything(), any::<bool>()), property).unwrap();
}

/// What a person allowed in clear is what the list says and no more; texts are never among it.
#[test]
fn allowed_extras_are_all_payloads_but_the_text() {
    let base = || el("message", ns::CLIENT).at("to", ROMEO).at("type", "chat");
    let allowed = || ExtrasAllowed::by_person(true).unwrap();
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let property = |content: Content| {
        let extras = base().kids(content.extras());
        prop_assert!(Sealed::with_extras(&extras, allowed()).is_ok(), "{}", String::from(&extras));
        let left = crate::seal::without_extras(&extras);
        prop_assert_eq!(left.children().count(), 0);
        if content.body.is_some() {
            prop_assert!(Sealed::with_extras(&base().kids(content.elements()), allowed()).is_err());
        }
        for extra in content.extras() {
            let inside = base().kid(extra.clone().kid(el("body", ns::CLIENT).words(CANARY)));
            prop_assert!(Sealed::with_extras(&inside, allowed()).is_err());
            prop_assert!(Sealed::with_extras(&base().kid(extra.at("note", CANARY)), allowed()).is_err());
        }
        Ok(())
    };
    runner.run(&anything(), property).unwrap();
    assert!(ExtrasAllowed::by_person(false).is_none());
}

/// A device of version 0.3 gets the text sealed, and the rest only where a person allowed it in clear.
#[test]
fn to_version_0_3_nothing_that_it_cannot_seal_goes_unless_it_was_allowed() {
    let mut world = World::new();
    let juliet = world.device("juliet@capulet.lit/balcony");
    let romeo = world.device("romeo@montague.lit/orchard");
    world.says(juliet, ROMEO, "hark");
    // Romeo is one who only ever had 0.3.
    let sql = "UPDATE device SET listed2 = 0, ever2 = 0 WHERE jid = 'romeo@montague.lit'";
    let forget = |world: &mut World| {
        world.devices[juliet].store.read().execute(sql, []).unwrap();
    };
    forget(&mut world);
    let begin = world.server.tap.len();
    let id = world.says(juliet, ROMEO, "a text").to_string();
    let said: String = world.server.tap[begin..].iter().map(String::from).collect();
    assert!(said.contains(ns::OMEMO03) && said.contains(ns::RECEIPTS) && !said.contains("a text"));
    assert!(!said.contains(ns::MARKERS), "the wish for a marker stays unsaid");
    let begin = world.server.tap.len();
    let refused = |world: &mut World| {
        let commands = [
            Command::React { message: id.clone(), emojis: vec!["👍".into()] },
            Command::Correct { message: id.clone(), text: "another".into() },
            Command::Retract { message: id.clone() },
        ];
        commands.map(|command| world.command(juliet, command).err().map(|error| error.kind))
    };
    assert_eq!(refused(&mut world), [Some(crate::ErrorKind::ExtrasNotAllowed); 3]);
    world.command(juliet, Command::Typing { chat: ROMEO.into(), typing: true }).unwrap();
    world.command(juliet, Command::MarkRead { chat: ROMEO.into() }).unwrap();
    world.settle();
    assert_eq!(world.server.tap.len(), begin, "nothing left");
    world.command(juliet, Command::AllowExtras { chat: ROMEO.into(), allow: true }).unwrap();
    world.command(juliet, Command::React { message: id.clone(), emojis: vec!["👍".into()] }).unwrap();
    world.command(juliet, Command::Correct { message: id.clone(), text: "canary".into() }).unwrap();
    world.command(juliet, Command::Typing { chat: ROMEO.into(), typing: true }).unwrap();
    world.settle();
    let tap: String = world.server.tap[begin..].iter().map(String::from).collect();
    for said in ["👍", ns::CORRECT, "composing"] {
        assert!(tap.contains(said), "{said}");
    }
    assert!(!tap.contains("canary"), "a text is sealed in any case");
    let _ = romeo;
}
