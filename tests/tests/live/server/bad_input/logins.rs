//! Logins and registrations that must not succeed, and the less usual ones that must.

use dunnock_tests::certs::Leaf;
use dunnock_tests::commands::Place;
use dunnock_tests::dunnock::{Device, account};
use dunnock_tests::impostor;
use dunnock_tests::prosody::{Mechanisms, Prosody, Settings};
use dunnock_tests::proxy::Proxy;
use serde_json::json;

fn server(settings: Settings, users: &[&str]) -> Prosody {
    let server = Prosody::start(settings);
    users.iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    server
}

/// After a refused login the home is as if nothing had been asked.
fn assert_nothing_stays(device: &Device) {
    assert!(device.rows(&["accounts"]).is_empty());
    let left = std::fs::read_dir(device.home().join("accounts")).map_or(0, Iterator::count);
    assert_eq!(left, 0);
}

#[test]
fn a_wrong_password_is_tried_once_and_named() {
    let server = Prosody::with_accounts(&["juliet"]);
    let proxy = Proxy::before(server.port());
    let device = Device::new("juliet");
    let place = Place { port: proxy.port(), ..Place::of(&server) };
    let refusal = device.login(&server.jid("juliet"), "Wherefore art thou 8?", place).refused();
    assert_eq!((refusal.kind.as_str(), refusal.subject), ("wrong_password", server.jid("juliet")));
    assert_eq!(proxy.connections(), 1);
    let nobody = device.login(&server.jid("tybalt"), Prosody::PASSWORD, place).refused();
    assert_eq!(nobody.kind, "wrong_password");
    assert_eq!(proxy.connections(), 2);
    let elsewhere = device.login("juliet@mantua.test", Prosody::PASSWORD, place).refused();
    assert_eq!((elsewhere.kind.as_str(), elsewhere.subject.as_str()), ("wrong_domain", "mantua.test"));
    let unfit = device.login(&server.jid("juliet"), "pass\u{1}word", place).refused();
    assert_eq!(unfit.kind, "invalid_input");
    assert!(unfit.subject.contains("password"), "{}", unfit.subject);
    assert_nothing_stays(&device);
    device.login(&server.jid("juliet"), Prosody::PASSWORD, place).done();
}

#[test]
fn a_password_that_was_refused_is_tried_again_only_because_a_person_says_so() {
    let server = Prosody::with_accounts(&["juliet"]);
    let proxy = Proxy::before(server.port());
    let device = Device::new("juliet");
    let jid = server.jid("juliet");
    device.login(&jid, Prosody::PASSWORD, Place { port: proxy.port(), ..Place::of(&server) }).done();
    let another = |password: &str, more: &[&str]| {
        let file = device.write("password", password);
        device.rows(&[&["password", &jid, "--password-file", &*file.to_string_lossy()], more].concat())
    };
    another("Wherefore art thou 8?", &[]);
    let before = proxy.connections();
    let refused = |words: &[&str]| {
        let refusal = device.json(words).refused();
        assert_eq!(refusal.kind, "wrong_password", "{words:?}");
        refusal.subject
    };
    refused(&["send", &server.jid("romeo"), "one"]);
    assert_eq!(proxy.connections(), before + 1);
    assert!(refused(&["send", &server.jid("romeo"), "two"]).contains("is stored"));
    refused(&["listen"]);
    refused(&["contacts", "add", &server.jid("romeo")]);
    device.json(&["sync"]);
    assert_eq!(device.rows(&["accounts"])[0]["connection"]["error"], "wrong_password");
    assert_eq!(proxy.connections(), before + 1, "servers count such tries, and lock the person out");
    refused(&["connect"]);
    assert_eq!(proxy.connections(), before + 2);
    another(Prosody::PASSWORD, &[]);
    let row = device.rows(&["connect"]).remove(0);
    assert_eq!(row["connection"]["state"], "online", "{row}");
}

