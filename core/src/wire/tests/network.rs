//! Stories of networks: another one, none that somebody looks after, and servers that let nobody stay.

use super::fake::{CLASSIC, MODERN, Peer, Story};
use super::sessions::{a, hears_message, message};
use crate::error::ErrorKind;
use crate::net::A_MINUTE;
use crate::wire::xml::ns;
use crate::wire::{FromWire, ToWire, Vigil};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

async fn changes(story: &Story, times: usize) {
    for _ in 0..times {
        story.says(ToWire::NetworkChanged).await;
    }
}

/// Whether the peer hears nothing for this long.
async fn is_quiet(peer: &mut Peer, seconds: u64) -> bool {
    timeout(Duration::from_secs(seconds), peer.hears()).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn on_another_network_the_stream_is_asked_once_and_stays_if_it_answers() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    changes(&story, 100).await;
    peer.hears_a("r").await;
    a(&mut peer, 0).await;
    assert!(is_quiet(&mut peer, 100).await, "one question for all of them");
    changes(&story, 1).await;
    peer.hears_a("r").await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_did_not_survive_the_change_is_made_anew_within_seconds() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    let begun = Instant::now();
    changes(&story, 1).await;
    peer.hears_a("r").await;
    sleep(Duration::from_secs(3)).await;
    // Said again while it is waited for: the patience does not begin anew, and nothing more is asked.
    changes(&story, 100).await;
    assert!(!peer.closed().await);
    assert_eq!(story.offline().await.0, Some(ErrorKind::TimedOut));
    assert_eq!(begun.elapsed().as_secs(), 5);
    let asked = story.peer().await.modern("").await;
    assert_eq!(begun.elapsed().as_secs(), 5, "no pause");
    assert!(asked.get_child("resume", ns::SM).is_some());
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_gone_is_not_asked_first() {
    // Of a block that is for documents only (RFC 5737), so it is nobody's.
    let mut story = Story::from("192.0.2.77");
    let mut peer = story.online().await;
    let begun = Instant::now();
    changes(&story, 100).await;
    assert!(!peer.closed().await);
    assert_eq!(story.offline().await.0, Some(ErrorKind::Disconnected));
    let _peer = story.peer().await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    // What was said meanwhile is about the network that this try is on already, or ends it once.
    assert!(story.places.lock().unwrap().len() <= 3);
}

#[tokio::test(start_paused = true)]
async fn a_question_under_way_is_waited_for_less_long_on_another_network() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    story.sends(1, &message(1)).await;
    hears_message(&mut peer, 1).await;
    peer.hears_a("r").await;
    let begun = Instant::now();
    changes(&story, 3).await;
    assert_eq!(story.offline().await.0, Some(ErrorKind::TimedOut));
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn another_network_ends_a_pause_and_what_was_met_before_counts_no_more() {
    let mut story = Story::begin();
    for _ in 0..6 {
        drop(story.peer().await);
        story.offline().await;
    }
    let begun = Instant::now();
    changes(&story, 100).await;
    drop(story.peer().await);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let (_, retry) = story.offline().await;
    assert!(retry.unwrap() <= Duration::from_secs(1), "{retry:?}");
}

#[tokio::test(start_paused = true)]
async fn a_try_that_hangs_on_the_network_that_was_left_is_given_up() {
    let mut story = Story::begin();
    *story.hangs.lock().unwrap() = true;
    assert!(matches!(story.event().await, FromWire::Connecting));
    sleep(Duration::from_secs(1)).await;
    *story.hangs.lock().unwrap() = false;
    let begun = Instant::now();
    changes(&story, 100).await;
    assert_eq!(story.offline().await.0, Some(ErrorKind::TimedOut));
    assert_eq!(begun.elapsed().as_secs(), 5);
    let _second = story.peer().await;
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert_eq!(story.places.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_looks_silence_is_left_to_the_server() {
    for (vigil, asks) in [(Vigil::Seen, Some(120)), (Vigil::Left, Some(1800)), (Vigil::Woken, None)] {
        let mut story = Story::begin();
        let mut peer = story.online().await;
        let begun = Instant::now();
        story.says(ToWire::Watch(vigil)).await;
        if vigil != Vigil::Seen {
            peer.hears_a("inactive").await;
        }
        match asks {
            Some(seconds) => {
                peer.hears_a("r").await;
                assert_eq!(begun.elapsed().as_secs(), seconds, "{vigil:?}");
            }
            None => assert!(is_quiet(&mut peer, 86_400).await),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_server_asks_where_nobody_looks_is_answered_and_is_no_silence() {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    story.says(ToWire::Watch(Vigil::Left)).await;
    peer.hears_a("inactive").await;
    for _ in 0..10 {
        sleep(Duration::from_secs(14 * 60)).await;
        peer.says("<r xmlns='urn:xmpp:sm:3'/>").await;
        peer.hears_a("a").await;
    }
    assert!(is_quiet(&mut peer, 29 * 60).await);
    story.says(ToWire::Watch(Vigil::Seen)).await;
    peer.hears_a("active").await;
    peer.hears_a("r").await;
}

/// How far a server lets us come before it hangs up.
#[derive(Debug, Clone, Copy)]
enum Until {
    Accepted,
    Features,
    Answered,
    LoggedIn,
    Refused,
}

/// Five minutes of such a server, while somebody hurries all the time: when each connection was made.
async fn minutes_of(until: Until, hurry: fn() -> ToWire) -> Vec<Instant> {
    let mut story = Story::begin();
    let commands = story.commands.clone();
    let hurries = tokio::spawn(async move {
        while commands.send(hurry()).await.is_ok() {
            sleep(Duration::from_millis(700)).await;
        }
    });
    let end = Instant::now() + Duration::from_secs(300);
    let mut made = Vec::new();
    while Instant::now() < end {
        let mut peer = story.peer().await;
        made.push(Instant::now());
        match until {
            Until::Accepted => {}
            Until::Features => peer.opens(MODERN).await,
            Until::Answered => {
                peer.opens(CLASSIC).await;
                peer.hears_a("auth").await;
            }
            Until::LoggedIn => drop(peer.modern("").await),
            // Each stream can be resumed, and each time it cannot.
            Until::Refused => {
                let enabled = "<enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='true'/>";
                let bound = format!("<bound xmlns='urn:xmpp:bind:0'>{enabled}</bound>");
                drop(peer.modern_with(&format!("<failed xmlns='urn:xmpp:sm:3'/>{bound}")).await);
            }
        }
        drop(peer);
        while !matches!(story.event().await, FromWire::Offline { retry: Some(_), .. }) {}
    }
    hurries.abort();
    made
}

#[tokio::test(start_paused = true)]
async fn whatever_a_server_does_and_however_one_hurries_connections_are_bounded() {
    let wishes: [fn() -> ToWire; 2] = [|| ToWire::Hurry, || ToWire::NetworkChanged];
    for hurry in wishes {
        for until in [Until::Accepted, Until::Features, Until::Answered, Until::LoggedIn, Until::Refused] {
            let made = minutes_of(until, hurry).await;
            let most = (0..made.len()).map(|from| {
                let minute = made[from] + Duration::from_secs(60);
                made[from..].iter().take_while(|at| **at <= minute).count()
            });
            let most = most.max().unwrap();
            assert!(most <= A_MINUTE, "{until:?}: {most} in a minute");
            assert!((58..=62).contains(&made.len()), "{until:?}: {} in five minutes", made.len());
        }
    }
}
