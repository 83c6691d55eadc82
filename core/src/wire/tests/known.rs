//! Stories of a server that is remembered, and does what it did not do before.

use super::fake::{BIND, CLASSIC, MODERN, Peer, Story, channel, name, settings};
use crate::error::ErrorKind;
use crate::pin::{Binding, Pin, Shown, Word};
use crate::wire::state::State;
use crate::wire::xml::ns;
use crate::wire::{FromWire, Settings};

/// At a server whose key was 1, which shows this one now.
fn shows(key: u8, mechanism: &str, bound: Option<Binding>) -> Story {
    let shown = Shown { key: [1; 32], issuer: String::new(), tls: "0304".into() };
    let pin = Some(Pin { shown, bound, confirmed: false, mechanism: mechanism.into() });
    let state = State::default();
    state.noted.add_permits(1000);
    Story::with(Some(channel(key)), Settings { pin, ..settings() }, state, None)
}

const BOUND: Option<Binding> = Some(Binding::Exporter);

/// What is held against the server; how the try ended, and whether another follows.
async fn told(story: &mut Story) -> (Option<ErrorKind>, Option<ErrorKind>, bool) {
    let mut against = None;
    loop {
        match story.event().await {
            FromWire::Server(Word::Doubted(evidence)) => against = Some(evidence.because),
            FromWire::Offline { error, retry } => return (against, error.map(|error| error.kind), retry.is_some()),
            FromWire::Connecting | FromWire::Server(_) => {}
            other => panic!("{}", name(&other)),
        }
    }
}

/// It contradicts itself by this.
fn contradicts(because: ErrorKind) -> (Option<ErrorKind>, Option<ErrorKind>, bool) {
    (Some(because), Some(ErrorKind::Contradiction), false)
}

#[tokio::test(start_paused = true)]
async fn an_empty_offer_contradicts_what_was_proved() {
    let sasl = format!("<mechanisms xmlns='{}'/>", ns::SASL);
    let sasl2 = format!("<authentication xmlns='{}'/>", ns::SASL2);
    let plain = format!("<authentication xmlns='{}'><mechanism>PLAIN</mechanism></authentication>", ns::SASL2);
    for (mechanism, bound) in [("SCRAM-SHA-1", None), ("SCRAM-SHA-256-PLUS", BOUND), ("HT-SHA-256-EXPR", BOUND)] {
        for offer in [sasl.clone(), sasl2.clone(), format!("{sasl}{sasl2}"), plain.clone()] {
            for key in [1, 2] {
                let mut story = shows(key, mechanism, bound);
                let mut peer = story.peer().await;
                peer.opens(&offer).await;
                assert_eq!(peer.rest().await, "");
                assert_eq!(told(&mut story).await, contradicts(ErrorKind::LoginDowngraded), "{mechanism}: {offer}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_shows_another_key_and_speaks_out_of_turn_contradicts_what_was_proved() {
    let early = "<message id='early'/>";
    let words = [early, "<stream:features/>", "<x xmlns='u'/>", "<?x y?>", "<?xml version='1.0'?>", "text"];
    for (features, said) in [MODERN, CLASSIC].into_iter().flat_map(|features| words.map(|said| (features, said))) {
        for key in [1, 2] {
            let mut story = shows(key, "SCRAM-SHA-1", BOUND);
            let mut peer = story.peer().await;
            // Less than before is not gone on with by itself, so it is said at once.
            peer.opens(&format!("{features}</stream:features>{said}<stream:features>")).await;
            let end = match key {
                1 => (None, Some(ErrorKind::OutOfTurn), true),
                _ => contradicts(ErrorKind::OutOfTurn),
            };
            assert_eq!(told(&mut story).await, end, "{said}");
        }
    }
    // A server that never bound a login may have another key each day.
    let mut story = shows(2, "SCRAM-SHA-1", None);
    let mut peer = story.peer().await;
    peer.opens(CLASSIC).await;
    peer.says("<x xmlns='u'/>").await;
    assert_eq!(told(&mut story).await, (None, Some(ErrorKind::OutOfTurn), true));
}

#[tokio::test(start_paused = true)]
async fn a_new_key_that_was_proved_by_this_very_login_may_be_that_of_a_poor_server() {
    let no = format!(
        "<iq type='error' id='bind'><error type='cancel'><not-allowed xmlns='{}'/></error></iq>",
        ns::STANZA_ERRORS
    );
    for (said, kind, again) in [("<?x y?>", ErrorKind::OutOfTurn, true), (&no, ErrorKind::LoginRefused, false)] {
        let mut story = shows(2, "SCRAM-SHA-1-PLUS", BOUND);
        let mut peer = story.peer().await;
        peer.classic(BIND).await;
        peer.hears_a("iq").await;
        peer.says(said).await;
        assert_eq!(told(&mut story).await, (None, Some(kind), again));
    }
}

#[tokio::test(start_paused = true)]
async fn a_known_server_that_makes_us_somebody_else_is_not_gone_on_with() {
    for other in ["romeo@x.test/r1", "juliet@y.test/r1"] {
        for (key, bound) in [(1, BOUND), (2, BOUND), (2, None)] {
            let mut story = shows(key, "SCRAM-SHA-1", bound);
            let mut peer = story.peer().await;
            peer.classic(BIND).await;
            binds(&mut peer, other).await;
            assert_eq!(told(&mut story).await, contradicts(ErrorKind::OutOfTurn), "{other}");

            let mut story = shows(key, "SCRAM-SHA-1-PLUS", bound);
            let mut peer = story.peer().await;
            peer.opens(MODERN).await;
            let (_, scram) = peer.challenge(ns::SASL2).await;
            let last = scram.verify(&peer.hears_a("response").await.text());
            let inside = format!("<authorization-identifier>{other}</authorization-identifier>");
            peer.says(&format!(
                "<success xmlns='{}'><additional-data>{last}</additional-data>{inside}<bound xmlns='{}'/></success>",
                ns::SASL2,
                ns::BIND2
            ))
            .await;
            assert_eq!(told(&mut story).await, contradicts(ErrorKind::OutOfTurn), "{other}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_binds_nobody_is_no_refusal_of_the_account() {
    for jid in ["", "x.test", "juliet@x.test", "@/"] {
        let mut story = shows(1, "SCRAM-SHA-1", BOUND);
        let mut peer = story.peer().await;
        peer.classic(BIND).await;
        binds(&mut peer, jid).await;
        assert_eq!(told(&mut story).await, (None, Some(ErrorKind::OutOfTurn), true), "{jid}");
    }
}

/// Answers a resource binding with this address.
async fn binds(peer: &mut Peer, jid: &str) {
    let id = peer.hears_a("iq").await.attr("id").unwrap().to_owned();
    peer.says(&format!("<iq type='result' id='{id}'><bind xmlns='{}'><jid>{jid}</jid></bind></iq>", ns::BIND)).await;
}
