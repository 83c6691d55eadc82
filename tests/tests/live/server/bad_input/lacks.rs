//! Servers that lack what others have: without stream management, without an archive, without both.

use dunnock_tests::dunnock::Device;
use dunnock_tests::prosody::{Archive, Prosody, Settings};

fn server(settings: Settings) -> Prosody {
    let server = Prosody::start(settings);
    ["juliet", "romeo"].iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    server
}

/// Both send and both read, by commands and by `rpc`; the connection says what the server lacks.
fn they_talk(server: &Prosody, resumable: bool, archive: bool) {
    let (juliet, romeo) = (Device::logged_in("juliet", server, "juliet"), Device::new("romeo"));
    let mut romeo = romeo.online(server, "romeo");
    let sent = juliet.rows(&["send", &server.jid("romeo"), "Art thou not Romeo?"]);
    // With the server's own acknowledgement or with a ping's answer in its place.
    assert!(["sent", "delivered"].contains(&sent[0]["state"].as_str().unwrap()), "{sent:?}");
    romeo.sees("Art thou not Romeo?");
    let mut juliet = juliet.rpc();
    juliet.ok("account.connect", serde_json::json!({ "account": server.jid("juliet") }));
    let online = juliet
        .event("connection", "what the server has", |event| event["state"] == "online" && event["archive"] == archive);
    assert_eq!(online["resumable"], resumable);
    let message = romeo.says(&server.jid("romeo"), &server.jid("juliet"), "Neither, fair maid");
    juliet.sees("Neither, fair maid");
    romeo.event("delivery", "delivered", |event| event["message"] == message && event["state"] == "delivered");
    server.tap().assert_never_sent(&["Art thou not", "Neither, fair"]);
}

#[test]
fn without_stream_management_a_pings_answer_stands_for_the_servers_word() {
    let server = server(Settings { smacks: false, ..Settings::default() });
    they_talk(&server, false, true);
}

#[test]
fn without_an_archive_people_talk_while_they_are_there() {
    let server = server(Settings { archive: Archive::Off, ..Settings::default() });
    they_talk(&server, true, false);
}

#[test]
fn without_both_people_still_talk() {
    let server = server(Settings { smacks: false, archive: Archive::Off, sasl2: false, ..Settings::default() });
    they_talk(&server, false, false);
}
