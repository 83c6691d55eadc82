//! Stories with ejabberd, which does in its own way what the standards leave open.

use dunnock_tests::commands::Place;
use dunnock_tests::dunnock::{Device, Rpc};
use dunnock_tests::ejabberd::{Ejabberd, Storage};
use dunnock_tests::proxy::Proxy;
use dunnock_tests::server::{PASSWORD, Server};
use serde_json::json;

/// A running process of this device, whose account is online.
fn online(device: &Device, jid: &str) -> Rpc {
    let mut rpc = device.rpc();
    rpc.connect(jid);
    rpc
}

#[test]
fn two_registered_accounts_talk_both_ways_fully_sealed() {
    let server = Ejabberd::start(Storage::Mnesia);
    let (juliet, romeo) = (server.registered("juliet"), server.registered("romeo"));
    let (her, him) = (server.jid("juliet"), server.jid("romeo"));
    let (mut her_rpc, mut his_rpc) = (online(&juliet, &her), online(&romeo, &him));
    for number in 0..5 {
        let seen = her_rpc.tells(&her, &him, &format!("O Romeo {number}"), &his_rpc);
        assert_eq!((seen["sealed"].as_str(), seen["from"].as_str()), (Some("full"), Some(her.as_str())));
        let seen = his_rpc.tells(&him, &her, &format!("Shall I speak {number}"), &her_rpc);
        assert_eq!((seen["sealed"].as_str(), seen["from"].as_str()), (Some("full"), Some(him.as_str())));
    }
    assert_eq!((her_rpc.close(), his_rpc.close()), (Some(0), Some(0)));
    let texts = juliet.texts(&him);
    assert_eq!((texts.len(), texts), (10, romeo.texts(&her)));
}

#[test]
fn a_wrong_password_is_told_after_one_try() {
    let server = Ejabberd::start(Storage::Mnesia);
    let proxy = Proxy::before(server.port());
    let place = Place { port: proxy.port(), ..Place::of(&server) };
    server.registered("juliet");
    let device = Device::new("elsewhere");
    let refusal = device.login(&server.jid("juliet"), "Wherefore art thou 8?", place).refused();
    assert_eq!((refusal.kind.as_str(), refusal.subject), ("wrong_password", server.jid("juliet")));
    assert_eq!(proxy.connections(), 1);
    let tries =
        server.log().lines().filter(|line| line.contains("Failed c2s") && line.contains("authentication")).count();
    assert_eq!(tries, 1, "{}", server.log());
    device.login(&server.jid("juliet"), PASSWORD, place).done();
}

#[test]
fn twenty_sends_by_as_many_processes_each_end_well() {
    let server = Ejabberd::start(Storage::Mnesia);
    let (juliet, romeo) = (server.registered("juliet"), server.registered("romeo"));
    let (her, him) = (server.jid("juliet"), server.jid("romeo"));
    let his_rpc = online(&romeo, &him);
    let texts: Vec<String> = (0..20).map(|number| format!("word {number}")).collect();
    for text in &texts {
        // Exit status 0, and nothing on standard error.
        let sent = juliet.rows(&["send", &him, text]);
        assert_eq!(sent[0]["devices"], json!({ "reached": 1, "known": 1 }), "{text}");
        his_rpc.sees(text);
    }
    assert_eq!(his_rpc.close(), Some(0));
    assert_eq!(romeo.texts(&her), texts);
    assert_eq!(juliet.texts(&him), texts);
}
