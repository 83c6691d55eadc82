//! Stories of tokens (XEP-0484), and of a login without the password.

use super::fake::{KEY, MODERN, Peer, SM, Story, channel, settings};
use crate::error::ErrorKind;
use crate::model::Proof;
use crate::wire::state::State;
use crate::wire::xml::ns;
use crate::wire::{FromWire, Secret, Settings, ToWire, Token};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use minidom::Element;
use sha2::Sha256;
use std::sync::Arc;
use zeroize::Zeroizing;

pub(super) const ENABLED: &str =
    "<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='true'/></bound>";

/// The offer of a server that takes tokens with these mechanisms.
fn fast(mechanisms: &[&str]) -> String {
    let names: String = mechanisms.iter().map(|name| format!("<mechanism>{name}</mechanism>")).collect();
    MODERN.replacen("<inline>", &format!("<inline><fast xmlns='urn:xmpp:fast:0'>{names}</fast>"), 1)
}

pub(super) fn all() -> String {
    fast(&["HT-SHA-256-NONE", "HT-SHA-256-ENDP", "HT-SHA-256-EXPR"])
}

fn token(text: &str) -> String {
    format!("<token xmlns='urn:xmpp:fast:0' token='{text}' expiry='2099-01-01T00:00:00Z'/>")
}

/// Written down again from SASL-HT.
fn hashed(token: &str, word: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).unwrap();
    mac.chain_update(word).chain_update(KEY).finalize().into_bytes().to_vec()
}

/// A story whose store has this token and this password.
pub(super) fn with(token: Option<&str>, password: Option<&str>) -> Story {
    let token = token.map(|text| {
        let text = Zeroizing::new(text.to_owned());
        Arc::new(Token { mechanism: "HT-SHA-256-EXPR".into(), text, expires: i64::MAX })
    });
    let secret = Secret { token, ..password.map(Secret::password).unwrap_or_default() };
    let state = State::default();
    state.noted.add_permits(1000);
    Story::with(Some(channel(1)), Settings { secret, uses: 41, ..settings() }, state, None)
}

/// Hears a login by this token.
pub(super) async fn hears(peer: &mut Peer, token: &str) -> Element {
    let asked = peer.hears_a("authenticate").await;
    assert_eq!(asked.attr("mechanism"), Some("HT-SHA-256-EXPR"));
    let first = asked.get_child("initial-response", ns::SASL2).unwrap().text();
    assert_eq!(BASE64.decode(first).unwrap(), [b"juliet\0".as_slice(), &hashed(token, "Initiator")].concat());
    assert!(asked.get_child("request-token", ns::FAST).is_none());
    asked
}

/// Answers it with the proof of this one.
pub(super) async fn answers(peer: &mut Peer, token: &str, inside: &str) {
    let proof = BASE64.encode(hashed(token, "Responder"));
    peer.says(&format!(
        "<success xmlns='urn:xmpp:sasl:2'><additional-data>{proof}</additional-data>\
         <authorization-identifier>juliet@x.test/r1</authorization-identifier>{inside}</success>"
    ))
    .await;
}

/// A login by password on this offer. Returns what was asked.
async fn scram(peer: &mut Peer, inside: &str) -> Element {
    let (asked, scram) = peer.challenge(ns::SASL2).await;
    let last = scram.verify(&peer.hears_a("response").await.text());
    peer.says(&format!(
        "<success xmlns='urn:xmpp:sasl:2'><additional-data>{last}</additional-data>\
         <authorization-identifier>juliet@x.test/r1</authorization-identifier>{inside}</success>"
    ))
    .await;
    asked
}

