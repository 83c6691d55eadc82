//! Stories of servers that do not bind a session: for good, or not now.

use super::fake::{BIND, CLASSIC, MODERN, Peer, SM, Story};
use super::sessions::three_sent;
use crate::error::ErrorKind;
use crate::wire::xml::ns;

/// The next connection's login, whose resource binding is answered by this.
async fn answered(story: &mut Story, kind: &str, condition: &str) {
    let mut peer = story.peer().await;
    peer.classic(BIND).await;
    refuses(&mut peer, kind, condition).await;
}

async fn refuses(peer: &mut Peer, kind: &str, condition: &str) {
    let id = peer.hears_a("iq").await.attr("id").unwrap().to_owned();
    let text = format!("<text xmlns='{}'>no</text>", ns::STANZA_ERRORS);
    let error = format!("<error type='{kind}'><{condition} xmlns='{}'/>{text}</error>", ns::STANZA_ERRORS);
    peer.says(&format!("<iq type='error' id='{id}'><bind xmlns='{}'/>{error}</iq>", ns::BIND)).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_bind_now_is_tried_again_until_it_can() {
    for (kind, condition) in [
        ("wait", "resource-constraint"),
        ("wait", "internal-server-error"),
        ("cancel", "internal-server-error"),
        ("cancel", "service-unavailable"),
        ("wait", "remote-server-timeout"),
        ("wait", "not-allowed"),
        ("wait", "of-tomorrow"),
    ] {
        let mut story = Story::begin();
        for _ in 0..2 {
            answered(&mut story, kind, condition).await;
            let (told, retry) = story.offline().await;
            assert_eq!((told, retry.is_some()), (Some(ErrorKind::ServerBusy), true), "{kind}, {condition}");
        }
        let mut peer = story.peer().await;
        peer.classic(BIND).await;
        peer.binds().await;
        story.bound().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_binds_no_session_is_not_asked_again() {
    for (kind, condition) in
        [("cancel", "not-allowed"), ("modify", "bad-request"), ("cancel", "conflict"), ("auth", "forbidden")]
    {
        let mut story = Story::begin();
        answered(&mut story, kind, condition).await;
        story.ends_with(ErrorKind::LoginRefused).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_of_the_login_is_tried_again_in_both_forms() {
    for (features, namespace) in [(MODERN, ns::SASL2), (CLASSIC, ns::SASL)] {
        let mut story = Story::begin();
        let mut peer = story.peer().await;
        peer.opens(features).await;
        peer.hears().await;
        let condition = format!("<temporary-auth-failure xmlns='{}'/>", ns::SASL);
        peer.says(&format!("<failure xmlns='{namespace}'>{condition}</failure>")).await;
        let (told, retry) = story.offline().await;
        assert_eq!((told, retry.is_some()), (Some(ErrorKind::ServerBusy), true));
        story.online().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_to_be_resumed_outlasts_a_server_that_is_busy() {
    let mut story = Story::begin();
    drop(three_sent(&mut story).await);
    story.offline().await;
    for _ in 0..5 {
        let mut peer = story.peer().await;
        peer.classic(&format!("{BIND}{SM}")).await;
        peer.hears_a("resume").await;
        peer.says(&format!("<failed xmlns='{}'><service-unavailable xmlns='{}'/></failed>", ns::SM, ns::STANZA_ERRORS))
            .await;
        refuses(&mut peer, "wait", "resource-constraint").await;
        assert_eq!(story.offline().await.0, Some(ErrorKind::ServerBusy));
    }
    let mut peer = story.peer().await;
    peer.modern_with("<resumed xmlns='urn:xmpp:sm:3' h='1' previd='sm1'/>").await;
    assert_eq!(story.acked().await, 1);
    assert!(story.bound().await.resumed);
}