#[test]
fn the_line_for_people_says_what_and_what_to_do() {
    let server = Prosody::with_accounts(&["juliet"]);
    let (device, port) = (Device::new("juliet"), server.port().to_string());
    let (file, ca) = (device.write("password", "no"), server.ca().to_string_lossy().into_owned());
    let file = file.to_string_lossy();
    let jid = server.jid("juliet");
    let words = ["login", &jid, "--host", "127.0.0.1", "--port", &port, "--ca", &ca, "--password-file", &file];
    let done = device.run(&words);
    assert_eq!(done.status, Some(1));
    assert_eq!(
        done.errors,
        "dunnock: juliet@verona.test: the server refused the name or the password; \
         give the right one with `dunnock password`; the one that is here is not tried again before, unless you ask for it with \
         `dunnock connect`\n"
    );
    assert_eq!(device.run(&["login"]).status, Some(2));
    assert_eq!(device.run(&["login", &jid, "--port", "70000"]).status, Some(2));
}

#[test]
fn a_password_changed_on_the_server_stops_after_one_try_and_the_message_waits() {
    // Without tokens: this administrator does not tell the server that a password changed, which would end them.
    let server = Prosody::start(Settings { sasl2: false, ..Settings::default() });
    ["juliet", "romeo"].iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    let proxy = Proxy::before(server.port());
    let (juliet, romeo) = (Device::new("juliet"), Device::logged_in("romeo", &server, "romeo"));
    let place = Place { port: proxy.port(), ..Place::of(&server) };
    juliet.login(&server.jid("juliet"), Prosody::PASSWORD, place).done();
    server.account("juliet", "What's in a name?");
    let before = proxy.connections();
    let refusal = juliet.json(&["send", &server.jid("romeo"), "It is my lady"]).refused();
    // With another password comes another salt, which the keys are not for.
    assert_eq!(refusal.kind, "password_needed");
    assert!(refusal.subject.contains("stored"), "{refusal:?}");
    assert_eq!(proxy.connections(), before + 1);
    let mut rpc = juliet.rpc();
    rpc.ok("account.update", json!({ "account": server.jid("juliet"), "password": "What's in a name?" }));
    rpc.connect(&server.jid("juliet"));
    rpc.event("delivery", "sent", |event| event["state"] == "sent");
    assert_eq!(rpc.close(), Some(0));
    let mut rpc = romeo.rpc();
    rpc.connect(&server.jid("romeo"));
    rpc.sees("It is my lady");
}

#[test]
fn a_host_that_is_none_is_named() {
    let server = Prosody::with_accounts(&[]);
    let device = Device::new("juliet");
    let (jid, file) = (server.jid("juliet"), device.write("password", "x"));
    let login = ["login", &jid, "--password-file", &file.to_string_lossy(), "--host"];
    let refusal = device.json(&[&login[..], &["nowhere.invalid"]].concat()).refused();
    assert_eq!((refusal.kind.as_str(), refusal.subject.as_str()), ("unknown_host", "nowhere.invalid"));
    let nobody = Place { port: impostor::nobody(), ..Place::of(&server) };
    let refusal = device.login(&jid, "x", nobody).refused();
    assert_eq!((refusal.kind.as_str(), refusal.subject), ("unreachable", format!("127.0.0.1:{}", nobody.port)));
    assert_nothing_stays(&device);
}

#[test]
fn what_is_no_xmpp_server_is_told_apart() {
    let server = Prosody::with_accounts(&[]);
    let device = Device::new("juliet");
    let http = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html><body>No.</body></html>";
    let mail = b"220 mail.verona.test ESMTP\r\n";
    let noise = b"\x00\xff\x13\x37<<<>>>\x80 and so on";
    let other = b"<?xml version='1.0'?><rss xmlns='jabber:client' version='2.0'><channel/></rss>";
    for (bytes, first) in [(&http[..], false), (&mail[..], true), (&noise[..], true), (&other[..], false)] {
        for tls in ["starttls", "direct"] {
            let place = Place { port: impostor::answering(bytes, first), tls, ca: server.ca() };
            let refusal = device.login(&server.jid("juliet"), "x", place).refused();
            let said = String::from_utf8_lossy(bytes).into_owned();
            assert_eq!(refusal.kind, "not_xmpp", "{tls}: {said}");
        }
    }
    let silent = Place { port: impostor::answering(b"", false), ..Place::of(&server) };
    let file = device.write("password", "x");
    let more = ["--timeout", "2", "--password-file", &file.to_string_lossy()];
    let refusal = device.enter("login", &server.jid("juliet"), silent, &more).refused();
    assert_eq!((refusal.kind.as_str(), refusal.subject), ("timed_out", format!("127.0.0.1:{}", silent.port)));
    assert_nothing_stays(&device);
}

