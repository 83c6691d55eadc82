//! Stories of what a server takes (XEP-0478).

use super::fake::{BIND, MODERN, Peer, SM, Story, name};
use super::sessions::{a, hears_message, message};
use crate::wire::{FromWire, ToWire, Vigil};
use std::time::Duration;
use tokio::time::{Instant, timeout};

fn limits(inside: &str) -> String {
    format!("<limits xmlns='urn:xmpp:stream-limits:0'>{inside}</limits>")
}

/// Online by SASL2, at a server that says this of strangers and then of us.
async fn modern(story: &mut Story, before: &str, after: &str) -> Peer {
    let mut peer = story.peer().await;
    let bound = "<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='true'/></bound>";
    peer.modern_at(&format!("{MODERN}{}", limits(before)), bound).await;
    peer.says(&format!("<stream:features>{}</stream:features>", limits(after))).await;
    story.bound().await;
    story.says(ToWire::Begin).await;
    // Whoever answers has read what came before.
    peer.says("<r xmlns='urn:xmpp:sm:3'/>").await;
    peer.hears_a("a").await;
    peer
}

/// Online by SASL and resource binding, at a server that says this of us.
async fn classic(story: &mut Story, after: &str) -> Peer {
    let mut peer = story.peer().await;
    peer.classic(&format!("{BIND}{SM}{}", limits(after))).await;
    peer.binds().await;
    peer.hears_a("enable").await;
    peer.says("<enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='true'/>").await;
    story.bound().await;
    story.says(ToWire::Begin).await;
    peer
}

fn large(id: i64, bytes: usize) -> String {
    let text = message(id);
    let more = bytes - text.len();
    text.replace("</body>", &format!("{}</body>", "x".repeat(more)))
}

/// The next that is told, past written tokens.
async fn told(story: &mut Story) -> FromWire {
    loop {
        match story.event().await {
            FromWire::Written { .. } => {}
            other => return other,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_told_and_not_written_and_the_rest_goes_on() {
    for by_sasl2 in [true, false] {
        let mut story = Story::begin();
        let after = "<max-bytes>20000</max-bytes>";
        let mut peer = match by_sasl2 {
            true => modern(&mut story, "<max-bytes>10000</max-bytes>", after).await,
            false => classic(&mut story, after).await,
        };
        story.sends(1, &large(1, 20_000)).await;
        story.sends(2, &large(2, 20_001)).await;
        story.sends(3, &message(3)).await;
        hears_message(&mut peer, 1).await;
        hears_message(&mut peer, 3).await;
        a(&mut peer, 2).await;
        match told(&mut story).await {
            FromWire::TooLarge { token: 2 } => {}
            other => panic!("{}", name(&other)),
        }
        assert_eq!(story.acked().await, 3, "the stream went on");
    }
}

#[tokio::test(start_paused = true)]
async fn what_holds_for_strangers_does_not_hold_for_us() {
    let mut story = Story::begin();
    let mut peer = modern(&mut story, "<max-bytes>10000</max-bytes>", "").await;
    story.sends(1, &large(1, 50_000)).await;
    hears_message(&mut peer, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_would_let_nothing_through_is_not_believed() {
    for limit in ["0", "1", "9999", "-1", "many", "", "99999999999"] {
        let mut story = Story::begin();
        let mut peer = classic(&mut story, &format!("<max-bytes>{limit}</max-bytes>")).await;
        story.sends(1, &large(1, 10_000)).await;
        hears_message(&mut peer, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_idle_streams_hears_of_us_in_time_while_somebody_looks() {
    let mut story = Story::begin();
    let mut peer = classic(&mut story, "<idle-seconds>100</idle-seconds>").await;
    for _ in 0..3 {
        let begun = Instant::now();
        peer.hears_a("r").await;
        assert_eq!(begun.elapsed().as_secs(), 90);
        a(&mut peer, 0).await;
    }
    story.says(ToWire::Watch(Vigil::Left)).await;
    assert!(timeout(Duration::from_secs(1700), peer.hears()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_not_said_is_learnt_from_two_streams_that_end() {
    let mut story = Story::begin();
    let error = "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    for longer in [0, 70] {
        let mut peer = story.online().await;
        story.sends(1, &message(1)).await;
        // On a later stream it goes with its delay.
        story.sends(2, &large(2, 30_000 + longer)).await;
        hears_message(&mut peer, 1).await;
        hears_message(&mut peer, 2).await;
        peer.says(error).await;
        story.offline().await;
    }
    let mut peer = story.online().await;
    story.sends(1, &large(1, 29_999)).await;
    story.sends(2, &large(2, 30_000)).await;
    story.sends(3, &message(3)).await;
    hears_message(&mut peer, 1).await;
    hears_message(&mut peer, 3).await;
    assert!(matches!(told(&mut story).await, FromWire::TooLarge { token: 2 }));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_streams_for_something_else_teaches_nothing() {
    let mut story = Story::begin();
    let error = "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    for _ in 0..3 {
        let mut peer = story.online().await;
        story.sends(1, &large(1, 10_000)).await;
        hears_message(&mut peer, 1).await;
        peer.says(error).await;
        story.offline().await;
    }
    let mut peer = story.online().await;
    story.sends(1, &large(1, 50_000)).await;
    hears_message(&mut peer, 1).await;
}
