//! Stories of a login that somebody cuts, delays or refuses to be shown another proof of the password.

use super::fake::{CLASSIC, MODERN, Peer, Story, confirms};
use crate::error::ErrorKind;
use crate::pin::{Venture, Word};
use crate::wire::FromWire;
use crate::wire::xml::ns;

/// What comes after the proof, in place of the server's own; and how a first login ends then.
const AFTERWARDS: [(&str, ErrorKind); 8] = [
    ("", ErrorKind::LoginCut),
    ("</stream:stream>", ErrorKind::LoginCut),
    (
        "<failure xmlns='NS'><temporary-auth-failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>",
        ErrorKind::LoginCut,
    ),
    (
        "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
        ErrorKind::LoginCut,
    ),
    ("<<<", ErrorKind::LoginCut),
    (
        "<failure xmlns='NS'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>",
        ErrorKind::WrongPassword,
    ),
    ("<continue xmlns='NS'><tasks><task>HOTP</task></tasks></continue>", ErrorKind::LoginRefused),
    ("<success xmlns='NS'/>", ErrorKind::ServerProof),
];

/// A login up to its proof, and this instead of an answer.
async fn cut(mut peer: Peer, (features, namespace): (&str, &str), afterwards: &str) {
    peer.opens(features).await;
    peer.challenge(namespace).await;
    peer.hears_a("response").await;
    peer.says(&afterwards.replace("NS", namespace)).await;
}

const FORMS: [(&str, &str); 2] = [(MODERN, ns::SASL2), (CLASSIC, ns::SASL)];

#[tokio::test(start_paused = true)]
async fn whatever_follows_the_proof_of_a_first_login_no_other_is_shown_by_itself() {
    for form in FORMS {
        for (afterwards, kind) in AFTERWARDS {
            let mut story = Story::begin();
            let peer = story.peer().await;
            cut(peer, form, afterwards).await;
            story.ends_with(kind).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn at_a_known_server_whose_key_is_new_it_is_no_different() {
    for (afterwards, kind) in AFTERWARDS {
        let mut story = Story::begin();
        drop(story.online().await);
        story.offline().await;
        story.shows(2);
        let peer = story.peer().await;
        cut(peer, FORMS[0], afterwards).await;
        let told = loop {
            if let FromWire::Server(Word::Doubted(evidence)) = story.event().await {
                break evidence;
            }
        };
        // What may not come at all is no accident.
        let kind = if kind == ErrorKind::LoginCut && afterwards != "<<<" {
            assert_eq!(told.because, kind);
            kind
        } else {
            ErrorKind::Contradiction
        };
        assert_eq!((told.remembered.key, told.shown.key), ([1; 32], [2; 32]), "it is there to be read: {afterwards}");
        story.ends_with(kind).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_key_is_known_may_cut_as_often_as_it_likes() {
    let mut story = Story::begin();
    drop(story.online().await);
    story.offline().await;
    for (afterwards, kind) in AFTERWARDS.into_iter().filter(|(_, kind)| *kind == ErrorKind::LoginCut) {
        let peer = story.peer().await;
        cut(peer, FORMS[0], afterwards).await;
        let (told, retry) = story.offline().await;
        assert!(told != Some(kind) && retry.is_some(), "{afterwards}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proof_is_written_down_before_it_is_shown_and_struck_out_when_it_is_answered() {
    let mut story = Story::held();
    let mut peer = story.peer().await;
    peer.opens(MODERN).await;
    let (_, scram) = peer.challenge(ns::SASL2).await;
    assert!(matches!(story.event().await, FromWire::Connecting));
    assert!(matches!(story.event().await, FromWire::Server(Word::Venture(key)) if key == [1; 32]));
    let early = tokio::time::timeout(std::time::Duration::from_secs(10), peer.hears()).await;
    assert!(early.is_err(), "nothing is shown yet");
    story.says(crate::wire::ToWire::Noted).await;
    let last = scram.verify(&peer.hears_a("response").await.text());
    peer.says(&format!("<success xmlns='urn:xmpp:sasl:2'><additional-data>{last}</additional-data></success>")).await;
    assert!(matches!(story.event().await, FromWire::Server(Word::Answered)));
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_ventured_holds_the_next_one_back() {
    for ended in [None, Some(ErrorKind::LoginCut), Some(ErrorKind::WrongPassword), Some(ErrorKind::Contradiction)] {
        // Whoever it was may show the same key, or another one.
        for key in [1, 7] {
            let mut story = Story::after(Venture { key: [key; 32], ended });
            let mut peer = story.peer().await;
            peer.opens(MODERN).await;
            peer.challenge_with(ns::SASL2, &confirms("SCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS\x1ftls-exporter")).await;
            assert_eq!(peer.rest().await, "", "nothing made from the password is shown");
            story.ends_with(ended.unwrap_or(ErrorKind::LoginCut)).await;
        }
    }
}