#[test]
fn a_certificate_that_is_not_the_servers_stops_the_login_before_it_begins() {
    let device = Device::new("juliet");
    let cases = [
        (Leaf::OtherName, "certificate_name"),
        (Leaf::Expired, "certificate_expired"),
        (Leaf::SelfSigned, "certificate_untrusted"),
    ];
    for (leaf, kind) in cases {
        let server = server(Settings { leaf, ..Settings::default() }, &["juliet"]);
        for place in [Place::of(&server), Place::direct(&server)] {
            let refusal = device.login(&server.jid("juliet"), Prosody::PASSWORD, place).refused();
            assert_eq!((refusal.kind.as_str(), refusal.subject.as_str()), (kind, "verona.test"), "{leaf:?}");
        }
        assert!(!server.tap().sent().any(|stanza| stanza.xml.contains("juliet")), "{leaf:?}");
    }
    let server = Prosody::with_accounts(&["juliet"]);
    let (jid, port, file) = (server.jid("juliet"), server.port().to_string(), device.write("password", "x"));
    let file = file.to_string_lossy();
    // Without --ca the platform's authorities decide, and none of them knows ours.
    let words = ["login", &jid, "--host", "127.0.0.1", "--port", &port, "--password-file", &file];
    assert_eq!(device.json(&words).refused().kind, "certificate_untrusted");
    let no_ca = [&words[..], &["--ca", &file]].concat();
    assert_eq!(device.json(&no_ca).refused().kind, "invalid_input");
    let missing = [&words[..], &["--ca", "/nowhere/ca.pem"]].concat();
    assert_eq!(device.json(&missing).refused().kind, "file");
    assert_nothing_stays(&device);
}

#[test]
fn a_server_that_wants_the_password_itself_does_not_get_it() {
    let settings = Settings { mechanisms: Mechanisms::PlainOnly, sasl2: false, ..Settings::default() };
    let server = server(settings, &["juliet"]);
    let device = Device::new("juliet");
    let refusal = device.login(&server.jid("juliet"), Prosody::PASSWORD, Place::of(&server)).refused();
    assert_eq!(refusal.kind, "no_mechanism");
    // What it offers is named: PLAIN, and more with some versions.
    let offers = refusal.subject.strip_prefix("verona.test (").and_then(|rest| rest.strip_suffix(')'));
    assert!(offers.is_some_and(|offers| offers.split(' ').any(|name| name == "PLAIN")), "{}", refusal.subject);
    assert!(!server.tap().sent().any(|stanza| stanza.xml.contains("auth")), "{:?}", server.tap());
    assert_nothing_stays(&device);
}

#[test]
fn with_a_persons_leave_a_server_that_has_nothing_else_gets_the_password_and_that_is_shown() {
    let settings = Settings { mechanisms: Mechanisms::PlainOnly, sasl2: false, ..Settings::default() };
    let server = server(settings, &["juliet"]);
    let device = Device::new("juliet");
    let file = device.write("password", Prosody::PASSWORD);
    let words = ["--allow-plain-login", "--password-file", &file.to_string_lossy()];
    let rows = device.enter("login", &server.jid("juliet"), Place::of(&server), &words).done();
    assert_eq!(rows[0]["connection"]["proof"], "first_use");
    let known = device.rows(&["server"]).remove(0);
    assert_eq!(known["mechanism"], "PLAIN");
    assert!(known["plain_login"].is_string(), "{known}");
    // There is nothing else to log in with: it stays, and nobody says otherwise.
    assert_eq!(device.rows(&["password", &server.jid("juliet"), "--show"])[0]["password"], Prosody::PASSWORD);
    assert_eq!(device.rows(&["accounts"])[0]["password_kept"], true);
    let taken_back = device.rows(&["server", "--allow-plain-login", "no"]).remove(0);
    assert!(taken_back["plain_login"].is_null(), "{taken_back}");
    assert_eq!(device.json(&["sync"]).status, Some(1));
}

