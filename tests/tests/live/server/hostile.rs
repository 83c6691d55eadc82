//! A contact who sends what no client sends, and wrappers that are not theirs to make, over a real server.

use dunnock_tests::dunnock::{Device, Rpc};
use dunnock_tests::environment::is_soak;
use dunnock_tests::prosody::{Prosody, Settings};
use dunnock_tests::raw::{self, Raw};
use dunnock_tests::report;
use dunnock_tests::tap::OMEMO_03;
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;

/// What the process may hold at most beyond what it held before, bytes. A tree of 10,000 elements takes ten megabytes, the
/// brain may be handed one of them beyond eight megabytes, and allocators keep some of a burst for each thread.
const MORE: u64 = 96 << 20;

/// How long a server may take to hand on the worst of it: Prosody takes some seconds for each 25,000 levels.
const WORST: Duration = Duration::from_secs(20 * 60);

/// Juliet and Romeo with Dunnock, and Mercutio, who is hostile.
fn verona() -> (Prosody, Device, Device, Rpc, Rpc, Raw) {
    let server = Prosody::start(Settings { extra: raw::SETTINGS.to_owned(), in_memory: true, ..Settings::default() });
    ["juliet", "romeo", "mercutio"].iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    let (juliet, romeo) = (Device::new("juliet"), Device::new("romeo"));
    let mut hers = juliet.online(&server, "juliet");
    let mut his = romeo.online(&server, "romeo");
    his.says(&server.jid("romeo"), &server.jid("juliet"), "before");
    hers.sees("before");
    hers.says(&server.jid("juliet"), &server.jid("romeo"), "before too");
    his.sees("before too");
    let mercutio = Raw::online(&server, "mercutio");
    (server, juliet, romeo, hers, his, mercutio)
}

/// The most memory that the process ever held, bytes.
fn peak(rpc: &mut Rpc) -> u64 {
    let id = rpc.process().process().id();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number") * 1024
}

/// A message of Mercutio's; `number` makes each another message.
fn message(to: &str, number: usize, content: &str) -> String {
    format!("<message to='{to}' type='chat' id='m{number}'>{content}</message>")
}

/// One kind of hostile content.
struct Content {
    name: &'static str,
    times: usize,
    xml: String,
    fate: Fate,
    /// Juliet's process stands still until all of it waits for her.
    asleep: bool,
}

/// All kinds: past our limits (64 levels, 1 MiB, 10,000 elements), just below them, and many.
fn contents() -> [Content; 9] {
    let deep = |levels: usize| format!("<body>n</body>{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
    let long = |bytes: usize| format!("<body>{}</body>", "l".repeat(bytes));
    let keys = |count: usize| {
        let keys: String = (0..count).map(|number| format!("<key rid='{number}'>MwohBQ==</key>")).collect();
        format!(
            "<encrypted xmlns='{OMEMO_03}'><header sid='7'>{keys}<iv>AAAA</iv></header><payload>AAAA</payload></encrypted>"
        )
    };
    let typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>".to_owned();
    let (few, some, many) = if is_soak() { (10, 60, 50_000) } else { (2, 8, 1_000) };
    let content = |name, times, xml, fate| Content { name, times, xml, fate, asleep: false };
    [
        content("25,000 levels", few, deep(25_000), Fate::TooLarge),
        content("60 levels", few, deep(60), Fate::Text(1)),
        content("1 MB", few, long(1_000_000), Fate::Text(1_000_000)),
        content("1.1 MB", few, long(1_100_000), Fate::TooLarge),
        content("10,000 keys", few, keys(10_000), Fate::TooLarge),
        content("9,900 keys", few, keys(9_900), Fate::Nothing),
        Content { asleep: true, ..content("9,900 keys while asleep", some, keys(9_900), Fate::Nothing) },
        content("typing", many, typing, Fate::Nothing),
        content("small talk", many, long(5), Fate::Text(5)),
    ]
}

/// What has to come of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// A row that says that it was too large: it came as far as our reader.
    TooLarge,
    /// A row with so many letters.
    Text(usize),
    /// No row, or an unreadable one of another kind.
    Nothing,
}

