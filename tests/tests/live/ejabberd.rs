//! Stories with ejabberd, which does in its own way what the standards leave open.

use dunnock_tests::commands::Place;
use dunnock_tests::dunnock::{Device, Rpc};
use dunnock_tests::ejabberd::{Ejabberd, Storage};
use dunnock_tests::middle::attack;
use dunnock_tests::middle::matrix::{self, Way};
use dunnock_tests::proxy::Proxy;
use dunnock_tests::server::{PASSWORD, Server};
use serde_json::{Value, json};
use std::time::Duration;

/// A running process of this device, whose account is online.
fn online(device: &Device, jid: &str) -> Rpc {
    let mut rpc = device.rpc();
    rpc.connect(jid);
    rpc
}

/// Says these texts and waits until the server has the last of them.
fn says_all(rpc: &mut Rpc, account: &str, to: &str, texts: &[String]) {
    let ids: Vec<String> = texts.iter().map(|text| rpc.says(account, to, text)).collect();
    for id in ids {
        rpc.event("delivery", "sent", |event| event["message"] == id && event["state"] == "sent");
    }
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
fn what_was_missed_comes_once_and_in_order_after_a_goodbye_and_after_a_kill() {
    let server = Ejabberd::start(Storage::Mnesia);
    let (juliet, romeo) = (server.registered("juliet"), server.registered("romeo"));
    let (her, him) = (server.jid("juliet"), server.jid("romeo"));
    let (mut her_rpc, mut his_rpc) = (online(&juliet, &her), online(&romeo, &him));
    her_rpc.tells(&her, &him, "before", &his_rpc);
    let mut wanted = vec!["before".to_owned()];
    for killed in [false, true, false] {
        if killed {
            his_rpc.kill();
        } else {
            assert_eq!(his_rpc.close(), Some(0));
        }
        let missed: Vec<String> = (0..25).map(|number| format!("missed {}", wanted.len() + number)).collect();
        says_all(&mut her_rpc, &her, &him, &missed);
        wanted.extend(missed);
        his_rpc = online(&romeo, &him);
        his_rpc.sees(&wanted[wanted.len() - 1]);
        // What comes live comes behind what was missed.
        her_rpc.tells(&her, &him, &format!("live {}", wanted.len()), &his_rpc);
        wanted.push(format!("live {}", wanted.len()));
    }
    assert_eq!((her_rpc.close(), his_rpc.close()), (Some(0), Some(0)));
    assert_eq!(romeo.texts(&her), wanted);
    assert_eq!(juliet.texts(&him), wanted);
}

/// How many devices of somebody a device knows that can be written to in version 2.
fn with_version_2(rows: &[Value]) -> usize {
    rows.iter().filter(|row| row["versions"].as_array().is_some_and(|versions| versions.contains(&json!("2")))).count()
}

/// Waits until this account knows two devices of somebody, with their keys of version 2.
fn knows_two(rpc: &mut Rpc, account: &str, jid: &str) {
    for _ in 0..600 {
        let rows = rpc.ok("device.list", json!({ "account": account, "jid": jid }));
        if with_version_2(rows.as_array().unwrap()) == 2 {
            return;
        }
        rpc.try_event(Duration::from_millis(50), "device", |_| true);
    }
    panic!("{jid} never had two devices");
}

#[test]
fn a_second_device_reads_along_and_both_bundles_stay_on_the_node_of_version_2() {
    let mut server = Ejabberd::start(Storage::Mnesia);
    let (balcony, romeo) = (server.registered("juliet"), server.registered("romeo"));
    let (her, him) = (server.jid("juliet"), server.jid("romeo"));
    let mut his_rpc = online(&romeo, &him);
    let mut one = online(&balcony, &her);
    one.tells(&her, &him, "alone", &his_rpc);
    let tomb = Device::logged_in("tomb", &server, "juliet");
    let mut two = online(&tomb, &her);
    // He is no contact of hers, so he asks for her list when a device writes that is not on it.
    two.tells(&her, &him, "from the second", &his_rpc);
    one.event("message", "what the second said", |event| event["text"] == "from the second" && event["own"] == true);
    knows_two(&mut his_rpc, &him, &her);
    // Nobody vouched for it, so persons do.
    his_rpc.trusts(&him, &her);
    one.trusts(&her, &her);
    his_rpc.tells(&him, &her, "to both", &one);
    two.sees("to both");
    one.tells(&her, &him, "from the first", &his_rpc);
    two.event("message", "what the first said", |event| event["text"] == "from the first" && event["own"] == true);
    // Someone new takes from the server what lies there: now, and after all have come anew.
    for (name, text) in [("nurse", "Madam!"), ("tybalt", "Peace?")] {
        let stranger = server.registered(name);
        let sent = stranger.rows(&["send", &her, text]);
        assert_eq!(sent[0]["devices"], json!({ "reached": 2, "known": 2 }), "{name}");
        let devices = stranger.rows(&["devices", &her]);
        assert_eq!((devices.len(), with_version_2(&devices)), (2, 2), "{devices:?}");
        assert_eq!(one.sees(text)["sealed"], "full");
        assert_eq!(two.sees(text)["sealed"], "full");
        assert_eq!((one.close(), two.close(), his_rpc.close()), (Some(0), Some(0), Some(0)));
        server.stop();
        server.start_again();
        (one, two, his_rpc) = (online(&balcony, &her), online(&tomb, &her), online(&romeo, &him));
    }
    assert_eq!((one.close(), two.close(), his_rpc.close()), (Some(0), Some(0), Some(0)));
    assert_eq!(balcony.texts(&him), ["alone", "from the second", "to both", "from the first"]);
    // Before somebody spoke for it, what was sent went past it.
    let mut read = tomb.texts(&him);
    read.retain(|text| !text.starts_with('['));
    assert!(read.ends_with(&["from the second", "to both", "from the first"].map(str::to_owned)), "{read:?}");
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

#[test]
fn a_killed_program_resumes_its_stream() {
    let server = Ejabberd::start(Storage::Mnesia);
    ["juliet", "romeo"].iter().for_each(|user| drop(server.registered(user)));
    crate::server::resume::killed_and_resumed(&server);
}

#[test]
fn every_attack_on_a_login_is_stopped_or_shown() {
    let server = Ejabberd::start(Storage::Mnesia);
    server.registered("juliet");
    let way = Way::to(&server);
    // Of what it offers to bind to nothing is said, and nothing fits TLS 1.3.
    assert_eq!(way.acquainted(&server), "online, first_use");
    matrix::run("ejabberd", &server, &way, &attack::all(None), false);
}

#[test]
fn logins_go_as_they_should() {
    let mut server = Ejabberd::start(Storage::Sqlite);
    server.registered("juliet");
    crate::server::ways::table("ejabberd", &mut server);
}
