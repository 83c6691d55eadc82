//! A scripted chat that uses every payload, listened to on the server's side of the wire.

use dunnock_tests::dunnock::{Device, Rpc};
use dunnock_tests::prosody::Prosody;
use dunnock_tests::report;
use dunnock_tests::tap::{OMEMO_2, Tap};
use minidom::Element;
use serde_json::{Value, json};

/// What may stand in clear in a message beside the sealed part (XEP-0420 section 8, XEP-0359, XEP-0380).
const OUTSIDE: &[(&str, &str)] = &[
    ("encrypted", OMEMO_2),
    ("encryption", "urn:xmpp:eme:0"),
    ("store", "urn:xmpp:hints"),
    ("no-store", "urn:xmpp:hints"),
    ("no-copy", "urn:xmpp:hints"),
    ("origin-id", "urn:xmpp:sid:0"),
];

/// The messages that this client sent.
fn messages(tap: &Tap, client: &str) -> Vec<Element> {
    let of = tap.sent().filter(|stanza| stanza.client.starts_with(client));
    of.filter_map(|stanza| stanza.element()).filter(|element| element.name() == "message").collect()
}

/// The elements of these messages that are not on the list: `name namespace`.
pub(crate) fn sensitive(messages: &[Element]) -> Vec<String> {
    let children = messages.iter().flat_map(|message| message.children());
    let other = children.filter(|child| !OUTSIDE.iter().any(|(name, namespace)| child.is(*name, *namespace)));
    other.map(|child| format!("{} {}", child.name(), child.ns())).collect()
}

