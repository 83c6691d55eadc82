//! What a program logs in with after the first time: a token (XEP-0484), else keys made from the password, which is gone.

use super::resume::Person;
use dunnock_tests::dunnock::Device;
use dunnock_tests::prosody::{Mechanisms, Prosody, Settings};
use serde_json::{Value, json};
use std::path::Path;

const TOKEN: &str = "HT-SHA-256-EXPR";

fn is_13(server: &Prosody) -> bool {
    // Tokens come with the community's modules, which are for this version.
    server.is_13()
}

/// The tokens that the server has given out.
fn tokens(server: &Prosody) -> String {
    let mut text = String::new();
    let folder = server.folder().join("data/verona%2etest/fast_tokens");
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        text += &std::fs::read_to_string(file.path()).unwrap_or_default();
    }
    text
}

/// The server forgets all tokens.
fn forgets(server: &Prosody) {
    for file in std::fs::read_dir(server.folder().join("data/verona%2etest/fast_tokens")).expect("it has some") {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
}

fn accounts(device: &Device) -> Value {
    device.rows(&["accounts"]).remove(0)
}

/// The account is refused with this error.
fn is_refused(person: &mut Person, kind: &str) {
    person.rpc.ok("account.connect", json!({ "account": person.jid }));
    let event = person.rpc.event("connection", kind, |event| event["state"] == "refused");
    assert_eq!(event["error"], kind);
}

#[test]
fn the_second_login_is_by_token_in_one_exchange_with_the_resumption_and_a_forgotten_token_costs_nothing() {
    let mut server = Prosody::with_accounts(&["juliet"]);
    if !is_13(&server) {
        return;
    }
    let mut juliet = Person::online(&server, "juliet");
    assert_eq!(juliet.last_login(), (false, TOKEN.to_owned()), "the first one was that of `login`");
    juliet.dies_and_returns();
    assert_eq!(juliet.last_login(), (true, TOKEN.to_owned()));
    // A token that the server has forgotten: the keys do it on the same connection, and there is another token.
    // (This server gives none where a stream is resumed.)
    juliet.dies_and_begins_anew(|| forgets(&server));
    assert_eq!(juliet.last_login(), (false, "SCRAM-SHA-256-PLUS".to_owned()));
    juliet.dies_and_returns();
    assert_eq!(juliet.last_login(), (true, TOKEN.to_owned()));
    // Each login gets another one now.
    "sasl2_fast_token_min_ttl = -1".clone_into(&mut server.settings().extra);
    juliet.dies(|| {
        server.stop();
        server.start_again();
    });
    let before = tokens(&server);
    for _ in 0..3 {
        juliet.dies_and_begins_anew(|| ());
        assert_eq!(juliet.last_login(), (false, TOKEN.to_owned()));
    }
    assert_ne!(tokens(&server), before, "it was not rotated");
    // Nothing of it is in the clear anywhere.
    let token = before.split("secret-token:").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(token.len() > 20 && !holds(&juliet.device.home(), &token));
    // Whoever forgets the account has the server forget its token: the last one, which it was just given.
    let jid = juliet.jid.clone();
    assert!(tokens(&server).contains("-new\"]"), "{}", tokens(&server));
    juliet.rpc.ok("account.remove", json!({ "account": jid }));
    assert!(!tokens(&server).contains("-new\"]"), "{}", tokens(&server));
}

fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().flatten().any(|entry| match entry.path() {
        path if path.is_dir() => holds(&path, text),
        path => std::fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes()),
    })
}

#[test]
fn a_typed_password_is_gone_after_the_first_login_unless_it_was_to_be_kept() {
    let server = Prosody::start(Settings { sasl2: false, ..Settings::default() });
    server.account("juliet", Prosody::PASSWORD);
    let mut juliet = Person::online(&server, "juliet");
    assert!(juliet.last_login().1.starts_with("SCRAM-SHA-256"));
    assert_eq!(accounts(&juliet.device)["password_kept"], false);
    assert_eq!(juliet.rpc.refused("account.password", json!({ "account": juliet.jid })), "password_not_kept");
    let keep = json!({ "account": juliet.jid, "password": Prosody::PASSWORD, "keep_password": true });
    juliet.rpc.ok("account.update", keep);
    juliet.dies_and_returns();
    let shown = juliet.rpc.ok("account.password", json!({ "account": juliet.jid }));
    assert_eq!(shown["password"], Prosody::PASSWORD);
    assert_eq!(juliet.device.rows(&["password", &juliet.jid, "--show"])[0]["password"], Prosody::PASSWORD);
    juliet.rpc.ok("account.update", json!({ "account": juliet.jid, "keep_password": false }));
    assert_eq!(accounts(&juliet.device)["password_kept"], false);
    juliet.dies_and_returns();
}

#[test]
fn a_server_that_makes_its_logins_in_another_way_is_told_the_password_once_more() {
    let mut server = Prosody::start(Settings { sasl2: false, ..Settings::default() });
    server.account("juliet", Prosody::PASSWORD);
    let mut juliet = Person::online(&server, "juliet");
    // Another password, by another way than ours: another salt comes with it.
    let rpc = juliet.device.rpc();
    std::mem::replace(&mut juliet.rpc, rpc).kill();
    server.stop();
    server.account("juliet", "another password 1");
    server.start_again();
    is_refused(&mut juliet, "password_needed");
    juliet.rpc.ok("account.update", json!({ "account": juliet.jid, "password": "the wrong one 2" }));
    is_refused(&mut juliet, "wrong_password");
    let file = juliet.device.write("password", "another password 1\n");
    juliet.device.rows(&["password", &juliet.jid, "--password-file", &file.to_string_lossy()]);
    juliet.rpc.connect(&juliet.jid);
    // A mechanism that the keys are not for.
    assert_eq!(juliet.rpc.close(), Some(0));
    server.stop();
    server.settings().mechanisms = Mechanisms::Stock;
    server.account("juliet", "another password 1");
    server.start_again();
    juliet.rpc = juliet.device.rpc();
    is_refused(&mut juliet, "password_needed");
    juliet.rpc.ok("account.update", json!({ "account": juliet.jid, "password": "another password 1" }));
    juliet.rpc.connect(&juliet.jid);
}
