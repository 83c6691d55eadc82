//! What a real server sends to one of its clients, from login to talk: the stanzas that the engine's mutation test changes.
//!
//! With `DUNNOCK_CORPUS` set to a folder this writes them there (`core/src/engine/tests/corpus`), one file for a version.

use dunnock_tests::dunnock::Device;
use dunnock_tests::peer::{Peer, Version};
use dunnock_tests::prosody::{Prosody, Settings};
use serde_json::json;
use std::collections::BTreeMap;

/// So many stanzas of one shape are enough.
const ALIKE: usize = 2;
/// Longer ones are left out: a bundle has a hundred pre-keys.
const LONGEST: usize = 12_000;

#[test]
fn a_whole_evening_shows_every_kind_of_stanza() {
    let server = Prosody::start(Settings { tap_out: true, ..Settings::default() });
    ["juliet", "romeo", "tybalt"].iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    let (her, him, nobody) = (server.jid("juliet"), server.jid("romeo"), server.jid("rosaline"));
    let mut romeo = Peer::start(&server, "romeo");
    let (balcony, tomb) = (Device::new("balcony"), Device::new("tomb"));
    let mut online = balcony.online(&server, "juliet");
    let second = tomb.online(&server, "juliet");
    online.trusts(&her, &her);
    romeo.befriends(&her);
    online.ok("contact.add", json!({ "account": her, "jid": him }));
    online.ok("contact.accept", json!({ "account": her, "jid": him }));
    for (text, version) in [("three", Version::V03), ("two", Version::V2)] {
        romeo.says(&her, text, version);
        online.sees(text);
        second.sees(text);
    }
    online.says(&her, &him, "mine");
    romeo.sees("mine");
    second.event("message", "the copy", |event| event["text"] == "mine");
    romeo.says_plainly(&her, "plain");
    online.sees("plain");
    online.ok("chat.allow_plain", json!({ "account": her, "chat": nobody, "allow": true }));
    let message = online.says(&her, &nobody, "Art thou there?");
    online.event("delivery", "failed", |event| event["message"] == message && event["state"] == "failed");
    assert_eq!(online.close(), Some(0));
    romeo.says(&her, "late", Version::V2);
    second.sees("late");
    let mut online = balcony.rpc();
    online.connect(&her);
    online.sees("late");
    assert_eq!(online.close(), Some(0));
    let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for stanza in server.tap().stanzas.iter().filter(|stanza| !stanza.incoming && stanza.client.starts_with(&her)) {
        let Some(element) = stanza.element().filter(|_| stanza.xml.len() <= LONGEST) else { continue };
        let parts: Vec<String> = element.children().map(|child| format!("{} {}", child.name(), child.ns())).collect();
        let kind = format!("{} {:?} {}", element.name(), element.attr("type"), parts.join(", "));
        let alike = kinds.entry(kind).or_default();
        if ["message", "iq", "presence"].contains(&element.name()) && alike.len() < ALIKE {
            alike.push(stanza.xml.clone());
        }
    }
    let all: Vec<&str> = kinds.values().flatten().map(String::as_str).collect();
    for wanted in
        ["urn:xmpp:omemo:2", "eu.siacs", "urn:xmpp:carbons:2", "urn:xmpp:mam:2", "jabber:iq:roster", "type='error'"]
    {
        assert!(all.iter().any(|xml| xml.contains(wanted)), "no stanza with {wanted}");
    }
    if let Some(folder) = std::env::var_os("DUNNOCK_CORPUS") {
        let name = if server.is_13() { "prosody-13.xml" } else { "prosody-0.12.xml" };
        let text = all.iter().map(|xml| format!("{xml}\n")).collect::<String>();
        std::fs::write(std::path::Path::new(&folder).join(name), text).unwrap();
    }
}
