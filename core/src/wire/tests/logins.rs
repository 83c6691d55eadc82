//! Stories of a login: what is offered, what is chosen, what is refused.

use super::fake::{BIND, CLASSIC, MODERN, SM, Story, confirms};
use crate::error::ErrorKind;
use crate::model::Proof;
use crate::pin::{Evidence, Word};
use crate::wire::FromWire;
use crate::wire::xml::ns;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_modern_server_gives_everything_in_one_exchange() {
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    let asked = peer.modern("<enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='true'/>").await;
    let bound = story.bound().await;
    assert_eq!(bound.jid.as_str(), "juliet@x.test/r1");
    assert!(bound.resumable.is_some() && bound.carbons && !bound.resumed);
    assert_eq!(bound.proof, Proof::Proved);
    assert_eq!(asked.attr("mechanism"), Some("SCRAM-SHA-1-PLUS"));
    let bind = asked.get_child("bind", ns::BIND2).unwrap();
    assert!(bind.children().all(|child| matches!(child.name(), "enable" | "tag")), "{}", String::from(bind));
    assert!(asked.get_child("user-agent", ns::SASL2).unwrap().children().next().is_none());
}

#[tokio::test(start_paused = true)]
async fn each_session_of_an_installation_takes_the_place_of_the_one_before_and_tells_nothing() {
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    let asked = peer.modern("<enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='true'/>").await;
    let tag = asked.get_child("bind", ns::BIND2).unwrap().get_child("tag", ns::BIND2).unwrap().text();
    let mut story = Story::over(None);
    let mut peer = story.peer().await;
    peer.classic(&format!("{BIND}{SM}")).await;
    assert_eq!(peer.binds().await, tag);
    assert!(tag.len() == 16 && tag.bytes().all(|byte| byte.is_ascii_hexdigit()), "{tag}");
    assert!(!crate::wire::tests::fake::settings().user_agent.contains(&tag));
}

