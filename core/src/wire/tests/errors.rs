//! Stories of stream errors (RFC 6120 §4.9): whether it is tried again, and whether the old stream is resumed then.

use super::fake::{MODERN, Story};
use crate::error::ErrorKind;
use crate::wire::connect::starttls;
use crate::wire::patience::Turns;
use crate::wire::xml::ns;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, duplex};

/// An error as servers write it, with or without words for people.
fn error(condition: &str, inside: &str, text: bool) -> String {
    let text = if text {
        format!("<text xmlns='{}' xml:lang='en'>conflict &lt;not-authorized/&gt;</text>", ns::STREAM_ERRORS)
    } else {
        String::new()
    };
    // The words may come first.
    format!(
        "<stream:error>{text}<{condition} xmlns='{}'>{inside}</{condition}></stream:error></stream:stream>",
        ns::STREAM_ERRORS
    )
}

/// What becomes of an account whose server says this.
#[derive(Debug, PartialEq)]
struct Fate {
    kind: ErrorKind,
    /// It is tried again; and then the old stream is asked for.
    again: bool,
    resumes: bool,
}

/// Said to a session that could be resumed.
async fn after_login(said: &str) -> Fate {
    let mut story = Story::begin();
    let mut peer = story.online().await;
    peer.says(said).await;
    fate(story).await
}

/// Said to a login that would resume an older stream.
async fn before_login(said: &str) -> Fate {
    let mut story = Story::begin();
    drop(story.online().await);
    story.offline().await;
    let mut peer = story.peer().await;
    peer.opens(MODERN).await;
    peer.says(said).await;
    fate(story).await
}

async fn fate(mut story: Story) -> Fate {
    let (kind, retry) = story.offline().await;
    let again = retry.is_some();
    let resumes = again && {
        let asked = story.peer().await.modern("").await;
        asked.get_child("resume", ns::SM).is_some()
    };
    if !again {
        story.gone().await;
    }
    Fate { kind: kind.unwrap(), again, resumes }
}

#[tokio::test(start_paused = true)]
async fn each_stream_error_has_its_effect_before_and_after_the_login_with_words_and_without() {
    use ErrorKind::*;
    for (condition, kind, again, resumes) in [
        ("conflict", Conflict, false, false),
        ("not-authorized", LoginRefused, false, false),
        ("host-unknown", WrongDomain, true, false),
        ("host-gone", WrongDomain, true, false),
        ("policy-violation", StreamRefused, true, false),
        ("bad-format", StreamRefused, true, false),
        ("undefined-condition", StreamRefused, true, false),
        ("of-tomorrow", StreamRefused, true, false),
        ("system-shutdown", StreamRefused, true, true),
        ("reset", StreamRefused, true, true),
        ("connection-timeout", StreamRefused, true, true),
        ("resource-constraint", StreamRefused, true, true),
        ("internal-server-error", StreamRefused, true, true),
        ("see-other-host", SeeOtherHost, true, true),
    ] {
        for text in [false, true] {
            let said = error(condition, "", text);
            assert_eq!(after_login(&said).await, Fate { kind, again, resumes }, "{condition}, {text}");
            // Before the login nothing was said on the new stream: the old one is as it was.
            let resumes = again;
            assert_eq!(before_login(&said).await, Fate { kind, again, resumes }, "{condition} before, {text}");
        }
    }
    let nothing = Fate { kind: StreamRefused, again: true, resumes: false };
    assert_eq!(after_login("<stream:error/>").await, nothing);
}

#[tokio::test(start_paused = true)]
async fn another_host_is_gone_to_at_once_and_but_once() {
    let said = error("see-other-host", "b.test:9222", false);
    let mut story = Story::begin();
    let mut peer = story.online().await;
    peer.says(&said).await;
    assert_eq!(story.offline().await, (Some(ErrorKind::SeeOtherHost), Some(Duration::ZERO)));
    let mut peer = story.peer().await;
    peer.opens(MODERN).await;
    drop(peer);
    let (_, retry) = story.offline().await;
    assert!(retry.unwrap() > Duration::ZERO);
    story.peer().await;
    assert_eq!(*story.places.lock().unwrap(), ["x.test:5222", "b.test:9222", "x.test:5222"]);
}

#[tokio::test(start_paused = true)]
async fn hosts_that_send_us_round_in_a_circle_are_met_with_pauses() {
    let mut story = Story::begin();
    let mut pauses = Vec::new();
    for n in 0..6 {
        let mut peer = story.peer().await;
        peer.opens(MODERN).await;
        peer.says(&error("see-other-host", &format!("h{n}.test"), true)).await;
        let (kind, retry) = story.offline().await;
        assert_eq!(kind, Some(ErrorKind::SeeOtherHost));
        pauses.push(retry.unwrap() > Duration::ZERO);
    }
    assert_eq!(pauses, [false, false, true, true, true, true]);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_before_tls_neither_stops_an_account_nor_leads_it_anywhere() {
    let header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
    for condition in ["conflict", "not-authorized", "see-other-host", "reset"] {
        let (ours, mut theirs) = duplex(4096);
        theirs.write_all(format!("{header}{}", error(condition, "b.test", false)).as_bytes()).await.unwrap();
        let turns = Turns { each: Duration::from_secs(5), all: Duration::from_secs(5) };
        let error = starttls(Box::new(ours), "x.test", turns).await.err().unwrap();
        let error = crate::wire::stream_error::in_clear(error);
        assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::StreamRefused, ""), "{condition}");
    }
}
