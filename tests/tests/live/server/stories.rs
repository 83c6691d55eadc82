//! What people do with each other, through the real program and a real server.

use dunnock_tests::archive;
use dunnock_tests::commands::Place;
use dunnock_tests::dunnock::{Device, Rpc};
use dunnock_tests::prosody::Prosody;
use serde_json::{Value, json};

fn of(account: &str) -> Value {
    json!({ "account": account })
}

/// Waits until the contact list has this person like this.
fn contact(rpc: &mut Rpc, account: &str, jid: &str, fits: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..600 {
        let rows = rpc.ok("contact.list", of(account));
        let row = rows.as_array().unwrap().iter().find(|row| row["jid"] == jid).cloned();
        if let Some(row) = row.filter(&fits) {
            return row;
        }
        // The contract has no event of contacts; a round trip to the server is as good a pause as any.
        rpc.try_event(std::time::Duration::from_millis(50), "never", |_| true);
    }
    panic!("{jid} never became what was wanted: {}", rpc.ok("contact.list", of(account)));
}

#[test]
fn a_first_talk_needs_nothing_but_two_logins() {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let (juliet, romeo) = (Device::logged_in("juliet", &server, "juliet"), Device::new("romeo"));
    let (her, him) = (server.jid("juliet"), server.jid("romeo"));
    let mut online = romeo.online(&server, "romeo");
    let sent = juliet.rows(&["send", &him, "O Romeo, Romeo!"]);
    let row = online.sees("O Romeo, Romeo!");
    assert_eq!((row["sealed"].as_str(), row["from"].as_str()), (Some("full"), Some(her.as_str())));
    assert_eq!(row["origin_id"], sent[0]["origin_id"]);
    let answer = online.says(&him, &her, "Shall I hear more?");
    online.event("delivery", "sent", |event| event["message"] == answer && event["state"] == "sent");
    assert_eq!(online.close(), Some(0));
    // She reads it when she comes back, and it is confirmed to him when he does.
    let mut her_online = juliet.rpc();
    her_online.connect(&her);
    her_online.sees("Shall I hear more?");
    let mut online = romeo.rpc();
    online.connect(&him);
    online.event("delivery", "delivered", |event| event["message"] == answer && event["state"] == "delivered");
    assert_eq!(online.close(), Some(0));
    assert_eq!(her_online.close(), Some(0));
    assert_eq!(juliet.texts(&him), ["O Romeo, Romeo!", "Shall I hear more?"]);
    assert_eq!(romeo.texts(&her), ["O Romeo, Romeo!", "Shall I hear more?"]);
    let chats = juliet.rows(&["chats"]);
    assert_eq!((chats.len(), chats[0]["chat"].as_str()), (1, Some(him.as_str())));
    assert_eq!(chats[0]["last"]["text"], "Shall I hear more?");
    let found = juliet.rows(&["search", "hear", "more"]);
    assert_eq!((found.len(), found[0]["text"].as_str()), (1, Some("Shall I hear more?")));
    assert!(juliet.rows(&["search", "Tybalt"]).is_empty());
    server.tap().assert_never_sent(&["O Romeo", "hear more"]);
    assert!(server.tap().assert_no_key_used_twice() >= 2);
}

#[test]
fn people_are_added_accepted_declined_and_blocked() {
    let server = Prosody::with_accounts(&["juliet", "romeo", "tybalt"]);
    let (her, him, other) = (server.jid("juliet"), server.jid("romeo"), server.jid("tybalt"));
    let (juliet, tybalt) = (Device::new("juliet"), Device::new("tybalt"));
    let romeo = Device::logged_in("romeo", &server, "romeo");
    let mut online = juliet.online(&server, "juliet");
    romeo.rows(&["contacts", "add", &her]);
    contact(&mut online, &her, &him, |row| row["requests"] == true);
    online.ok("contact.accept", json!({ "account": her, "jid": him }));
    contact(&mut online, &her, &him, |row| {
        row["requests"] == false && ["from", "both"].contains(&row["subscription"].as_str().unwrap())
    });
    online.ok("contact.name", json!({ "account": her, "jid": him, "name": "My only love" }));
    let row = contact(&mut online, &her, &him, |row| row["name"] == "My only love");
    assert_eq!(row["blocked"], false);
    let mut villain = tybalt.online(&server, "tybalt");
    villain.ok("contact.add", json!({ "account": other, "jid": her }));
    contact(&mut online, &her, &other, |row| row["requests"] == true);
    online.ok("contact.decline", json!({ "account": her, "jid": other }));
    contact(&mut villain, &other, &her, |row| row["asked"] == false && row["subscription"] == "none");
    villain.says(&other, &her, "Peace? I hate the word");
    online.sees("Peace? I hate the word");
    online.ok("contact.block", json!({ "account": her, "jid": other }));
    contact(&mut online, &her, &other, |row| row["blocked"] == true);
    // The round trip of another request: the server has blocked before it answers this one.
    assert_eq!(online.close(), Some(0));
    let mut online = juliet.rpc();
    online.connect(&her);
    let refused = villain.says(&other, &her, "As I hate hell");
    // Newer servers tell nobody that they are blocked.
    villain.event("delivery", "its fate", |event| {
        event["message"] == refused && ["sent", "failed"].contains(&event["state"].as_str().unwrap())
    });
    romeo.rows(&["send", &her, "My lady"]);
    online.sees("My lady");
    assert_eq!(online.close(), Some(0));
    assert_eq!(juliet.texts(&other), ["Peace? I hate the word"]);
    // A name is nobody's business but ours.
    server.tap().assert_never_sent(&["My only love"]);
}

