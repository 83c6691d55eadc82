//! Stories of a stream that an earlier process left behind.

use super::fake::{BIND, Story};
use super::sessions::{a, hears_message, message};
use crate::error::ErrorKind;
use crate::wire::xml::ns;
use crate::wire::{FromWire, Left, Resumable, ToWire};

/// Five of the server's are on the disk, it has four of ours, and these may have been written after them.
fn left(tokens: &[i64]) -> Left {
    let stream = Resumable { id: "sm0".into(), jid: "juliet@x.test/r1".parse().unwrap(), location: None };
    let sent = tokens.iter().map(|token| (*token, message(*token).into_bytes())).collect();
    Left { stream, heard: 5, acked: 4, sent }
}

const RESUMED: &str = "<resumed xmlns='urn:xmpp:sm:3' h='5' previd='sm0'/>";

#[tokio::test(start_paused = true)]
async fn what_the_server_has_is_acknowledged_and_the_rest_written_again_as_it_is() {
    for inline in [true, false] {
        let mut story = Story::left(left(&[7, 8, 9]));
        let mut peer = story.peer().await;
        let resume = if inline {
            peer.modern_with(RESUMED).await.get_child("resume", ns::SM).unwrap().clone()
        } else {
            peer.classic(&format!("{BIND}<sm xmlns='urn:xmpp:sm:3'/>")).await;
            let resume = peer.hears_a("resume").await;
            peer.says(RESUMED).await;
            resume
        };
        assert_eq!((resume.attr("previd"), resume.attr("h")), (Some("sm0"), Some("5")));
        loop {
            match story.event().await {
                FromWire::Acked { token, h } => break assert_eq!((token, h), (7, Some(5))),
                FromWire::Connecting | FromWire::Learned(_) | FromWire::Server(_) => {}
                other => panic!("{}", super::fake::name(&other)),
            }
        }
        let bound = story.bound().await;
        assert!(bound.resumed);
        assert_eq!((bound.jid.as_str(), bound.resumable.unwrap().id.as_str()), ("juliet@x.test/r1", "sm0"));
        hears_message(&mut peer, 8).await;
        hears_message(&mut peer, 9).await;
        // What comes counts on from there, and so does what goes.
        peer.says("<message/>").await;
        loop {
            match story.event().await {
                FromWire::Stanza(_, count) => break assert_eq!(count, Some(6)),
                FromWire::Written { token } => assert_eq!(token, 9),
                other => panic!("{}", super::fake::name(&other)),
            }
        }
        story.sends(10, &message(10)).await;
        hears_message(&mut peer, 10).await;
        a(&mut peer, 8).await;
        assert_eq!(story.acked().await, 10);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_resumption_still_says_what_arrived() {
    let mut story = Story::left(left(&[7, 8]));
    let mut peer = story.peer().await;
    let bound = "<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='sm2' resume='1'/></bound>";
    peer.modern_with(&format!("<failed xmlns='urn:xmpp:sm:3' h='5'/>{bound}")).await;
    loop {
        match story.event().await {
            FromWire::Acked { token, h } => break assert_eq!((token, h), (7, Some(5)), "rows go with their count"),
            FromWire::Connecting | FromWire::Learned(_) | FromWire::Server(_) => {}
            other => panic!("{}", super::fake::name(&other)),
        }
    }
    let bound = story.bound().await;
    assert!(!bound.resumed && bound.resumable.unwrap().id == "sm2");
    story.says(ToWire::Begin).await;
    story.sends(1, &message(1)).await;
    hears_message(&mut peer, 1).await;
}

#[tokio::test(start_paused = true)]
async fn counts_and_names_that_are_not_ours_end_in_a_new_stream() {
    for resumed in [
        "<resumed xmlns='urn:xmpp:sm:3' h='7' previd='sm0'/>",
        "<resumed xmlns='urn:xmpp:sm:3' h='3' previd='sm0'/>",
        "<resumed xmlns='urn:xmpp:sm:3' h='5' previd='sm1'/>",
        "<resumed xmlns='urn:xmpp:sm:3' h='five' previd='sm0'/>",
        "<resumed xmlns='urn:xmpp:sm:3' previd='sm0'/>",
    ] {
        let mut story = Story::left(left(&[7, 8]));
        let mut peer = story.peer().await;
        peer.modern_with(resumed).await;
        loop {
            match story.event().await {
                FromWire::Over => break,
                FromWire::Connecting | FromWire::Learned(_) | FromWire::Server(_) => {}
                other => panic!("{resumed}: {}", super::fake::name(&other)),
            }
        }
        let (kind, retry) = story.offline().await;
        assert_eq!((kind, retry.is_some()), (Some(ErrorKind::StreamRefused), true), "{resumed}");
        let mut peer = story.peer().await;
        assert!(peer.modern("").await.get_child("resume", ns::SM).is_none());
        assert!(!story.bound().await.resumed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_another_address_is_none_of_ours() {
    let mut left = left(&[]);
    left.stream.jid = "juliet@x.test/r2".parse().unwrap();
    let mut story = Story::left(left);
    // It says that it resumed the one of juliet@x.test/r1.
    story.peer().await.modern_with("<resumed xmlns='urn:xmpp:sm:3' h='4' previd='sm0'/>").await;
    while !matches!(story.event().await, FromWire::Over) {}
    assert_eq!(story.offline().await.0, Some(ErrorKind::StreamRefused));
}

#[tokio::test(start_paused = true)]
async fn what_a_server_objects_to_is_not_resumed_again() {
    let mut story = Story::left(left(&[7]));
    for _ in 0..3 {
        let mut peer = story.peer().await;
        peer.opens(super::fake::MODERN).await;
        assert!(peer.hears_a("authenticate").await.get_child("resume", ns::SM).is_some());
        peer.says("<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
            .await;
        story.offline().await;
    }
    assert!(story.peer().await.modern("").await.get_child("resume", ns::SM).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_resumed_first_where_the_server_would_have_it() {
    let mut left = left(&[]);
    left.stream.location = Some("there.x.test:9222".into());
    let mut story = Story::left(left);
    drop(story.peer().await);
    story.peer().await.modern_with("<resumed xmlns='urn:xmpp:sm:3' h='4' previd='sm0'/>").await;
    story.offline().await;
    assert!(story.bound().await.resumed);
    assert_eq!(*story.places.lock().unwrap(), ["there.x.test:9222", "x.test:5222"], "and once only");
}

#[tokio::test(start_paused = true)]
async fn names_of_streams_that_no_server_should_give_are_not_kept() {
    let long = "x".repeat(4001);
    for id in ["", long.as_str()] {
        let mut story = Story::begin();
        story.peer().await.modern(&format!("<enabled xmlns='urn:xmpp:sm:3' id='{id}' resume='true'/>")).await;
        assert!(story.bound().await.resumable.is_none());
    }
}