#[test]
fn every_acceptable_login_works_and_says_what_it_proved() {
    let cases = [
        ("the best there is", Settings::default()),
        ("SASL and not SASL2", Settings { sasl2: false, ..Settings::default() }),
        ("TLS 1.2", Settings { tls12_only: true, ..Settings::default() }),
        ("SCRAM-SHA-1 alone", Settings { mechanisms: Mechanisms::ScramSha1Only, ..Settings::default() }),
        (
            "SCRAM-SHA-1 alone, in SASL and TLS 1.2",
            Settings { mechanisms: Mechanisms::ScramSha1Only, sasl2: false, tls12_only: true, ..Settings::default() },
        ),
        ("as it is after installing", Settings::stock()),
    ];
    for (name, settings) in cases {
        let (bound, old_tls) = (settings.mechanisms != Mechanisms::ScramSha1Only, settings.tls12_only);
        let server = server(settings, &["juliet"]);
        for place in [Place::of(&server), Place::direct(&server)] {
            let device = Device::new("juliet");
            if bound && old_tls && !server.is_13() {
                // Over TLS 1.2 the old version offers to bind, to what we cannot (`tls-unique`), and does not say so: that is
                // just what is left when somebody takes the names of the others away.
                let refusal = device.login(&server.jid("juliet"), Prosody::PASSWORD, place).refused();
                assert_eq!(refusal.kind, "offer_altered", "{name}, {}", place.tls);
                continue;
            }
            let rows = device.login(&server.jid("juliet"), Prosody::PASSWORD, place).done();
            // Only version 13 knows the bindings that we do: the exporter with TLS 1.3, the end point with 1.2, and that only
            // after STARTTLS.
            let bound = bound && server.is_13() && !(old_tls && place.tls == "direct");
            let proof = if bound { "proved" } else { "first_use" };
            assert_eq!(rows[0]["account"], "juliet@verona.test");
            assert_eq!(rows[0]["connection"]["proof"], proof, "{name}, {}: {rows:?}", place.tls);
            assert_eq!(rows[0]["connection"]["resumable"], true, "{name}");
        }
        let tap = server.tap();
        let plain = tap.sent().filter(|stanza| stanza.xml.contains("mechanism='PLAIN'")).count();
        assert_eq!(plain, 0, "{name}");
    }
}

#[test]
fn an_account_is_made_with_a_password_that_logs_in_elsewhere() {
    let server = Prosody::with_accounts(&[]);
    let device = Device::new("juliet");
    let jid = server.jid("juliet");
    let rows = device.enter("register", &jid, Place::of(&server), &[]).done();
    let password = rows[0]["password"].as_str().expect("it is told").to_owned();
    assert!(password.len() >= 20, "{password}");
    Device::new("second").login(&jid, &password, Place::direct(&server)).done();
    let taken = Device::new("tybalt").enter("register", &jid, Place::of(&server), &[]).refused();
    assert_eq!(taken.kind, "registration_refused");
    let again = device.enter("register", &jid, Place::of(&server), &[]).refused();
    assert_eq!(again.kind, "account_exists");
    assert_eq!(device.rows(&["accounts"]).len(), 1);
}

#[test]
fn closed_registration_is_named_and_leaves_nothing() {
    let server = server(Settings { registration: false, ..Settings::default() }, &[]);
    let device = Device::new("juliet");
    let refusal = device.enter("register", &server.jid("juliet"), Place::of(&server), &[]).refused();
    assert_eq!(refusal.kind, "registration_closed");
    assert_nothing_stays(&device);
}

#[test]
fn an_account_that_is_there_is_not_added_twice() {
    let server = Prosody::with_accounts(&["juliet"]);
    let device = Device::logged_in("juliet", &server, "juliet");
    let again = device.login("JULIET@verona.test", Prosody::PASSWORD, Place::of(&server)).refused();
    assert_eq!(again.kind, "account_exists");
    assert_eq!(device.login("verona.test", "x", Place::of(&server)).refused().kind, "invalid_jid");
    let mut rpc = device.rpc();
    assert_eq!(rpc.refused("account.add", account(&server, "juliet", server.port(), server.ca())), "account_exists");
    assert_eq!(rpc.close(), Some(0));
}
