//! A man in the middle whose certificate is valid: the login finds him out, and nothing made from the password reaches him
//! where the server can be asked what it offered.

use dunnock_tests::commands::Place;
use dunnock_tests::dunnock::Device;
use dunnock_tests::middle::Middle;
use dunnock_tests::middle::attack::{self, without_bindings, without_plus};
use dunnock_tests::middle::matrix::{self, Way};
use dunnock_tests::middle::socks;
use dunnock_tests::prosody::{DOMAIN, Prosody, Settings};
use dunnock_tests::proxy::Proxy;
use serde_json::json;

/// What is said to a server whose words are altered like this: the kind of the refusal, and what the man in the middle heard.
fn tried(server: &Prosody, alter: impl Fn(&str) -> String + Clone + Send + Sync + 'static) -> (String, String) {
    let middle = Middle::before(server.tls_port(), server.ca(), DOMAIN, alter);
    let (device, ca) = (Device::new("juliet"), middle.ca());
    let place = Place { port: middle.port(), tls: "direct", ca: &ca };
    let refusal = device.login(&server.jid("juliet"), Prosody::PASSWORD, place).refused();
    (refusal.kind, middle.heard())
}

/// The kind that a sync fails with.
fn sync(device: &Device) -> String {
    let done = device.json(&["sync"]);
    let error: serde_json::Value = serde_json::from_str(&done.errors).expect("it says why");
    error["kind"].as_str().expect("a failure has a kind").to_owned()
}

#[test]
fn who_only_listens_in_cannot_pass_a_bound_login_on() {
    let server = Prosody::with_accounts(&["juliet"]);
    if !server.is_13() {
        return;
    }
    let (kind, heard) = tried(&server, str::to_owned);
    assert_eq!(kind, "binding_refused");
    assert!(heard.contains("-PLUS"), "{heard}");
}

#[test]
fn an_altered_offer_is_found_out_before_anything_made_from_the_password_is_shown() {
    let server = Prosody::with_accounts(&["juliet"]);
    if !server.is_13() {
        return;
    }
    let alterations: [fn(&str) -> String; 4] = [
        |text| without_plus(text),
        |text| without_bindings(&without_plus(text)),
        without_bindings,
        |text| text.replace("tls-exporter", "tls-nothing").replace("tls-server-end-point", "tls-no-end"),
    ];
    for alter in alterations {
        let (kind, heard) = tried(&server, alter);
        assert_eq!(kind, "offer_altered", "{heard}");
        assert!(heard.contains("<authenticate") && !heard.contains("<response"), "{heard}");
    }
}

#[test]
fn a_server_that_is_known_and_contradicts_itself_gets_nothing_until_a_person_accepts_it() {
    let server = Prosody::with_accounts(&["juliet"]);
    if !server.is_13() {
        return;
    }
    let way = Proxy::before(server.tls_port());
    let middle = Middle::before(server.tls_port(), server.ca(), DOMAIN, without_plus);
    let device = Device::new("juliet");
    let both = [server.ca().to_path_buf(), middle.ca()].map(|ca| std::fs::read_to_string(ca).expect("it is there"));
    let ca = device.write("both.pem", &both.concat());
    let place = Place { port: way.port(), tls: "direct", ca: &ca };
    let rows = device.login(&server.jid("juliet"), Prosody::PASSWORD, place).done();
    assert_eq!(rows[0]["connection"]["proof"], "proved");
    let known = device.rows(&["server"]).remove(0);
    assert_eq!(known["binding"], "tls-exporter");
    assert_eq!(known["confirms_offer"], true);

    way.lead_to(middle.port());
    assert_eq!(sync(&device), "contradiction");
    let once = middle.heard();
    assert_eq!(sync(&device), "contradiction");
    let jid = server.jid("juliet");
    let mut rpc = device.rpc();
    for _ in 0..4 {
        assert_eq!(rpc.refused("account.connect", json!({ "account": jid })), "contradiction");
        rpc.ok("account.disconnect", json!({ "account": jid }));
    }
    rpc.ok("network_changed", json!({}));
    assert_eq!(rpc.ok("account.list", json!({}))[0]["connection"]["state"], "contradiction");
    assert_eq!(rpc.close(), Some(0));
    let refusal = device.json(&["send", &server.jid("romeo"), "O"]).refused();
    assert_eq!(refusal.kind, "contradiction");
    assert!(refusal.subject.contains("is stored"), "{}", refusal.subject);
    assert_eq!(device.json(&["listen"]).refused().kind, "contradiction");
    device.rows(&["chats"]);
    assert_eq!(device.rows(&["accounts"])[0]["connection"]["error"], "contradiction");
    // One login found it out, and nobody came again.
    assert!(once.contains("<authenticate") && !once.contains("<response"), "{once}");
    assert_eq!(middle.heard(), once);
    let shown = device.rows(&["server"]).remove(0);
    assert_eq!(shown["key"], known["key"], "what is remembered stays");
    assert_eq!(shown["changes"][0]["kind"], "contradiction");
    assert_eq!(shown["changes"][0]["before"], known["key"]);
    assert_ne!(shown["changes"][0]["after"], known["key"]);

    device.rows(&["server", "--accept"]);
    assert_eq!(device.json(&["server", "--accept"]).refused().kind, "nothing_to_accept");
    // It is met anew, and found out again by what the server says inside of the login.
    let mut rpc = device.rpc();
    assert_eq!(matrix::connects(&mut rpc, &jid), "offer_altered");
    way.lead_to(server.tls_port());
    rpc.connect(&jid);
    assert_eq!(device.rows(&["server"])[0]["key"], known["key"]);
}