#[test]
fn plain_text_goes_out_only_once_it_was_allowed() {
    let server = Prosody::with_accounts(&["juliet", "nurse"]);
    let (juliet, nurse) = (Device::logged_in("juliet", &server, "juliet"), server.jid("nurse"));
    let refusal = juliet.json(&["send", &nurse, "Good nurse"]).refused();
    assert_eq!((refusal.kind.as_str(), refusal.subject.as_str()), ("plain_not_allowed", nurse.as_str()));
    assert!(refusal.remedy.contains("allow-plain"));
    server.tap().assert_never_sent(&["Good nurse"]);
    juliet.rows(&["allow-plain", &nurse, "yes"]);
    juliet.rows(&["send", &nurse, "Good sweet nurse"]);
    let archived = archive::read(&server.archive()).unwrap();
    assert!(archived.iter().any(|row| row.owner == "nurse" && row.stanza.contains("Good sweet nurse")));
    let last = &juliet.rows(&["history", &nurse, "--limit", "1"])[0];
    assert_eq!((last["sealed"].as_str(), last["text"].as_str()), (Some("none"), Some("Good sweet nurse")));
    juliet.rows(&["allow-plain", &nurse, "no"]);
    assert_eq!(juliet.json(&["send", &nurse, "Sad news"]).refused().kind, "plain_not_allowed");
    server.tap().assert_never_sent(&["Sad news"]);
}

#[test]
fn a_message_to_nobody_fails() {
    let server = Prosody::with_accounts(&["juliet"]);
    let (juliet, her, nobody) = (Device::new("juliet"), server.jid("juliet"), server.jid("rosaline"));
    let mut online = juliet.online(&server, "juliet");
    online.ok("chat.allow_plain", json!({ "account": her, "chat": nobody, "allow": true }));
    let message = online.says(&her, &nobody, "Art thou there?");
    let failed = online.event("delivery", "failed", |event| event["message"] == message && event["state"] == "failed");
    assert_eq!(failed["error"], "refused");
}

#[test]
fn an_archive_that_forgot_our_place_is_read_on_by_time() {
    let mut server = Prosody::with_accounts(&["juliet", "romeo"]);
    let (juliet, romeo) = (Device::logged_in("juliet", &server, "juliet"), Device::new("romeo"));
    let (her, him) = (server.jid("juliet"), server.jid("romeo"));
    let online = romeo.online(&server, "romeo");
    for text in ["one", "two"] {
        juliet.rows(&["send", &him, text]);
        online.sees(text);
    }
    assert_eq!(online.close(), Some(0));
    server.stop();
    let database = rusqlite::Connection::open(server.archive()).unwrap();
    assert!(database.execute("DELETE FROM prosodyarchive", []).unwrap() >= 2);
    drop(database);
    server.start_again();
    juliet.rows(&["send", &him, "three"]);
    let mut online = romeo.rpc();
    online.connect(&him);
    online.sees("three");
    juliet.rows(&["send", &him, "four"]);
    online.sees("four");
    assert_eq!(online.close(), Some(0));
    assert_eq!(romeo.texts(&her), ["one", "two", "three", "four"]);
}

#[test]
fn an_account_made_by_hand_and_forgotten_is_wiped() {
    let server = Prosody::with_accounts(&["juliet"]);
    let juliet = Device::logged_in("juliet", &server, "juliet");
    let her = server.jid("juliet");
    assert_eq!(juliet.rows(&["accounts"])[0]["account"], her);
    juliet.rows(&["forget", &her]);
    assert!(juliet.rows(&["accounts"]).is_empty());
    assert_eq!(juliet.json(&["chats"]).refused().kind, "no_account");
    juliet.login(&her, Prosody::PASSWORD, Place::of(&server)).done();
}
