//! Live OMEMO with slixmpp and python-omemo, in both versions.

mod differential;
mod healing;

use dunnock_tests::archive;
use dunnock_tests::dunnock::Device;
use dunnock_tests::peer::{Peer, Version};
use dunnock_tests::prosody::Prosody;
use dunnock_tests::report;
use dunnock_tests::tap::OMEMO_2;

/// The harness itself: if two peers did not understand each other, a failing story would say nothing about us.
#[test]
fn two_peers_understand_each_other_in_both_versions_and_over_a_restart() {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let mut juliet = Peer::start(&server, "juliet");
    let mut romeo = Peer::start(&server, "romeo");
    for version in [Version::V03, Version::V2] {
        let name = version.name();
        juliet.says(romeo.jid(), &format!("O Romeo, {name}"), version);
        assert_eq!(romeo.sees(&format!("O Romeo, {name}"))["version"], name);
        romeo.says(juliet.jid(), &format!("I take thee at thy word, {name}"), version);
        juliet.sees(&format!("I take thee at thy word, {name}"));
    }
    romeo.kill();
    romeo.start_again();
    juliet.says(romeo.jid(), "again", Version::V2);
    romeo.sees("again");
    let tap = server.tap();
    assert!(tap.assert_no_key_used_twice() >= 5);
    let archived = archive::read(&server.archive()).unwrap();
    assert!(
        archived.iter().any(|message| message.owner == "romeo" && message.stanza.contains(OMEMO_2)),
        "{archived:?}"
    );
    tap.assert_never_sent(&["O Romeo", "I take thee", "again"]);
}

/// A talk with the peer: who begins, in which version, a hundred messages each way, one restart of each side in between.
fn talk(version: Version, peer_begins: bool) {
    let name = format!("{}-{}", version.name(), if peer_begins { "peer" } else { "us" });
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let (us, them) = (server.jid("juliet"), server.jid("romeo"));
    let mut peer = Peer::start_with(&server, "romeo", &[version]);
    let device = Device::new("juliet");
    let mut juliet = device.online(&server, "juliet");
    for n in 0..100 {
        if n == 33 {
            juliet.kill();
            juliet = device.rpc();
            juliet.connect(&us);
        }
        if n == 66 {
            peer.kill();
            peer.start_again();
        }
        let (ours, theirs) = (format!("{name} from us {n}"), format!("{name} from the peer {n}"));
        if peer_begins {
            peer.says(&us, &theirs, version);
            juliet.sees(&theirs);
        }
        juliet.says(&us, &them, &ours);
        assert_eq!(peer.sees(&ours)["version"], version.name());
        if !peer_begins {
            peer.says(&us, &theirs, version);
            juliet.sees(&theirs);
        }
    }
    assert!(juliet.events("unreadable").is_empty() && peer.events("unreadable").is_empty());
    let rows = juliet.timeline(&us, &them);
    let sealed = if version == Version::V2 { "full" } else { "content" };
    assert_eq!(rows.len(), 200);
    assert!(rows.iter().all(|row| row["text"].is_string() && row["sealed"] == sealed), "{rows:?}");
    let uses = server.tap().assert_no_key_used_twice();
    assert!(uses >= 200);
    report::note(&format!("slixmpp, {name} first: {} of 200 read, {uses} message keys, none twice", rows.len()));
    server.tap().assert_never_sent(&["from us", "from the peer"]);
}

#[test]
fn talk_in_0_3_that_we_begin() {
    talk(Version::V03, false);
}

#[test]
fn talk_in_0_3_that_the_peer_begins() {
    talk(Version::V03, true);
}

#[test]
fn talk_in_2_that_we_begin() {
    talk(Version::V2, false);
}

#[test]
fn talk_in_2_that_the_peer_begins() {
    talk(Version::V2, true);
}

/// A client that is not ours seals and reads every payload in the envelope.
#[test]
fn every_payload_goes_both_ways_in_the_envelope() {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let (us, them) = (server.jid("juliet"), server.jid("romeo"));
    let mut peer = Peer::start_with(&server, "romeo", &[Version::V2]);
    let device = Device::new("juliet");
    let mut juliet = device.online(&server, "juliet");
    peer.says(&us, "hark", Version::V2);
    let heard = juliet.sees("hark");
    let first = crate::server::payloads::says_everything(&mut juliet, &us, &them);
    // The end holds the reply, the wish for a receipt and for a marker; what came before it came in order.
    let end = peer.sees("canary: the end")["content"].to_string();
    for payload in ["urn:xmpp:reply:0", "urn:xmpp:receipts", "urn:xmpp:chat-markers:0"] {
        assert!(end.contains(payload), "{payload}: {end}");
    }
    let told = format!("{:?}{:?}", peer.events("envelope"), peer.events("message"));
    for payload in ["reactions:0", "message-retract:1", "message-correct:0", "chatstates", "🐦"] {
        assert!(told.contains(payload), "{payload}: {told}");
    }
    // The peer's turn.
    let row = juliet.timeline(&us, &them).into_iter().find(|row| row["message"] == first.as_str()).unwrap();
    let ours = row["origin_id"].as_str().unwrap();
    let theirs = heard["origin_id"].as_str().unwrap();
    let mut says =
        |content: String| peer.command(serde_json::json!({ "do": "envelope", "to": us, "content": content }));
    says(format!("<displayed xmlns='urn:xmpp:chat-markers:0' id='{ours}'/>"));
    juliet.event("delivery", "displayed", |event| event["message"] == first.as_str() && event["state"] == "displayed");
    says(format!(
        "<reactions xmlns='urn:xmpp:reactions:0' id='{ours}'><reaction>👍</reaction><reaction>no</reaction></reactions>"
    ));
    let changed =
        |change: &str| juliet.event("changed", change, |event| event["change"] == change && event["own"] == false);
    juliet.event("changed", "his reaction", |event| event["reactions"][1]["emoji"] == "👍");
    says(format!(
        "<body xmlns='jabber:client'>hark!</body><replace xmlns='urn:xmpp:message-correct:0' id='{theirs}'/>"
    ));
    assert_eq!(changed("corrected")["text"], "hark!");
    says(format!("<retract xmlns='urn:xmpp:message-retract:1' id='{theirs}'/>"));
    assert!(changed("retracted")["text"].is_null());
    // What is not theirs is not theirs to take back.
    says(format!("<retract xmlns='urn:xmpp:message-retract:1' id='{ours}'/>"));
    peer.says(&us, "the rest is silence", Version::V2);
    juliet.sees("the rest is silence");
    let row = juliet.timeline(&us, &them).into_iter().find(|row| row["message"] == first.as_str()).unwrap();
    assert!(row["text"].is_string() && row["retracted"].is_null());
    server.tap().assert_never_sent(&["canary", "hark", "🐦", "👍"]);
    assert_eq!(juliet.close(), Some(0));
}