#[tokio::test(start_paused = true)]
async fn an_older_server_is_bound_step_by_step() {
    let mut story = Story::over(None);
    let mut peer = story.peer().await;
    let first = peer.classic(&format!("{BIND}{SM}")).await;
    assert!(first.starts_with("n,,n=juliet,r="), "{first}");
    peer.binds().await;
    assert_eq!(peer.hears_a("enable").await.attr("resume"), Some("true"));
    peer.says("<enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='true'/>").await;
    let bound = story.bound().await;
    assert!(bound.resumable.is_some() && !bound.carbons);
    assert_eq!(bound.proof, Proof::FirstUse);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_stream_management_says_so() {
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    peer.classic(BIND).await;
    peer.binds().await;
    assert!(story.bound().await.resumable.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_taken_away_offer_of_binding_is_told_to_the_server() {
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    let first = peer.classic(BIND).await;
    assert!(first.starts_with("y,,"), "{first}");
}

#[tokio::test(start_paused = true)]
async fn sasl2_without_bind2_binds_after_it() {
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    peer.opens("<authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-1</mechanism></authentication>").await;
    let (_, scram) = peer.challenge(ns::SASL2).await;
    let last = scram.verify(&peer.hears_a("response").await.text());
    peer.says(&format!(
        "<success xmlns='urn:xmpp:sasl:2'><additional-data>{last}</additional-data></success>\
         <stream:features>{BIND}</stream:features>"
    ))
    .await;
    peer.binds().await;
    assert_eq!(story.bound().await.jid.as_str(), "juliet@x.test/r1");
}

#[tokio::test(start_paused = true)]
async fn the_last_message_may_come_as_a_challenge() {
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    peer.opens(CLASSIC).await;
    let (_, scram) = peer.challenge(ns::SASL).await;
    let last = scram.verify(&peer.hears_a("response").await.text());
    peer.says(&format!("<challenge xmlns='{}'>{last}</challenge>", ns::SASL)).await;
    assert_eq!(peer.hears_a("response").await.text(), "");
    peer.says(&format!("<success xmlns='{}'/>", ns::SASL)).await;
    peer.opens(BIND).await;
    peer.binds().await;
    story.bound().await;
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_tried_once() {
    for (features, namespace) in [(MODERN, ns::SASL2), (CLASSIC, ns::SASL)] {
        let mut story = Story::begin();
        let mut peer = story.peer().await;
        peer.opens(features).await;
        peer.challenge(namespace).await;
        peer.hears_a("response").await;
        peer.says(&format!("<failure xmlns='{namespace}'><not-authorized xmlns='{}'/></failure>", ns::SASL)).await;
        story.ends_with(ErrorKind::WrongPassword).await;
    }
}

#[tokio::test(start_paused = true)]
async fn other_failures_are_told_apart() {
    let failures = [
        ("account-disabled", ErrorKind::LoginRefused, false),
        ("mechanism-too-weak", ErrorKind::NoMechanism, false),
        ("temporary-auth-failure", ErrorKind::ServerBusy, true),
    ];
    for (condition, kind, again) in failures {
        let mut story = Story::begin();
        let mut peer = story.peer().await;
        peer.opens(CLASSIC).await;
        peer.hears_a("auth").await;
        peer.says(&format!("<failure xmlns='{}'><{condition}/><text>no</text></failure>", ns::SASL)).await;
        let (told, retry) = story.offline().await;
        assert_eq!((told, retry.is_some()), (Some(kind), again), "{condition}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_prove_the_password_gets_nothing() {
    let wrong = "dj1BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE9";
    for success in [format!("<additional-data>{wrong}</additional-data>"), String::new()] {
        let mut story = Story::begin();
        let mut peer = story.peer().await;
        peer.opens(MODERN).await;
        peer.challenge(ns::SASL2).await;
        peer.hears_a("response").await;
        peer.says(&format!(
            "<success xmlns='urn:xmpp:sasl:2'>{success}<authorization-identifier>juliet@x.test/r1\
             </authorization-identifier><bound xmlns='urn:xmpp:bind:0'/></success>"
        ))
        .await;
        assert!(!peer.closed().await);
        story.ends_with(ErrorKind::ServerProof).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_before_any_challenge_is_refused() {
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    peer.opens(CLASSIC).await;
    peer.hears_a("auth").await;
    peer.says(&format!("<success xmlns='{}'/>", ns::SASL)).await;
    story.ends_with(ErrorKind::ServerProof).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_server_says_that_it_offered_must_be_what_came() {
    let offer = "SCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS\x1ftls-exporter";
    for (more, good) in [
        (confirms(offer) + ",t=0304", true),
        (confirms("SCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS\x1eSCRAM-SHA-256\x1ftls-exporter"), false),
        (confirms("SCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS"), false),
        (confirms(offer) + ",t=0303", false),
    ] {
        let mut story = Story::begin();
        let mut peer = story.peer().await;
        peer.opens(MODERN).await;
        peer.challenge_with(ns::SASL2, &more).await;
        if good {
            peer.hears_a("response").await;
        } else {
            assert_eq!(peer.rest().await, "", "nothing made from the password is shown");
            story.ends_with(ErrorKind::OfferAltered).await;
        }
    }
}

/// A server that was proved comes back with another key and offers this: what the wire says then, and how it ends.
async fn comes_back(key: u8, features: &str, more: &str) -> (String, Option<ErrorKind>, Option<Evidence>) {
    let mut story = Story::begin();
    let peer = story.online().await;
    drop(peer);
    assert!(story.offline().await.1.is_some());
    story.shows(key);
    let mut peer = story.peer().await;
    peer.opens(features).await;
    peer.challenge_with(ns::SASL, more).await;
    let said = peer.rest().await;
    let evidence = loop {
        match story.event().await {
            FromWire::Server(Word::Doubted(evidence)) => break Some(evidence),
            FromWire::Connecting | FromWire::Server(Word::Venture(_) | Word::Answered) => {}
            _ => break None,
        }
    };
    let kind = story.offline().await.0;
    story.gone().await;
    (said, kind, evidence)
}

#[tokio::test(start_paused = true)]
async fn a_proved_server_that_binds_no_more_gets_nothing_made_from_the_password() {
    for more in ["", ",h=AAAA"] {
        for key in [1, 2] {
            let (said, kind, evidence) = comes_back(key, CLASSIC, more).await;
            assert_eq!((said.as_str(), kind), ("", Some(ErrorKind::Contradiction)));
            let evidence = evidence.unwrap();
            assert_eq!((evidence.remembered.key, evidence.shown.key), ([1; 32], [key; 32]));
            assert_eq!(evidence.because, ErrorKind::OfferAltered);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_proved_server_that_says_itself_that_it_binds_no_more_is_followed() {
    let mut story = Story::begin();
    drop(story.online().await);
    story.offline().await;
    story.shows(2);
    let mut peer = story.peer().await;
    peer.classic(&format!("{BIND}{SM}")).await;
    assert_eq!(peer.hears_a("resume").await.attr("previd"), Some("sm1"));
    peer.says("<failed xmlns='urn:xmpp:sm:3'/>").await;
    peer.binds().await;
    peer.hears_a("enable").await;
    peer.says("<enabled xmlns='urn:xmpp:sm:3' id='sm2' resume='true'/>").await;
    assert_eq!(story.bound().await.proof, Proof::FirstUse);
}

#[tokio::test(start_paused = true)]
async fn bindings_that_nobody_knows_count_only_if_the_server_confirms_them() {
    let features = MODERN.replace("tls-exporter", "tls-nothing");
    for (more, good) in [(String::new(), false), (confirms("SCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS\x1ftls-nothing"), true)] {
        let mut story = Story::begin();
        let mut peer = story.peer().await;
        peer.opens(&features).await;
        let (_, scram) = peer.challenge_with(ns::SASL2, &more).await;
        assert!(scram.first.starts_with("n,,"), "{}", scram.first);
        if good {
            scram.verify(&peer.hears_a("response").await.text());
        } else {
            assert_eq!(peer.rest().await, "");
            story.ends_with(ErrorKind::OfferAltered).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_plain_password_is_never_sent() {
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    peer.opens("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>").await;
    assert_eq!(peer.rest().await, "", "nothing is said after the offer");
    story.ends_with(ErrorKind::NoMechanism).await;
}

#[tokio::test(start_paused = true)]
async fn a_jid_of_somebody_else_is_not_taken() {
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    peer.classic(BIND).await;
    let id = peer.hears_a("iq").await.attr("id").unwrap().to_owned();
    peer.says(&format!("<iq type='result' id='{id}'><bind xmlns='{}'><jid>romeo@x.test/r</jid></bind></iq>", ns::BIND))
        .await;
    assert_eq!(story.offline().await.0, Some(ErrorKind::OutOfTurn));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_xmpp_is_named_and_tried_again_later() {
    for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", "<html><body/></html>", "220 mail ESMTP\r\n"] {
        let mut story = Story::begin();
        let mut peer = story.peer().await;
        peer.says(answer).await;
        let (kind, retry) = story.offline().await;
        assert_eq!((kind, retry.is_some()), (Some(ErrorKind::NotXmpp), true), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_after_a_step() {
    let mut story = Story::begin();
    let _peer = story.peer().await;
    let (kind, retry) = story.offline().await;
    assert_eq!((kind, retry.is_some()), (Some(ErrorKind::TimedOut), true));
}

/// A server that says `first` and then one more of `drops` each second, for ever.
async fn drips(first: &str, drops: &str) -> (Option<ErrorKind>, u64) {
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    let begun = Instant::now();
    peer.says(first).await;
    let dripping = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            peer.tries(drops).await;
        }
    };
    tokio::select! {
        (kind, retry) = story.offline() => {
            assert!(retry.is_some());
            (kind, begun.elapsed().as_secs())
        }
        () = dripping => unreachable!(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_drips_is_given_up_in_time() {
    let header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
    assert_eq!(drips(header, " ").await, (Some(ErrorKind::TimedOut), 20), "one thing, byte by byte");
    let whole = drips(&format!("{header}<stream:features>{MODERN}</stream:features>"), "<message/>").await;
    assert_eq!(whole, (Some(ErrorKind::TimedOut), 40), "things that are each in time");
}

#[tokio::test(start_paused = true)]
async fn what_comes_before_the_session_is_kept_for_the_brain() {
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    peer.classic(&format!("{BIND}{SM}")).await;
    peer.binds().await;
    peer.hears_a("enable").await;
    peer.says("<message id='early'/><enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='true'/>").await;
    story.bound().await;
    assert_eq!(story.stanza().await.attr("id"), Some("early"));
    story.says(crate::wire::ToWire::Handled { stanzas: 1 }).await;
    peer.says("<r xmlns='urn:xmpp:sm:3'/>").await;
    assert_eq!(peer.hears_a("a").await.attr("h"), Some("0"), "it came before counting began");
}

#[tokio::test(start_paused = true)]
async fn each_try_is_announced() {
    let mut story = Story::begin();
    for _ in 0..3 {
        assert!(matches!(story.event().await, FromWire::Connecting));
        drop(story.peer().await);
        assert_eq!(story.offline().await.0, Some(ErrorKind::Disconnected));
    }
}
