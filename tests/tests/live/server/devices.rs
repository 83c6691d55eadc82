//! Several devices of one person, whose list and keys lie on a server that may lose them.

use dunnock_tests::dunnock::{Device, Rpc};
use dunnock_tests::peer::{Peer, Version};
use dunnock_tests::prosody::Prosody;
use serde_json::{Value, json};
use std::fs;

/// The id of the device that runs in this home.
fn current(device: &Device) -> u64 {
    let rows = device.rows(&["devices"]);
    rows.iter().find(|row| row["current"] == true).expect("we are on our own list")["device"].as_u64().unwrap()
}

fn fingerprint(rows: &[Value], device: u64) -> String {
    let row = rows.iter().find(|row| row["device"] == device).unwrap_or_else(|| panic!("{device} in {rows:?}"));
    row["fingerprint"].as_str().unwrap().to_owned()
}

/// Waits until this account knows so many devices of somebody, with their keys.
fn knows(rpc: &mut Rpc, account: &str, jid: &str, count: usize) -> Vec<Value> {
    for _ in 0..600 {
        let rows = rpc.ok("device.list", json!({ "account": account, "jid": jid })).as_array().unwrap().clone();
        if rows.iter().filter(|row| !row["versions"].as_array().unwrap().is_empty()).count() == count {
            return rows;
        }
        rpc.try_event(std::time::Duration::from_millis(50), "device", |_| true);
    }
    panic!("{jid} never had {count} devices");
}

#[test]
fn own_other_devices_see_both_sides() {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let (her, him) = (server.jid("juliet"), server.jid("romeo"));
    let (balcony, tomb) = (Device::new("balcony"), Device::new("tomb"));
    let romeo = Device::new("romeo");
    let mut him_online = romeo.online(&server, "romeo");
    let mut one = balcony.online(&server, "juliet");
    let mut two = tomb.online(&server, "juliet");
    knows(&mut one, &her, &her, 2);
    one.trusts(&her, &her);
    one.says(&her, &him, "one");
    him_online.sees("one");
    let copy = two.event("message", "what the other device said", |event| event["text"] == "one");
    assert_eq!((copy["own"].as_bool(), copy["chat"].as_str()), (Some(true), Some(him.as_str())));
    him_online.says(&him, &her, "two");
    one.sees("two");
    two.sees("two");
    two.says(&her, &him, "three");
    him_online.sees("three");
    one.event("message", "what the other device said", |event| event["text"] == "three");
    for rpc in [one, two, him_online] {
        assert_eq!(rpc.close(), Some(0));
    }
    for (device, with) in [(&balcony, &him), (&tomb, &him), (&romeo, &her)] {
        assert_eq!(device.texts(with), ["one", "two", "three"], "{}", device.name);
    }
}

#[test]
fn a_distrusted_device_gets_nothing_and_a_trusted_one_goes_on() {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let (her, him) = (server.jid("juliet"), server.jid("romeo"));
    let (street, orchard) =
        (Device::logged_in("street", &server, "romeo"), Device::logged_in("orchard", &server, "romeo"));
    let (lost, kept) = (current(&street), current(&orchard));
    let juliet = Device::logged_in("juliet", &server, "juliet");
    juliet.rows(&["send", &him, "to both"]);
    let devices = juliet.rows(&["devices", &him]);
    assert_eq!(devices.len(), 2);
    juliet.rows(&["distrust", &him, &fingerprint(&devices, lost)]);
    juliet.rows(&["trust", &him, &fingerprint(&devices, kept)]);
    let devices = juliet.rows(&["devices", &him]);
    let trust = |id: u64| devices.iter().find(|row| row["device"] == id).unwrap()["trust"].clone();
    assert_eq!((trust(lost), trust(kept)), (json!("distrusted"), json!("verified")));
    let sent = juliet.rows(&["send", &him, "to one"]);
    assert_eq!(sent[0]["devices"], json!({ "reached": 1, "known": 2 }));
    for (device, last) in [(&orchard, "to one"), (&street, "[not_for_this_device]")] {
        let mut rpc = device.rpc();
        rpc.connect(&him);
        rpc.event("connection", "caught up", |event| event["caught_up"] == true);
        assert_eq!(rpc.close(), Some(0));
        assert_eq!(device.texts(&her), ["to both", last], "{}", device.name);
    }
    let refusal = juliet.json(&["trust", &him, "0123 4567"]).refused();
    assert_eq!(refusal.kind, "unknown_device");
    juliet.rows(&["distrust", &him, &fingerprint(&devices, kept)]);
    for text in ["to nobody", "behind it"] {
        assert_eq!(juliet.json(&["send", &him, text]).refused().kind, "no_trusted_device", "{text}");
    }
    juliet.rows(&["trust", &him, &fingerprint(&devices, kept)]);
    juliet.rows(&["send", &him, "to one again"]);
    let states: Vec<Value> = juliet.rows(&["history", &him]).iter().map(|row| row["state"].clone()).collect();
    assert!(states.iter().rev().take(3).all(|state| state != "waiting"), "{states:?}");
}