/// Says everything that can be said, to `other`; hands back the row's id of what was reacted to.
pub(crate) fn says_everything(rpc: &mut Rpc, account: &str, other: &str) -> String {
    let first = rpc.says(account, other, "canary: by yonder airlock");
    let second = rpc.says(account, other, "canary: take this back");
    let is_sent = |event: &Value| event["message"] == second && event["state"] == "sent";
    rpc.event("delivery", "sent", is_sent);
    let of = |more: Value| {
        let mut params = json!({ "account": account });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    rpc.ok("message.react", of(json!({ "message": first, "emojis": ["🐦"] })));
    rpc.ok("message.correct", of(json!({ "message": first, "text": "canary: by yonder window" })));
    rpc.ok("message.retract", of(json!({ "message": second })));
    rpc.ok("chat.typing", of(json!({ "chat": other, "state": "composing" })));
    rpc.ok("chat.mark_read", of(json!({ "chat": other })));
    rpc.ok("message.send", of(json!({ "to": other, "text": "canary: the end", "reply_to": first })));
    first
}

#[test]
fn a_chat_that_uses_every_payload_shows_nothing_of_them_on_the_wire() {
    let server = Prosody::with_accounts(&["juliet", "romeo", "nurse"]);
    let (her, him, nurse) = (server.jid("juliet"), server.jid("romeo"), server.jid("nurse"));
    let (juliet, romeo) = (Device::new("juliet"), Device::new("romeo"));
    let mut juliet = juliet.online(&server, "juliet");
    let mut romeo = romeo.online(&server, "romeo");
    // Whom one heard from of late is told who types.
    romeo.tells(&him, &her, "canary: hark", &juliet);
    let first = says_everything(&mut juliet, &her, &him);
    romeo.sees("canary: the end");
    let changes = |rpc: &Rpc| -> Vec<String> {
        let mut all: Vec<String> =
            rpc.events("changed").iter().map(|event| event["change"].as_str().unwrap().to_owned()).collect();
        all.sort();
        all
    };
    assert_eq!(changes(&romeo), ["corrected", "reacted", "retracted"]);
    romeo.event("typing", "Juliet types", |event| event["chat"] == her && event["typing"] == true);
    let rows = romeo.timeline(&him, &her);
    assert_eq!(rows[1]["text"], "canary: by yonder window");
    assert_eq!(rows[1]["reactions"], json!([{ "emoji": "🐦", "from": [her] }]));
    assert!(rows[1]["edited"].is_string() && rows[2]["retracted"].is_string() && rows[2]["text"].is_null());
    assert_eq!(rows[3]["reply_to"], rows[1]["message"]);
    // He reads: all of hers is displayed.
    romeo.ok("chat.mark_read", json!({ "account": him, "chat": her }));
    juliet.event("delivery", "displayed", |event| event["message"] == first && event["state"] == "displayed");
    // The control: the same in an unsealed chat, where the tap must see it.
    juliet.ok("chat.allow_plain", json!({ "account": her, "chat": nurse, "allow": true }));
    says_everything(&mut juliet, &her, &nurse);
    let seen = ["canary: the end", "urn:xmpp:reply:0"];
    server.wait_until_sent("plain words", |stanza| seen.iter().all(|word| stanza.xml.contains(word)));
    let tap = server.tap();
    let (to_nurse, sealed): (Vec<Element>, Vec<Element>) =
        [&her, &him].iter().flat_map(|who| messages(&tap, who)).partition(|one| one.attr("to") == Some(&nurse));
    let shown = sensitive(&to_nurse);
    for payload in [
        "body jabber:client",
        "reactions urn:xmpp:reactions:0",
        "replace urn:xmpp:message-correct:0",
        "retract urn:xmpp:message-retract:1",
        "composing http://jabber.org/protocol/chatstates",
        "reply urn:xmpp:reply:0",
        "request urn:xmpp:receipts",
    ] {
        assert!(shown.iter().any(|one| one == payload), "the tap is deaf: no {payload} in {shown:?}");
    }
    assert_eq!(sensitive(&sealed), Vec::<String>::new());
    assert!(sealed.iter().all(|one| !String::from(one).contains("canary")));
    assert!(sealed.len() >= 10, "{}", sealed.len());
    tap.assert_no_key_used_twice();
    report::note(&format!(
        "wire tap: every payload in {} sealed messages, {} sensitive elements outside; in clear the tap sees {}",
        sealed.len(),
        sensitive(&sealed).len(),
        shown.len()
    ));
    assert_eq!((juliet.close(), romeo.close()), (Some(0), Some(0)));
}

#[test]
fn the_commands_for_changes_end_when_the_server_has_them() {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let (her, him) = (server.jid("juliet"), server.jid("romeo"));
    let (juliet, romeo) = (Device::logged_in("juliet", &server, "juliet"), Device::new("romeo"));
    let mut romeo = romeo.online(&server, "romeo");
    romeo.says(&him, &her, "O Romeo, Romeo!");
    let sent = juliet.rows(&["send", &him, "Deny thy father"]);
    let id = sent[0]["message"].as_str().unwrap().to_owned();
    romeo.sees("Deny thy father");
    let changed = |change: &str| romeo.event("changed", change, |event| event["change"] == change);
    juliet.rows(&["react", &id, "🌹", "🥀"]);
    assert_eq!(changed("reacted")["reactions"][0]["emoji"], "🌹");
    juliet.rows(&["correct", &id, "Deny thy father and refuse thy name"]);
    assert_eq!(changed("corrected")["text"], "Deny thy father and refuse thy name");
    juliet.rows(&["read", &him]);
    romeo.event("delivery", "displayed", |event| event["state"] == "displayed");
    juliet.rows(&["retract", &id]);
    assert!(changed("retracted")["retracted"].is_string());
    let history = juliet.run(&["history", &him]).output;
    assert!(history.contains("(taken back)"), "{history}");
    assert_eq!(juliet.json(&["react", &id, "word"]).refused().kind, "invalid_input");
    assert_eq!(juliet.json(&["correct", &id, "again"]).refused().kind, "not_changeable");
    assert_eq!(juliet.json(&["retract", "12345"]).refused().kind, "unknown_message");
    assert_eq!(romeo.close(), Some(0));
}