/// All attacks, after the server has renewed its key before the eyes of an account.
fn matrix(name: &str, mut server: Prosody) {
    server.account("juliet", Prosody::PASSWORD);
    let way = Way::to(&server);
    way.acquainted(&server);
    server.stop();
    let old = server.renew();
    server.start_again();
    matrix::run(name, &server, &way, &attack::all(Some(old)), server.is_13());
}

#[test]
fn every_attack_on_a_login_is_stopped_where_the_server_binds_and_shown_where_it_does_not() {
    let server = Prosody::start(Settings { fast: false, ..Settings::default() });
    let name = format!("Prosody {}", if server.is_13() { "13" } else { "0.12" });
    matrix(&name, server);
}

#[test]
fn every_attack_on_a_login_by_token_is_stopped() {
    let server = Prosody::start(Settings::default());
    if server.is_13() {
        matrix("13, tokens", server);
    }
}

#[test]
fn every_attack_on_a_login_is_stopped_without_the_servers_word_for_its_offer_too() {
    let server = Prosody::start(Settings { ssdp: false, ..Settings::default() });
    if server.is_13() {
        matrix("13, no 0474", server);
    }
}

#[test]
fn what_is_remembered_of_a_server_holds_on_every_route() {
    let server = Prosody::with_accounts(&["juliet"]);
    if !server.is_13() {
        return;
    }
    let way = Proxy::before(server.tls_port());
    let route = format!("socks5://127.0.0.1:{}", socks::leading_to(way.port()));
    let middle = Middle::before(server.tls_port(), server.ca(), DOMAIN, str::to_owned);
    let device = Device::new("juliet");
    let both = [server.ca().to_path_buf(), middle.ca()].map(|ca| std::fs::read_to_string(ca).expect("it is there"));
    let ca = device.write("both.pem", &both.concat());
    let place = Place { port: way.port(), tls: "direct", ca: &ca };
    let file = device.write("password", Prosody::PASSWORD);
    let words = ["--route", &route, "--password-file", &file.to_string_lossy()];
    let rows = device.enter("login", &server.jid("juliet"), place, &words).done();
    assert_eq!(rows[0]["connection"]["proof"], "proved");
    let known = device.rows(&["server"]).remove(0);
    // What was learnt on that route counts on another one.
    let jid = server.jid("juliet");
    let mut rpc = device.rpc();
    way.lead_to(middle.port());
    rpc.ok("account.update", json!({ "account": jid, "route": "direct" }));
    assert_eq!(matrix::connects(&mut rpc, &jid), "contradiction");
    let once = middle.heard();
    assert_eq!(once.matches("<response").count(), 1);
    // And what stands against him there stands on every other one: it is the same server that is meant.
    rpc.ok("account.update", json!({ "account": jid, "route": route }));
    assert_eq!(matrix::connects(&mut rpc, &jid), "contradiction");
    assert_eq!(middle.heard(), once);
    way.lead_to(server.tls_port());
    rpc.ok("server.accept", json!({ "account": jid }));
    assert_eq!(matrix::connects(&mut rpc, &jid), "online, proved");
    // Who sits behind the proxy is found out like anybody else.
    assert_eq!(rpc.close(), Some(0));
    way.lead_to(middle.port());
    for _ in 0..2 {
        assert_eq!(sync(&device), "contradiction");
    }
    assert_eq!(middle.heard().matches("<response").count(), 2);
    way.lead_to(server.tls_port());
    device.rows(&["server", "--accept"]);
    let mut rpc = device.rpc();
    assert_eq!(matrix::connects(&mut rpc, &jid), "online, proved");
    assert_eq!(rpc.close(), Some(0));
    assert_eq!(device.rows(&["server"])[0]["key"], known["key"]);
}
