//! A contact who sends what no client sends, and wrappers that are not theirs to make, over a real server.

use dunnock_tests::dunnock::{Device, Rpc};
use dunnock_tests::environment::is_soak;
use dunnock_tests::prosody::{Prosody, Settings};
use dunnock_tests::raw::{self, Raw};
use dunnock_tests::report;
use dunnock_tests::tap::OMEMO_03;
use serde_json::json;

/// What the process may hold after all that beyond what it held before, bytes. Allocators keep some of a burst.
const MORE: u64 = 48 << 20;

/// Juliet and Romeo with Dunnock, and Mercutio, who is hostile.
fn verona() -> (Prosody, Device, Device, Rpc, Rpc, Raw) {
    let server = Prosody::start(Settings { extra: raw::SETTINGS.to_owned(), ..Settings::default() });
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

/// Bytes of memory that are the process's own.
fn rss_anon(rpc: &mut Rpc) -> u64 {
    let id = rpc.process().process().id();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("Linux tells it");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number") * 1024
}

#[test]
fn a_hostile_contact_costs_no_message_and_no_memory() {
    let (server, _juliet, _romeo, mut hers, mut his, mut mercutio) = verona();
    let (me, friend) = (server.jid("juliet"), server.jid("romeo"));
    let before = rss_anon(&mut hers);
    let to = format!("to='{me}' type='chat'");
    let mut round = |what: &str, stanza: &str, times: usize| {
        for _ in 0..times {
            mercutio.send(stanza);
        }
        mercutio.send(&format!("<message {to} id='after {what}'><body>after {what}</body></message>"));
        hers.sees(&format!("after {what}"));
        his.says(&friend, &me, &format!("through {what}"));
        let seen = hers.sees(&format!("through {what}"));
        assert_eq!(seen["sealed"], "full");
        let now = rss_anon(&mut hers);
        assert!(now < before + MORE, "after {what}: {} MiB, before {} MiB", now >> 20, before >> 20);
        now >> 20
    };
    let nested =
        format!("<message {to} id='n'><body>n</body>{}{}</message>", "<a>".repeat(25_000), "</a>".repeat(25_000));
    let long = format!("<message {to} id='l'><body>{}</body></message>", "l".repeat(1_000_000));
    let keys: String = (0..10_000).map(|number| format!("<key rid='{number}'>MwohBQ==</key>")).collect();
    let keys = format!(
        "<message {to} id='k'><encrypted xmlns='{OMEMO_03}'><header sid='7'>{keys}<iv>AAAA</iv></header><payload>AAAA</payload>\
         </encrypted></message>"
    );
    let typing = format!("<message {to}><composing xmlns='http://jabber.org/protocol/chatstates'/></message>");
    let small = format!("<message {to}><body>small</body></message>");
    let many = if is_soak() { 50_000 } else { 1_000 };
    let figures = [
        round("nesting", &nested, 2),
        round("length", &long, 5),
        round("keys", &keys, 2),
        round("typing", &typing, many),
        round("small talk", &small, many),
    ];
    report::note(&format!("hostile contact: RssAnon {} MiB before, then {figures:?} MiB", before >> 20));
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
