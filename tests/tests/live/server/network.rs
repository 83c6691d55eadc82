//! The connection itself, at a real server: another network, nobody who looks, and limits that a server sets.

use dunnock_tests::dunnock::Device;
use dunnock_tests::prosody::{Prosody, Settings};
use dunnock_tests::proxy::Proxy;
use dunnock_tests::report;
use serde_json::json;

#[test]
fn on_another_network_a_dead_stream_is_made_anew_once_however_often_that_is_said() {
    let server = Prosody::with_accounts(&["juliet"]);
    let proxy = Proxy::before(server.port());
    let juliet = Device::new("juliet");
    let mut rpc = juliet.online_through(&server, "juliet", proxy.port());
    let her = server.jid("juliet");
    // A stream that lives is asked and stays.
    (0..100).for_each(|_| _ = rpc.ok("network_changed", json!({})));
    rpc.ok("contact.list", json!({ "account": her }));
    let before = proxy.connections();
    proxy.black_hole(true);
    (0..100).for_each(|_| _ = rpc.ok("network_changed", json!({})));
    rpc.event("connection", "that the stream is given up", |event| event["error"] == "timed_out");
    let during = proxy.connections();
    proxy.black_hole(false);
    rpc.event("connection", "online again", |event| event["state"] == "online");
    let after = proxy.connections();
    assert!(after - before <= 3, "{before} connections before, {during} when it was given up, {after} at the end");
    report::note(&format!("network changed 200 times: {} connections more", after - before));
}

#[test]
fn a_server_hears_whether_somebody_looks() {
    let server = Prosody::with_accounts(&["juliet"]);
    let juliet = Device::new("juliet");
    let mut rpc = juliet.online(&server, "juliet");
    for (state, said) in [("background", "inactive"), ("foreground", "active")] {
        rpc.ok("lifecycle", json!({ "state": state }));
        let start = format!("<{said} ");
        server.wait_until_sent(said, |sent| sent.xml.starts_with(&start) && sent.xml.contains("urn:xmpp:csi:0"));
    }
}

#[test]
fn a_message_that_the_server_ends_the_stream_for_fails_in_the_end_and_what_follows_goes() {
    // With SASL2 Prosody does not say its limits (XEP-0478), and older ones never do: they are learnt.
    let extra = "c2s_stanza_size_limit = 40000".to_owned();
    let server = Prosody::start(Settings { extra, ..Settings::default() });
    ["juliet", "romeo"].iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    let connections = connections_for_one_too_long(&server);
    // Two tell it; where the end of a connection swallows the server's words, it takes one more for each.
    assert!(connections <= 5, "{connections} connections more");
}

#[test]
fn a_message_past_the_limit_that_the_server_says_never_ends_the_stream() {
    let extra = "c2s_stanza_size_limit = 40000".to_owned();
    let server = Prosody::start(Settings { extra, sasl2: false, ..Settings::default() });
    ["juliet", "romeo"].iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    if !server.is_13() {
        return report::note("limits of a stream: not tried, as this Prosody does not say them (XEP-0478)");
    }
    assert_eq!(connections_for_one_too_long(&server), 0, "the stream stayed");
}

/// Juliet says something that this server does not take, which fails, and then something short, which arrives. How many
/// connections that took.
fn connections_for_one_too_long(server: &Prosody) -> usize {
    let proxy = Proxy::before(server.port());
    let (juliet, romeo) = (Device::new("juliet"), Device::new("romeo"));
    let mut hers = juliet.online_through(server, "juliet", proxy.port());
    let his = romeo.online(server, "romeo");
    let (her, him) = (server.jid("juliet"), server.jid("romeo"));
    hers.tells(&her, &him, "are you there", &his);
    let before = proxy.connections();
    let long = hers.says(&her, &him, &"x".repeat(50_000));
    let failed = hers.event("delivery", "failed", |event| event["message"] == long && event["state"] == "failed");
    assert_eq!(failed["error"], "too_large", "{failed}");
    hers.tells(&her, &him, "in short", &his);
    proxy.connections() - before
}
