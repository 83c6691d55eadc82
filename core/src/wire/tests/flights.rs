//! How often a start waits for the server: the flights of each part, counted at our end of the stream. A start is TCP (one,
//! by its nature), STARTTLS where it is not at once, TLS (counted in `net/tls.rs`) and XMPP.

use super::fake::{BIND, SM, Story};
use super::setup::{OFFER, PROCEED, TURNS};
use super::tokens;
use crate::net::flights::Counted;
use crate::wire::connect::starttls;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

#[tokio::test(start_paused = true)]
async fn asking_for_tls_costs_two() {
    let flights = Arc::new(AtomicUsize::new(0));
    let (ours, mut theirs) = duplex(4096);
    let asking = starttls(Box::new(Counted::new(ours, flights.clone())), "x.test", TURNS);
    let answering = async {
        for words in [OFFER, PROCEED] {
            let _ = theirs.read(&mut [0; 4096]).await.unwrap();
            theirs.write_all(words.as_bytes()).await.unwrap();
        }
    };
    let (asked, ()) = tokio::join!(asking, answering);
    assert!(asked.is_ok());
    assert_eq!(flights.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_login_by_token_costs_two_and_so_does_one_that_resumes() {
    let mut story = tokens::with(Some("one"), None);
    let mut peer = story.peer().await;
    peer.opens(&tokens::all()).await;
    tokens::hears(&mut peer, "one").await;
    tokens::answers(&mut peer, "one", tokens::ENABLED).await;
    assert!(!story.bound().await.resumed);
    assert_eq!(story.flights.load(Ordering::SeqCst), 2, "header, and all else");
    drop(peer);
    story.offline().await;
    let mut peer = story.peer().await;
    peer.opens(&tokens::all()).await;
    tokens::hears(&mut peer, "one").await;
    tokens::answers(&mut peer, "one", "<resumed xmlns='urn:xmpp:sm:3' h='0' previd='sm1'/>").await;
    assert!(story.bound().await.resumed);
    assert_eq!(story.flights.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_login_by_password_costs_three_in_one_exchange_also_if_it_resumes() {
    let mut story = Story::begin();
    drop(story.online().await);
    assert_eq!(story.flights.load(Ordering::SeqCst), 3, "header, first message, proof");
    story.offline().await;
    let mut peer = story.peer().await;
    peer.modern_with("<resumed xmlns='urn:xmpp:sm:3' h='0' previd='sm1'/>").await;
    assert!(story.bound().await.resumed);
    assert_eq!(story.flights.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn step_by_step_it_costs_six_and_five_where_it_resumes() {
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    peer.classic(&format!("{BIND}{SM}")).await;
    peer.binds().await;
    peer.hears_a("enable").await;
    peer.says("<enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='true'/>").await;
    story.bound().await;
    assert_eq!(story.flights.load(Ordering::SeqCst), 6, "header, first message, proof, header, bind, enable");
    drop(peer);
    story.offline().await;
    let mut peer = story.peer().await;
    peer.classic(&format!("{BIND}{SM}")).await;
    peer.hears_a("resume").await;
    peer.says("<resumed xmlns='urn:xmpp:sm:3' h='0' previd='sm1'/>").await;
    assert!(story.bound().await.resumed);
    assert_eq!(story.flights.load(Ordering::SeqCst), 5);
}
