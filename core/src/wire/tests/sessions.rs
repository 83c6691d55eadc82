//! Stories of a session: acknowledgements both ways, cuts, resumption, goodbyes.

use super::fake::{BIND, Peer, Story, name};
use crate::error::ErrorKind;
use crate::wire::xml::ns;
use crate::wire::{FromWire, ToWire, Vigil};
use std::time::Duration;
use tokio::time::Instant;

pub(super) const R: &str = "<r xmlns='urn:xmpp:sm:3'/>";

pub(super) fn message(id: i64) -> String {
    format!("<message to='romeo@x.test' id='m{id}'><body>{id}</body></message>")
}

pub(super) async fn a(peer: &mut Peer, h: u32) {
    peer.says(&format!("<a xmlns='urn:xmpp:sm:3' h='{h}'/>")).await;
}

/// Online, with three messages written and the question after them heard.
pub(super) async fn three_sent(story: &mut Story) -> Peer {
    let mut peer = story.online().await;
    for id in 1..=3 {
        story.sends(id, &message(id)).await;
    }
    for id in 1..=3 {
        hears_message(&mut peer, id).await;
    }
    peer
}

/// The next message, past questions.
pub(super) async fn hears_message(peer: &mut Peer, id: i64) {
    loop {
        let element = peer.hears().await;
        if element.name() != "r" {
            assert_eq!(element.attr("id"), Some(format!("m{id}").as_str()));
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_is_committed_is_acknowledged_and_the_rest_is_not_forgotten() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    peer.says(&format!("<message id='1'/><message id='2'/><presence/>{R}")).await;
    for _ in 0..3 {
        story.stanza().await;
    }
    assert_eq!(peer.hears_a("a").await.attr("h"), Some("0"));
    story.says(ToWire::Handled { stanzas: 2 }).await;
    story.says(ToWire::Handled { stanzas: 1 }).await;
    assert_eq!(peer.hears_a("a").await.attr("h"), Some("3"), "without being asked again");
    peer.says(R).await;
    assert_eq!(peer.hears_a("a").await.attr("h"), Some("3"));
}

#[tokio::test(start_paused = true)]
async fn a_message_is_written_asked_about_and_acknowledged() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    story.sends(7, &message(7)).await;
    assert!(matches!(story.event().await, FromWire::Written { token: 7 }));
    hears_message(&mut peer, 7).await;
    peer.hears_a("r").await;
    a(&mut peer, 1).await;
    assert_eq!(story.acked().await, 7);
}

#[tokio::test(start_paused = true)]
async fn a_resumed_stream_gets_again_what_it_did_not_acknowledge() {
    let mut story = Story::begin();
    let mut peer = three_sent(&mut story).await;
    peer.says("<message/>").await;
    story.stanza().await;
    story.says(ToWire::Handled { stanzas: 1 }).await;
    a(&mut peer, 1).await;
    assert_eq!(story.acked().await, 1);
    drop(peer);
    assert_eq!(story.offline().await.0, Some(ErrorKind::Disconnected));
    let mut peer = story.peer().await;
    let asked = peer.modern_with("<resumed xmlns='urn:xmpp:sm:3' h='2' previd='sm1'/>").await;
    let resume = asked.get_child("resume", ns::SM).unwrap();
    assert_eq!((resume.attr("previd"), resume.attr("h")), (Some("sm1"), Some("1")));
    assert_eq!(story.acked().await, 2);
    let bound = story.bound().await;
    assert!(bound.resumed && bound.resumable.is_some());
    assert_eq!(bound.jid.as_str(), "juliet@x.test/r1");
    hears_message(&mut peer, 3).await;
    story.sends(4, &message(4)).await;
    hears_message(&mut peer, 4).await;
    a(&mut peer, 4).await;
    assert_eq!(story.acked().await, 4);
}

#[tokio::test(start_paused = true)]
async fn resumption_works_step_by_step_as_well() {
    let mut story = Story::begin();
    drop(three_sent(&mut story).await);
    story.offline().await;
    let mut peer = story.peer().await;
    peer.classic(&format!("{BIND}<sm xmlns='urn:xmpp:sm:3'/>")).await;
    assert_eq!(peer.hears_a("resume").await.attr("previd"), Some("sm1"));
    peer.says("<resumed xmlns='urn:xmpp:sm:3' h='0' previd='sm1'/>").await;
    assert!(story.bound().await.resumed);
    for id in 1..=3 {
        hears_message(&mut peer, id).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_resumption_tells_what_arrived_and_begins_anew() {
    for (failed, acked) in
        [("<failed xmlns='urn:xmpp:sm:3' h='2'/>", Some(2)), ("<failed xmlns='urn:xmpp:sm:3'/>", None)]
    {
        let mut story = Story::begin();
        drop(three_sent(&mut story).await);
        story.offline().await;
        story.sends(4, &message(4)).await;
        let mut peer = story.peer().await;
        let bound = "<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='sm2' resume='1'/></bound>";
        peer.modern_with(&format!("{failed}{bound}")).await;
        if let Some(token) = acked {
            assert_eq!(story.acked().await, token);
        }
        let bound = story.bound().await;
        assert!(!bound.resumed && bound.resumable.is_some());
        // What was meant for the old stream is dropped, also what the brain sent before it knew of the new one.
        story.sends(5, &message(5)).await;
        story.says(ToWire::Begin).await;
        story.sends(1, &message(6)).await;
        hears_message(&mut peer, 6).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_resumption_refused_step_by_step_binds_on_the_same_connection() {
    let mut story = Story::begin();
    drop(three_sent(&mut story).await);
    story.offline().await;
    let mut peer = story.peer().await;
    peer.classic(&format!("{BIND}<sm xmlns='urn:xmpp:sm:3'/>")).await;
    peer.hears_a("resume").await;
    peer.says(
        "<failed xmlns='urn:xmpp:sm:3' h='1'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
    )
    .await;
    peer.binds().await;
    peer.hears_a("enable").await;
    peer.says("<enabled xmlns='urn:xmpp:sm:3' id='sm2' resume='true'/>").await;
    assert_eq!(story.acked().await, 1);
    assert!(!story.bound().await.resumed);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_and_tells_before_it_answers_has_answered_nothing_yet() {
    let early = format!("{R}<a xmlns='urn:xmpp:sm:3' h='2'/>");
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    peer.classic(&format!("{BIND}<sm xmlns='urn:xmpp:sm:3'/>")).await;
    peer.binds().await;
    peer.hears_a("enable").await;
    peer.says(&format!("{early}<enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='true'/>")).await;
    assert!(story.bound().await.resumable.is_some());
    story.says(ToWire::Begin).await;
    story.sends(1, &message(1)).await;
    hears_message(&mut peer, 1).await;
    drop(peer);
    story.offline().await;
    let mut peer = story.peer().await;
    peer.classic(&format!("{BIND}<sm xmlns='urn:xmpp:sm:3'/>")).await;
    peer.hears_a("resume").await;
    peer.says(&format!("{early}<resumed xmlns='urn:xmpp:sm:3' h='0' previd='sm1'/>")).await;
    assert!(story.bound().await.resumed);
    hears_message(&mut peer, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_resumption_without_a_count_is_followed_by_a_fresh_stream() {
    for h in ["", "h=''", "h='many'", "h='-1'", "h='4294967296'"] {
        for inline in [true, false] {
            let mut story = Story::begin();
            drop(three_sent(&mut story).await);
            story.offline().await;
            let mut peer = story.peer().await;
            let resumed = format!("<resumed xmlns='urn:xmpp:sm:3' {h} previd='sm1'/>");
            if inline {
                peer.modern_with(&resumed).await;
            } else {
                peer.classic(&format!("{BIND}<sm xmlns='urn:xmpp:sm:3'/>")).await;
                peer.hears_a("resume").await;
                peer.says(&resumed).await;
            }
            let (kind, retry) = story.offline().await;
            assert_eq!((kind, retry.is_some()), (Some(ErrorKind::StreamRefused), true), "{h}");
            drop(peer);
            let mut peer = story.peer().await;
            assert!(peer.modern("").await.get_child("resume", ns::SM).is_none());
            assert!(!story.bound().await.resumed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn before_a_resumption_the_brain_finishes_what_it_has() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    peer.says("<message id='1'/><message id='2'/>").await;
    story.stanza().await;
    story.stanza().await;
    drop(peer);
    story.offline().await;
    assert!(matches!(story.event().await, FromWire::Connecting));
    story.says(ToWire::Handled { stanzas: 2 }).await;
    let mut peer = story.peer().await;
    let asked = peer.modern_with("<resumed xmlns='urn:xmpp:sm:3' h='0' previd='sm1'/>").await;
    assert_eq!(asked.get_child("resume", ns::SM).unwrap().attr("h"), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_of_more_than_was_sent_ends_the_stream_for_good() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    a(&mut peer, 1).await;
    let error = peer.hears_a("error").await;
    let detail = error.get_child("handled-count-too-high", ns::SM).unwrap();
    assert_eq!((detail.attr("h"), detail.attr("send-count")), (Some("1"), Some("0")));
    assert!(peer.closed().await);
    let (kind, retry) = story.offline().await;
    assert_eq!((kind, retry.is_some()), (Some(ErrorKind::StreamRefused), true));
    let mut peer = story.peer().await;
    let asked = peer.modern("").await;
    assert!(asked.get_child("resume", ns::SM).is_none());
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_not_xml_are_not_asked_for_again() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    peer.says("<message></presence>").await;
    assert_eq!(story.offline().await.0, Some(ErrorKind::StreamRefused));
    let mut peer = story.peer().await;
    assert!(peer.modern("").await.get_child("resume", ns::SM).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_clean_stop_says_goodbye_with_the_last_acknowledgements() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    peer.says("<message/>").await;
    story.stanza().await;
    story.says(ToWire::Handled { stanzas: 1 }).await;
    story.sends(1, &message(1)).await;
    story.says(ToWire::Stop { clean: true }).await;
    hears_message(&mut peer, 1).await;
    peer.hears_a("r").await;
    assert_eq!(peer.hears_a("a").await.attr("h"), Some("1"));
    assert!(peer.closed().await);
    a(&mut peer, 1).await;
    peer.says("</stream:stream>").await;
    assert_eq!(story.acked().await, 1);
    assert_eq!(story.offline().await, (None, None));
    story.gone().await;
}

#[tokio::test(start_paused = true)]
async fn other_stops_leave_the_stream_to_be_resumed() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    peer.says("<message/>").await;
    story.stanza().await;
    story.says(ToWire::Handled { stanzas: 1 }).await;
    story.says(ToWire::Stop { clean: false }).await;
    assert_eq!(peer.hears_a("a").await.attr("h"), Some("1"), "else the server would push for it");
    peer.hears_a("inactive").await;
    assert!(!peer.closed().await);
    assert_eq!(story.offline().await, (None, None));
    story.gone().await;

    let mut story = Story::begin();
    let mut peer = story.online().await;
    drop(std::mem::replace(&mut story.commands, tokio::sync::mpsc::channel(1).0));
    peer.hears_a("a").await;
    peer.hears_a("inactive").await;
    assert!(!peer.closed().await, "a brain that is gone is such a stop");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wants_to_know_hears_whether_somebody_looks() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    for (vigil, said) in [(Vigil::Left, "inactive"), (Vigil::Seen, "active")] {
        story.says(ToWire::Watch(vigil)).await;
        story.says(ToWire::Watch(vigil)).await;
        peer.hears_a(said).await;
    }
    story.says(ToWire::Stop { clean: false }).await;
    peer.hears_a("a").await;
    peer.hears_a("inactive").await;
    assert!(!peer.closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_login_and_a_pause_at_once() {
    let mut story = Story::begin();
    let _peer = story.peer().await;
    story.says(ToWire::Stop { clean: true }).await;
    assert_eq!(story.offline().await, (None, None));
    story.gone().await;

    let mut story = Story::begin();
    drop(story.peer().await);
    assert!(story.offline().await.1.is_some());
    let begun = Instant::now();
    story.says(ToWire::Stop { clean: true }).await;
    assert_eq!(story.offline().await, (None, None));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    story.gone().await;
}

#[tokio::test(start_paused = true)]
async fn a_wish_to_hurry_ends_a_pause_and_checks_a_stream() {
    let mut story = Story::begin();
    for _ in 0..6 {
        drop(story.peer().await);
        story.offline().await;
    }
    let begun = Instant::now();
    story.says(ToWire::Hurry).await;
    let mut peer = story.online().await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    story.says(ToWire::Hurry).await;
    peer.hears_a("r").await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_and_cuts_is_not_hammered() {
    let mut story = Story::begin();
    let until = Instant::now() + Duration::from_secs(3600);
    let mut connections = 0;
    while Instant::now() < until {
        let mut peer = story.peer().await;
        peer.modern("").await;
        connections += 1;
        drop(peer);
        loop {
            if let FromWire::Offline { retry, .. } = story.event().await {
                assert!(retry.is_some());
                break;
            }
        }
    }
    assert!((60..=140).contains(&connections), "{connections} in an hour");
}

#[tokio::test(start_paused = true)]
async fn tokens_are_told_in_order_and_only_grow() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    let server = tokio::spawn(async move {
        let mut h = 0;
        while h < 500 {
            match peer.hears().await.name() {
                "r" => a(&mut peer, h).await,
                _ => h += 1,
            }
        }
        a(&mut peer, h).await;
        peer
    });
    let (mut written, mut acked, mut next) = (0, 0, 1);
    while acked < 500 {
        while next <= 500 && next - written <= 64 {
            story.sends(next, &message(next)).await;
            next += 1;
        }
        match story.event().await {
            FromWire::Written { token } => {
                assert!(token > written);
                written = token;
            }
            FromWire::Acked { token, .. } => {
                assert!(token > acked && token <= written, "nothing is acknowledged that was not written");
                acked = token;
            }
            other => panic!("{}", name(&other)),
        }
    }
    server.await.unwrap();
}
