//! Stories of slow ends: servers that count nothing or say nothing, and brains that lag.

use super::fake::{BIND, Peer, Story, name};
use super::sessions::{R, a, hears_message, message};
use crate::error::ErrorKind;
use crate::wire::xml::ns;
use crate::wire::{ToWire, Vigil};
use std::time::Duration;
use tokio::time::Instant;

/// Online at a server that does not count.
async fn uncounted(story: &mut Story) -> Peer {
    let mut peer = story.peer().await;
    peer.classic(BIND).await;
    peer.binds().await;
    story.bound().await;
    story.says(ToWire::Begin).await;
    peer
}

#[tokio::test(start_paused = true)]
async fn without_stream_management_a_ping_acknowledges() {
    for answer in ["result", "error"] {
        let mut story = Story::begin();
        let mut peer = uncounted(&mut story).await;
        story.sends(1, &message(1)).await;
        hears_message(&mut peer, 1).await;
        let ping = peer.hears_a("iq").await;
        assert_eq!(ping.attr("to"), Some("x.test"));
        let id = ping.attr("id").unwrap();
        peer.says(&format!("<iq type='{answer}' id='{id}' from='romeo@x.test/r'/>")).await;
        assert_eq!(story.stanza().await.attr("from"), Some("romeo@x.test/r"), "a guess of the id is no answer");
        peer.says(&format!("<iq type='{answer}' id='{id}' from='x.test'/><presence/>")).await;
        assert_eq!(story.acked().await, 1);
        assert_eq!(story.stanza().await.name(), "presence", "the answer is not passed on");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_written_after_a_ping_waits_for_the_next() {
    let mut story = Story::begin();
    let mut peer = uncounted(&mut story).await;
    story.sends(1, &message(1)).await;
    hears_message(&mut peer, 1).await;
    let first = peer.hears_a("iq").await;
    story.sends(2, &message(2)).await;
    hears_message(&mut peer, 2).await;
    peer.says(&format!("<iq type='result' id='{}'/>", first.attr("id").unwrap())).await;
    assert_eq!(story.acked().await, 1);
    let second = peer.hears_a("iq").await;
    peer.says(&format!("<iq type='result' id='{}'/>", second.attr("id").unwrap())).await;
    assert_eq!(story.acked().await, 2);
}

#[tokio::test(start_paused = true)]
async fn silence_is_asked_about_and_then_cut() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    let begun = Instant::now();
    peer.hears_a("r").await;
    assert_eq!(begun.elapsed().as_secs(), 120);
    a(&mut peer, 0).await;
    peer.hears_a("r").await;
    assert_eq!(begun.elapsed().as_secs(), 240, "an answer is a sign of life");
    assert_eq!(story.offline().await.0, Some(ErrorKind::TimedOut));
    assert_eq!(begun.elapsed().as_secs(), 260);
    assert!(!peer.closed().await, "no goodbye, so that it can be resumed");
    let mut peer = story.peer().await;
    assert!(peer.modern("").await.get_child("resume", ns::SM).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_talks_but_never_acknowledges_is_cut() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    story.sends(1, &message(1)).await;
    let begun = Instant::now();
    let talk = async {
        loop {
            peer.says(" ").await;
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    };
    tokio::select! {
        (kind, _) = story.offline() => assert_eq!(kind, Some(ErrorKind::TimedOut)),
        () = talk => unreachable!(),
    }
    assert_eq!(begun.elapsed().as_secs(), 140);
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_that_goes_on_is_not_cut() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    let all: i64 = 60;
    for n in 1..=all {
        story.sends(n, &message(n)).await;
    }
    // A second for each message: the whole row takes longer than the patience for one answer.
    let server = async {
        for n in 1..=all {
            hears_message(&mut peer, n).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            if n % 8 == 0 || n == all {
                peer.hears_a("r").await;
                a(&mut peer, n as u32).await;
            }
        }
    };
    let acknowledged = async { while story.acked().await < all {} };
    tokio::join!(server, acknowledged);
}

#[tokio::test(start_paused = true)]
async fn a_brain_that_lags_slows_the_server_and_loses_nothing() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    let all = 20_000;
    let server = tokio::spawn(async move {
        for n in 0..all {
            peer.says(&format!("<message id='{n}'><body>{}</body></message>", "x".repeat(50))).await;
        }
        peer
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    story.sends(1, &message(1)).await;
    // The answer to the question after this message cannot be read now: silence of our own making is no silence.
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(!server.is_finished(), "the server is held back");
    for n in 0..all {
        assert_eq!(story.stanza().await.attr("id"), Some(n.to_string().as_str()));
        story.says(ToWire::Handled { stanzas: 1 }).await;
    }
    hears_message(&mut server.await.unwrap(), 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_brain_that_lags_is_handed_no_more_than_a_few_large_stanzas() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    let all = 100;
    let server = tokio::spawn(async move {
        for n in 0..all {
            peer.says(&format!("<message id='{n}'>{}</message>", "<a/>".repeat(1000))).await;
        }
        peer
    });
    let next = async |story: &mut Story| tokio::time::timeout(Duration::from_secs(60), story.stanza()).await;
    let mut taken = 0;
    while next(&mut story).await.is_ok() {
        taken += 1;
    }
    assert!((4..20).contains(&taken), "{taken} at once");
    for n in taken..all {
        story.says(ToWire::Handled { stanzas: 1 }).await;
        let stanza = next(&mut story).await.expect("there is room again");
        assert_eq!(stanza.attr("id"), Some(n.to_string().as_str()));
    }
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_brain_had_no_room_for_is_told_after_a_cut() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    story.sends(1, &message(1)).await;
    hears_message(&mut peer, 1).await;
    peer.hears_a("r").await;
    // With the written token they fill the channel, so that the acknowledgement has to wait.
    peer.says(&"<message/>".repeat(crate::wire::EVENTS - 1)).await;
    a(&mut peer, 1).await;
    drop(peer);
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 1..crate::wire::EVENTS {
        story.stanza().await;
    }
    assert_eq!(story.acked().await, 1);
    assert_eq!(story.offline().await.0, Some(ErrorKind::Disconnected));
}

/// An hour at a server that has counted all but one of our stanzas from the beginning, watched like this. How often it is asked.
async fn asked_in_an_hour_by_a_server_one_behind(vigil: Vigil) -> usize {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    story.says(ToWire::Watch(vigil)).await;
    for id in 1..=3 {
        story.sends(id, &message(id)).await;
    }
    let mut asked = 0;
    let answering = async {
        let mut heard = 0;
        loop {
            match peer.hears().await.name() {
                "r" => {
                    asked += 1;
                    assert!(asked < 1000, "asked without end");
                    a(&mut peer, u32::saturating_sub(heard, 1)).await;
                }
                "message" => heard += 1,
                _ => {}
            }
        }
    };
    let told = async {
        loop {
            let name = name(&story.event().await);
            assert!(matches!(name, "written" | "acked"), "{name}");
        }
    };
    let hour = tokio::time::sleep(Duration::from_secs(3600));
    tokio::select! {
        () = answering => {}
        () = told => {}
        () = hour => {}
    }
    asked
}

#[tokio::test(start_paused = true)]
async fn a_server_that_counts_one_too_few_is_asked_again_after_pauses_that_grow() {
    let seen = asked_in_an_hour_by_a_server_one_behind(Vigil::Seen).await;
    // Doubled from one second to the two minutes of silence that are borne anyway.
    assert!((30..=45).contains(&seen), "{seen} questions in an hour");
    for vigil in [Vigil::Left, Vigil::Woken] {
        let asked = asked_in_an_hour_by_a_server_one_behind(vigil).await;
        assert!((2..=4).contains(&asked), "{vigil:?}: {asked} questions in an hour");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_lagged_is_asked_at_once_about_what_is_new_and_cut_once_it_is_silent() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    story.sends(1, &message(1)).await;
    hears_message(&mut peer, 1).await;
    for pause in [0, 1, 2, 4] {
        let begun = Instant::now();
        peer.hears_a("r").await;
        assert_eq!(begun.elapsed().as_secs(), pause);
        a(&mut peer, 0).await;
    }
    let begun = Instant::now();
    story.sends(2, &message(2)).await;
    hears_message(&mut peer, 2).await;
    peer.hears_a("r").await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "a new stanza is asked about");
    a(&mut peer, 1).await;
    assert_eq!(story.acked().await, 1);
    peer.hears_a("r").await;
    assert_eq!(begun.elapsed().as_secs(), 1, "a server that goes on is asked again soon");
    assert_eq!(story.offline().await.0, Some(ErrorKind::TimedOut));
    drop(peer);
    let mut peer = story.peer().await;
    peer.modern_with("<resumed xmlns='urn:xmpp:sm:3' h='1' previd='sm1'/>").await;
    assert!(story.bound().await.resumed);
    hears_message(&mut peer, 2).await;
}

#[tokio::test(start_paused = true)]
async fn acknowledgements_that_nobody_asked_for_are_not_answered_with_questions() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    story.sends(1, &message(1)).await;
    hears_message(&mut peer, 1).await;
    peer.hears_a("r").await;
    let begun = Instant::now();
    for _ in 0..1000 {
        a(&mut peer, 0).await;
    }
    peer.hears_a("r").await;
    assert_eq!(begun.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_and_does_not_read_is_answered_once_it_does() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    let questions = R.repeat(1000);
    for _ in 0..200 {
        peer.says(&questions).await;
    }
    peer.says(&format!("<message/>{R}")).await;
    story.stanza().await;
    story.says(ToWire::Handled { stanzas: 1 }).await;
    let mut answers = 1;
    while peer.hears_a("a").await.attr("h") != Some("1") {
        answers += 1;
    }
    // What fits between the two ends, and into one batch of ours.
    assert!(answers < 10_000, "{answers} answers to 200,000 questions were kept");
    peer.says(R).await;
    assert_eq!(peer.hears_a("a").await.attr("h"), Some("1"));
}