/// What is learned next, before it is online.
async fn learned(story: &mut Story) -> Secret {
    loop {
        match story.event().await {
            FromWire::Learned(secret) => return secret,
            FromWire::Connecting | FromWire::Server(_) | FromWire::Offline { .. } => {}
            other => panic!("{}", super::fake::name(&other)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_asked_for_used_resumed_with_in_one_exchange_and_rotated() {
    let mut story = with(None, Some("pencil"));
    let mut peer = story.peer().await;
    peer.opens(&all()).await;
    let asked = scram(&mut peer, &format!("{ENABLED}{}", token("one"))).await;
    assert_eq!(asked.get_child("request-token", ns::FAST).unwrap().attr("mechanism"), Some("HT-SHA-256-EXPR"));
    assert!(asked.get_child("fast", ns::FAST).is_none());
    let secret = learned(&mut story).await;
    assert_eq!(secret.token.unwrap().text.as_str(), "one");
    assert!(secret.keys.is_some());
    story.bound().await;
    story.says(ToWire::Begin).await;
    drop(peer);
    // Next time it does it, and the server gives another.
    let mut peer = story.peer().await;
    peer.opens(&all()).await;
    let asked = hears(&mut peer, "one").await;
    assert_eq!(asked.get_child("fast", ns::FAST).unwrap().attr("count"), Some("43"));
    assert_eq!(asked.get_child("resume", ns::SM).unwrap().attr("previd"), Some("sm1"));
    answers(&mut peer, "one", &format!("<resumed xmlns='{}' h='0' previd='sm1'/>{}", ns::SM, token("two"))).await;
    assert_eq!(learned(&mut story).await.token.unwrap().text.as_str(), "two");
    let bound = story.bound().await;
    assert!(bound.resumed && bound.proof == Proof::Proved);
    drop(peer);
    let mut peer = story.peer().await;
    peer.opens(&all()).await;
    assert_eq!(hears(&mut peer, "two").await.get_child("fast", ns::FAST).unwrap().attr("count"), Some("44"));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_is_dropped_and_the_password_does_it_on_the_same_connection() {
    for condition in ["not-authorized", "credentials-expired", "malformed-request"] {
        let mut story = with(Some("old"), Some("pencil"));
        let mut peer = story.peer().await;
        peer.opens(&all()).await;
        hears(&mut peer, "old").await;
        peer.says(&format!("<failure xmlns='urn:xmpp:sasl:2'><{condition} xmlns='{}'/></failure>", ns::SASL)).await;
        let asked = scram(&mut peer, &format!("{ENABLED}{}", token("new"))).await;
        assert!(asked.get_child("request-token", ns::FAST).is_some(), "{condition}");
        assert_eq!(learned(&mut story).await.token.unwrap().text.as_str(), "new");
        assert!(!story.bound().await.resumed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_with_a_cut_is_not_tried_again() {
    let mut story = with(Some("old"), Some("pencil"));
    let mut peer = story.peer().await;
    peer.opens(&all()).await;
    hears(&mut peer, "old").await;
    peer.says("<failure xmlns='urn:xmpp:sasl:2'><not-authorized/></failure></stream:stream>").await;
    drop(peer);
    story.offline().await;
    let mut peer = story.peer().await;
    peer.opens(&all()).await;
    scram(&mut peer, ENABLED).await;
    assert!(learned(&mut story).await.token.is_none());
    story.bound().await;
}

#[tokio::test(start_paused = true)]
async fn a_success_without_the_proof_of_the_token_ends_the_account_s_tries() {
    for answer in ["", "AAAA", "other"] {
        let mut story = with(Some("mine"), Some("pencil"));
        let mut peer = story.peer().await;
        peer.opens(&all()).await;
        hears(&mut peer, "mine").await;
        match answer {
            "other" => answers(&mut peer, "another", ENABLED).await,
            data => {
                let data = format!("<additional-data>{data}</additional-data>");
                peer.says(&format!("<success xmlns='urn:xmpp:sasl:2'>{data}{ENABLED}</success>")).await;
            }
        }
        story.ends_with(ErrorKind::ServerProof).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_not_shown_where_it_would_not_be_bound() {
    let unbound = all().replace("tls-exporter", "tls-server-end-point");
    for offer in [fast(&["HT-SHA-256-NONE", "HT-SHA-256-ENDP", "HT-SHA-256-UNIQ"]), unbound, MODERN.to_owned()] {
        let mut story = with(Some("mine"), Some("pencil"));
        let mut peer = story.peer().await;
        peer.opens(&offer).await;
        let asked = peer.hears_a("authenticate").await;
        assert!(asked.attr("mechanism").unwrap().starts_with("SCRAM"), "{offer}");
        assert!(asked.get_child("fast", ns::FAST).is_none() && asked.get_child("request-token", ns::FAST).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn no_token_is_asked_for_in_a_login_that_is_not_bound() {
    let mut story = with(None, Some("pencil"));
    let mut peer = story.peer().await;
    peer.opens(&all().replace("<mechanism>SCRAM-SHA-1-PLUS</mechanism>", "")).await;
    let asked = peer.hears_a("authenticate").await;
    assert_eq!(asked.attr("mechanism"), Some("SCRAM-SHA-1"));
    assert!(asked.get_child("request-token", ns::FAST).is_none());
}

#[tokio::test(start_paused = true)]
async fn keys_log_in_without_the_password_in_both_forms_until_the_server_wants_others() {
    let mut story = with(None, Some("pencil"));
    let mut peer = story.peer().await;
    peer.opens(MODERN).await;
    scram(&mut peer, ENABLED).await;
    let keys = learned(&mut story).await.keys;
    let only = || Settings { secret: Secret { keys: keys.clone(), ..Secret::default() }, ..settings() };
    let start = || {
        let state = State::default();
        state.noted.add_permits(1000);
        Story::with(Some(channel(1)), only(), state, None)
    };
    let mut story = start();
    let mut peer = story.peer().await;
    peer.opens(MODERN).await;
    scram(&mut peer, ENABLED).await;
    story.bound().await;
    let mut story = start();
    let mut peer = story.peer().await;
    peer.classic(&format!("{}{SM}", super::fake::BIND)).await;
    peer.binds().await;
    peer.hears_a("enable").await;
    // Other iterations, and another mechanism.
    let mut story = start();
    let mut peer = story.peer().await;
    peer.opens(MODERN).await;
    let first = peer.hears_a("authenticate").await.get_child("initial-response", ns::SASL2).unwrap().text();
    let first = String::from_utf8(BASE64.decode(first).unwrap()).unwrap();
    let nonce = first.split("r=").nth(1).unwrap();
    let challenge = BASE64.encode(format!("r={nonce}server,s={},i=8192", BASE64.encode(b"salt")));
    peer.says(&format!("<challenge xmlns='urn:xmpp:sasl:2'>{challenge}</challenge>")).await;
    story.ends_with(ErrorKind::PasswordNeeded).await;
    let mut story = start();
    story.peer().await.opens(&MODERN.replace("SCRAM-SHA-1", "SCRAM-SHA-256")).await;
    story.ends_with(ErrorKind::PasswordNeeded).await;
}
