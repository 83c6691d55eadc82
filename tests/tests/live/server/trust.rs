//! Who may read along: another login that adds a device, and an honest one that is announced first.

use dunnock_tests::dunnock::{Device, Rpc, account};
use dunnock_tests::peer::{Peer, Version};
use dunnock_tests::prosody::Prosody;
use minidom::Element;
use serde_json::{Value, json};

/// How many keys for this device are in a stanza.
fn keys_for(element: &Element, id: &str) -> usize {
    let here = usize::from(element.name() == "key" && element.attr("rid") == Some(id));
    here + element.children().map(|child| keys_for(child, id)).sum::<usize>()
}

fn address(rpc: &mut Rpc, account: &str) -> Value {
    rpc.ok("device.uri", json!({ "account": account }))["uri"].clone()
}

#[test]
fn a_device_that_another_login_adds_gets_no_key_and_is_told_on_both_sides() {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let (her, him) = (server.jid("juliet"), server.jid("romeo"));
    let (juliet, romeo) = (Device::new("juliet"), Device::new("romeo"));
    let (mut hers, mut his) = (juliet.online(&server, "juliet"), romeo.online(&server, "romeo"));
    his.tells(&him, &her, "before", &hers);
    hers.tells(&her, &him, "before too", &his);
    // Whoever has the server has the password's worth: a whole client, with keys of its own.
    let mut spy = Peer::start(&server, "romeo");
    let own = his.event("alarm", "an unknown device of one's own", |event| event["what"] == "own_unknown");
    let id = own["device"].as_u64().unwrap();
    spy.says(&her, "it is me, Romeo", Version::V2);
    assert_eq!(hers.sees("it is me, Romeo")["trust"], "undecided");
    let alarm = hers.event("alarm", "a device in quarantine", |event| event["what"] == "quarantined");
    assert_eq!((&alarm["device"], &alarm["jid"]), (&json!(id), &json!(him)));
    let message = hers.says(&her, &him, "after");
    his.sees("after");
    let delivery =
        hers.event("delivery", "on its way", |event| event["message"] == message && !event["devices"].is_null());
    assert_eq!(delivery["devices"], json!({ "reached": 1, "known": 2 }));
    his.tells(&him, &her, "after too", &hers);
    let answer = json!({ "account": her, "alarm": alarm["alarm"], "answer": "rejected" });
    hers.ok("alarm.answer", answer);
    let rows = hers.ok("alarm.list", json!({ "account": her }));
    assert_eq!(rows[0]["answer"], "rejected");
    let log = his.ok("device.log", json!({ "account": him }));
    assert!(log.as_array().unwrap().iter().any(|row| row["change"] == "appeared" && row["device"] == id), "{log}");
    spy.quit();
    assert_eq!((hers.close(), his.close()), (Some(0), Some(0)));
    let id = id.to_string();
    let keys = |id: &str| -> usize {
        let tap = server.tap();
        tap.stanzas.iter().filter_map(|stanza| stanza.element()).map(|stanza| keys_for(&stanza, id)).sum()
    };
    assert_eq!(keys(&id), 0);
    let ours = romeo.rows(&["devices"]).iter().find(|row| row["current"] == true).unwrap()["device"].to_string();
    assert!(keys(&ours) > 0, "the true one is reached");
}

#[test]
fn a_second_device_whose_address_was_read_first_is_trusted_by_all_without_an_alarm() {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let (her, him) = (server.jid("juliet"), server.jid("romeo"));
    let (balcony, tomb, romeo) = (Device::new("balcony"), Device::new("tomb"), Device::new("romeo"));
    let (mut one, mut his) = (balcony.online(&server, "juliet"), romeo.online(&server, "romeo"));
    one.tells(&her, &him, "hello", &his);
    his.tells(&him, &her, "hello too", &one);
    let (hers_uri, his_uri) = (address(&mut one, &her), address(&mut his, &him));
    one.ok("device.verify", json!({ "account": her, "uri": his_uri }));
    his.ok("device.verify", json!({ "account": him, "uri": hers_uri }));
    // The new one is no device of anybody yet: it only shows its address.
    let mut two = tomb.rpc();
    two.ok("account.add", account(&server, "juliet", server.port(), server.ca()));
    let uri = address(&mut two, &her);
    one.ok("device.verify", json!({ "account": her, "uri": uri }));
    two.ok("device.verify", json!({ "account": her, "uri": hers_uri }));
    two.connect(&her);
    two.tells(&her, &him, "from the second", &his);
    one.event("message", "what the second said", |event| event["text"] == "from the second" && event["own"] == true);
    his.tells(&him, &her, "to both", &one);
    assert_eq!(two.sees("to both")["sealed"], "full");
    for (rpc, account) in [(&mut one, &her), (&mut two, &her), (&mut his, &him)] {
        assert_eq!(rpc.ok("alarm.list", json!({ "account": account })), json!([]), "{account}");
    }
    let rows = his.ok("device.list", json!({ "account": him, "jid": her }));
    let trusts: Vec<&Value> = rows.as_array().unwrap().iter().map(|row| &row["trust"]).collect();
    assert!(trusts.contains(&&json!("verified")) && trusts.contains(&&json!("vouched")), "{rows}");
    for rpc in [one, two, his] {
        assert_eq!(rpc.close(), Some(0));
    }
}