#[test]
fn a_removed_device_is_written_to_no_more() {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let him = server.jid("romeo");
    let (street, orchard) =
        (Device::logged_in("street", &server, "romeo"), Device::logged_in("orchard", &server, "romeo"));
    let (lost, kept) = (current(&street), current(&orchard));
    let juliet = Device::logged_in("juliet", &server, "juliet");
    juliet.rows(&["send", &him, "to both"]);
    orchard.rows(&["devices", "remove", &lost.to_string()]);
    let sent = juliet.rows(&["send", &him, "to one"]);
    assert_eq!(sent[0]["devices"], json!({ "reached": 1, "known": 1 }));
    let own = orchard.rows(&["devices"]);
    let listed: Vec<u64> =
        own.iter().filter(|row| row["versions"] != json!([])).map(|row| row["device"].as_u64().unwrap()).collect();
    assert_eq!(listed, [kept]);
    assert_eq!(orchard.json(&["devices", "remove", &kept.to_string()]).refused().kind, "this_device");
}

#[test]
fn a_session_that_was_reset_goes_on_both_ways() {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let (her, him) = (server.jid("juliet"), server.jid("romeo"));
    let juliet = Device::logged_in("juliet", &server, "juliet");
    let romeo = Device::new("romeo");
    let mut online = romeo.online(&server, "romeo");
    juliet.rows(&["send", &him, "before"]);
    online.sees("before");
    online.says(&him, &her, "before too");
    // What is still under way when a session is dropped cannot be read any more: so she reads it first.
    let mut her_online = juliet.rpc();
    her_online.connect(&her);
    her_online.sees("before too");
    assert_eq!(her_online.close(), Some(0));
    let device = juliet.rows(&["devices", &him])[0]["device"].to_string();
    juliet.rows(&["devices", "reset", &him, &device]);
    juliet.rows(&["send", &him, "after"]);
    online.sees("after");
    let answer = online.says(&him, &her, "after too");
    online.event("delivery", "sent", |event| event["message"] == answer && event["state"] == "sent");
    let mut her_online = juliet.rpc();
    her_online.connect(&her);
    her_online.sees("after too");
    assert_eq!(her_online.close(), Some(0));
    assert_eq!(juliet.texts(&him), ["before", "before too", "after", "after too"]);
    assert_eq!(juliet.json(&["devices", "reset", &him, "7"]).refused().kind, "unknown_device");
    server.tap().assert_no_key_used_twice();
}

#[test]
fn lists_and_keys_that_the_server_lost_are_published_again() {
    let mut server = Prosody::with_accounts(&["juliet", "romeo"]);
    let (her, him) = (server.jid("juliet"), server.jid("romeo"));
    let juliet = Device::logged_in("juliet", &server, "juliet");
    let romeo = Device::logged_in("romeo", &server, "romeo");
    juliet.rows(&["send", &him, "before"]);
    server.stop();
    let data = server.folder().join("data/verona%2etest");
    let lost = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path());
    let lost: Vec<_> = lost.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("pep")).collect();
    assert!(!lost.is_empty(), "nothing of PEP in {}", data.display());
    lost.iter().for_each(|path| fs::remove_dir_all(path).unwrap());
    server.start_again();
    // Both come by once, and strangers find their keys again.
    for (device, account) in [(&juliet, &her), (&romeo, &him)] {
        let mut rpc = device.rpc();
        rpc.connect(account);
        rpc.event("connection", "caught up", |event| event["caught_up"] == true);
        assert_eq!(rpc.close(), Some(0));
    }
    juliet.rows(&["send", &him, "after"]);
    romeo.rows(&["send", &her, "after too"]);
    server.account("nurse", Prosody::PASSWORD);
    let nurse = Device::logged_in("nurse", &server, "nurse");
    nurse.rows(&["send", &her, "Madam!"]);
    let mut rpc = juliet.rpc();
    rpc.connect(&her);
    rpc.sees("Madam!");
    assert_eq!(rpc.close(), Some(0));
    assert_eq!(juliet.texts(&him), ["before", "after", "after too"]);
}

#[test]
fn another_client_on_the_same_account_stays_on_the_list_and_reads_along() {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let (her, him) = (server.jid("juliet"), server.jid("romeo"));
    let mut old = Peer::start(&server, "juliet");
    let (juliet, romeo) = (Device::new("juliet"), Device::new("romeo"));
    let mut online = juliet.online(&server, "juliet");
    knows(&mut online, &her, &her, 2);
    let mut him_online = romeo.online(&server, "romeo");
    him_online.says(&him, &her, "to both of her");
    online.sees("to both of her");
    old.sees("to both of her");
    online.says(&her, &him, "from the new one");
    him_online.sees("from the new one");
    old.sees("from the new one");
    old.says(&him, "from the old one", Version::V2);
    him_online.sees("from the old one");
    online.event("message", "the old client's", |event| event["text"] == "from the old one");
    // The other client takes our list and our keys away while we look.
    for node in ["urn:xmpp:omemo:2:devices", "urn:xmpp:omemo:2:bundles", "eu.siacs.conversations.axolotl.devicelist"] {
        old.command(json!({ "do": "raw", "xml": format!(
            "<iq type='set' id='{node}'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><delete node='{node}'/></pubsub></iq>"
        ) }));
    }
    old.quit();
    assert_eq!(online.close(), Some(0));
    let mut online = juliet.rpc();
    online.connect(&her);
    online.event("connection", "caught up", |event| event["caught_up"] == true);
    server.account("nurse", Prosody::PASSWORD);
    let nurse = Device::logged_in("nurse", &server, "nurse");
    nurse.rows(&["send", &her, "Madam!"]);
    online.sees("Madam!");
    server.tap().assert_no_key_used_twice();
}