#[test]
fn a_hostile_contact_costs_no_message_and_no_memory() {
    let (server, _juliet, _romeo, mut hers, mut his, mut mercutio) = verona();
    let (me, friend) = (server.jid("juliet"), server.jid("romeo"));
    let before = peak(&mut hers);
    hers.events("connection");
    let mut number = 0;
    let mut figures = Vec::new();
    for Content { name, times, xml, fate, asleep } in contents() {
        if asleep {
            hers.process().process().signal(Signal::STOP);
        }
        for _ in 0..times {
            number += 1;
            mercutio.send(&message(&me, number, &xml));
        }
        mercutio.send(&message(&me, 0, &format!("<body>after {name}</body>")));
        if asleep {
            // The server works in order.
            mercutio.send(&message(&friend, 0, "<body>she sleeps</body>"));
            sees_at_last(&his, "she sleeps");
            hers.process().process().signal(Signal::CONT);
        }
        sees_at_last(&hers, &format!("after {name}"));
        let arrived = hers.events("message").iter().filter(|event| fate == Fate::Text(letters(event))).count();
        let thrown = hers.events("unreadable").iter().filter(|event| event["reason"] == "too_large").count();
        let wanted = match fate {
            Fate::TooLarge => (0, times),
            Fate::Text(_) => (times, 0),
            Fate::Nothing => (0, 0),
        };
        assert_eq!((arrived, thrown), wanted, "of {times} times {name}: read, and thrown away");
        his.says(&friend, &me, &format!("through {name}"));
        let seen = hers.sees(&format!("through {name}"));
        assert_eq!(seen["sealed"], "full");
        let now = peak(&mut hers);
        assert!(now < before + MORE, "after {name}: {} MiB, before {} MiB", now >> 20, before >> 20);
        figures.push(format!("{times} x {name} {fate:?}: {}", now >> 20));
    }
    // A server that is busy with 25,000 levels for longer than we wait for an answer is left and come back to.
    let crashed = hers.events("connection").into_iter().find(|event| event["error"] == "crashed");
    assert!(crashed.is_none(), "{crashed:?}");
    report::note(&format!(
        "hostile contact: peak memory in MiB, at first {}, after {}",
        before >> 20,
        figures.join("; ")
    ));
}

/// Waits for a text, for minutes.
fn sees_at_last(rpc: &Rpc, text: &str) {
    rpc.event_within(WORST, "message", text, |event| event["text"] == text);
}

/// How long the text of a message is.
fn letters(event: &serde_json::Value) -> usize {
    event["text"].as_str().unwrap_or_default().len()
}

#[test]
fn wrappers_and_receipts_of_a_stranger_are_dropped() {
    let (server, _juliet, _romeo, mut hers, his, mut mercutio) = verona();
    let (me, friend) = (server.jid("juliet"), server.jid("romeo"));
    // Romeo's process dies, so that nothing but a forgery can confirm this one.
    his.kill();
    let sent =
        hers.ok("message.send", json!({ "account": me, "to": friend, "text": "art thou there", "origin_id": "q1" }));
    hers.event("delivery", "sent", |event| event["message"] == sent["message"] && event["state"] == "sent");
    let inner = format!(
        "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{friend}/x' to='{me}' type='chat' id='f'>\
         <body>forged</body></message></forwarded>"
    );
    let own = inner.replace(&format!("from='{friend}/x' to='{me}'"), &format!("from='{me}/x' to='{friend}'"));
    let forgeries = [
        format!("<received xmlns='urn:xmpp:carbons:2'>{inner}</received>"),
        format!("<sent xmlns='urn:xmpp:carbons:2'>{own}</sent>"),
        format!("<result xmlns='urn:xmpp:mam:2' queryid='catch-up-1' id='1'>{inner}</result>"),
        format!("<result xmlns='urn:xmpp:mam:2' id='2'>{inner}</result>"),
        "<received xmlns='urn:xmpp:receipts' id='q1'/>".to_owned(),
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='q1'/>".to_owned(),
    ];
    for forgery in &forgeries {
        mercutio.send(&format!("<message to='{me}' type='chat'>{forgery}</message>"));
    }
    mercutio.send(&format!("<message to='{me}' type='error' id='q1'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"));
    // The same id as Romeo's, with other words, and the end of it all.
    mercutio.send(&format!("<message to='{me}' type='chat' id='q1'><body>a plague on both</body></message>"));
    hers.sees("a plague on both");
    let rows = hers.timeline(&me, &friend);
    let row = rows.iter().find(|row| row["origin_id"] == "q1").expect("it was sent");
    assert_eq!(row["state"], "sent", "{row}");
    let rows: Vec<_> = rows.into_iter().chain(hers.timeline(&me, &server.jid("mercutio"))).collect();
    assert!(rows.iter().all(|row| row["text"] != "forged"), "{rows:?}");
    let texts: Vec<&str> = rows.iter().filter_map(|row| row["text"].as_str()).collect();
    assert_eq!(texts, ["before", "before too", "art thou there", "a plague on both"]);
}
