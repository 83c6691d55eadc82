//! Stories of servers that say what they should not before they have proved who they are: a clear end of that connection.

use super::fake::{BIND, CLASSIC, MODERN, Peer, SM, Story, confirms};
use super::tokens;
use crate::error::ErrorKind;
use crate::model::Proof;
use crate::wire::xml::ns;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

const FORMS: [(&str, &str); 2] = [(MODERN, ns::SASL2), (CLASSIC, ns::SASL)];
/// A challenge that is as it should be, but for the nonce in it.
const GOOD: &str = "r=NONCE123,s=QSXCR+Q6sek8bf92,i=4096";

/// The wire's first message, whose nonce stands in what it is answered; both forms begin alike.
async fn begun(story: &mut Story, (features, namespace): (&str, &str)) -> (Peer, String) {
    let mut peer = story.peer().await;
    peer.opens(features).await;
    let begin = peer.hears().await;
    let initial = match namespace {
        ns::SASL => begin.text(),
        _ => begin.children().find(|child| child.name() == "initial-response").unwrap().text(),
    };
    let first = String::from_utf8(BASE64.decode(initial).unwrap()).unwrap();
    (peer, first.split("r=").nth(1).unwrap().to_owned())
}

/// What is said in answer to a challenge with this inside, as it comes; and how a first login ends then.
async fn challenged(form: (&str, &str), data: impl Fn(&str) -> String) -> (String, Option<ErrorKind>) {
    let mut story = Story::begin();
    let (mut peer, nonce) = begun(&mut story, form).await;
    peer.says(&format!("<challenge xmlns='{}'>{}</challenge>", form.1, data(&nonce))).await;
    let said = peer.rest().await;
    (said, story.offline().await.0)
}

/// Nothing is said in answer to such a challenge, in both forms.
async fn refused(challenge: &str, kind: ErrorKind) {
    for form in FORMS {
        let told = challenged(form, |nonce| BASE64.encode(challenge.replace("NONCE", nonce))).await;
        assert_eq!(told, (String::new(), Some(kind)), "{challenge:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn features_may_come_in_any_order_and_with_others_between() {
    let parts = |text: &str| -> Vec<String> {
        let root: minidom::Element =
            format!("<f xmlns='{}'>{text}<x xmlns='u'><y/></x></f>", ns::STREAMS).parse().unwrap();
        root.children().map(String::from).collect()
    };
    let mut modern = parts(MODERN);
    for _ in 0..modern.len() {
        modern.rotate_left(1);
        let mut story = Story::begin();
        let mut peer = story.peer().await;
        peer.modern_at(&modern.concat(), "<bound xmlns='urn:xmpp:bind:0'/>").await;
        assert_eq!(story.bound().await.proof, Proof::Proved);
    }
    let mut after = parts(&format!("{BIND}{SM}"));
    for _ in 0..after.len() {
        after.rotate_left(1);
        let mut story = Story::begin();
        let mut peer = story.peer().await;
        peer.classic(&after.concat()).await;
        peer.binds().await;
        assert_eq!(peer.hears_a("enable").await.attr("resume"), Some("true"));
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_mechanisms_are_passed_over_and_alone_they_are_no_login() {
    let list = |names: &str| format!("<mechanisms xmlns='{}'>{names}</mechanisms>", ns::SASL);
    let strange = "<mechanism>X-OAUTH2</mechanism><mechanism/><mechanism>scram-sha-1</mechanism>\
                   <mechanism>SCRAM-SHA-1-PLUS-PLUS</mechanism><mechanism>SCRAM-MD5</mechanism><other>SCRAM-SHA-1</other>";
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    peer.opens(&list(&format!("{strange}<mechanism>SCRAM-SHA-1</mechanism>"))).await;
    assert_eq!(peer.hears_a("auth").await.attr("mechanism"), Some("SCRAM-SHA-1"));
    for features in [list(strange), list(""), String::new(), format!("<authentication xmlns='{}'/>", ns::SASL2)] {
        let mut story = Story::begin();
        let mut peer = story.peer().await;
        peer.opens(&features).await;
        assert_eq!(peer.rest().await, "");
        story.ends_with(ErrorKind::NoMechanism).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_base64_is_refused() {
    for data in ["*", "cj0", "=cj0=", "cj0=cj0=", "\u{e9}", "==", "<x/>"] {
        for form in FORMS {
            let told = challenged(form, |_| data.to_owned()).await;
            assert_eq!(told, (String::new(), Some(ErrorKind::ServerProof)), "{data}");
        }
    }
    refused("\u{0}\u{1}", ErrorKind::ServerProof).await;
    for form in FORMS {
        let told = challenged(form, |_| BASE64.encode([0xff, 0xfe, 0x00])).await;
        assert_eq!(told, (String::new(), Some(ErrorKind::ServerProof)), "no text");
    }
}

#[tokio::test(start_paused = true)]
async fn a_truncated_challenge_is_refused_wherever_it_breaks_off() {
    for length in 0..GOOD.len() {
        let part = &GOOD[..length];
        // Whole names are never cut by this: a shorter number of iterations is a number too, and too small.
        let numbered = part.split(",i=").nth(1).is_some_and(|number| !number.is_empty());
        let plain = part.strip_suffix("i=").is_some() || numbered;
        refused(part, if plain { ErrorKind::Iterations } else { ErrorKind::ServerProof }).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_challenge_without_a_salt_is_refused() {
    for challenge in ["r=NONCE123,i=4096", "r=NONCE123,i=4096,s=QQ==", "r=NONCE123,s=,i=4096", "r=NONCE123,s=%%,i=4096"]
    {
        refused(challenge, ErrorKind::ServerProof).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_iteration_and_a_thousand_million_are_refused_at_once() {
    for iterations in ["1", "1000000000", "4095", "10000001", "99999999999999999999", "-4096", "0x1000", ""] {
        refused(&GOOD.replace("4096", iterations), ErrorKind::Iterations).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_nonce_and_one_that_is_not_ours_are_refused() {
    for nonce in ["", "NONCE", "123", "xNONCE123", "nonceNONC"] {
        refused(&GOOD.replace("NONCE123", nonce), ErrorKind::ServerProof).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_without_a_proof_is_none_whenever_it_comes() {
    for form in FORMS {
        for data in ["", "=", "dj0=", "dj1BQUFB", "ZT1vdGhlci1lcnJvcg==", "*"] {
            for challenge in [false, true] {
                let mut story = Story::begin();
                let (mut peer, nonce) = begun(&mut story, form).await;
                if challenge {
                    let data = BASE64.encode(GOOD.replace("NONCE", &nonce));
                    peer.says(&format!("<challenge xmlns='{}'>{data}</challenge>", form.1)).await;
                    peer.hears_a("response").await;
                }
                let inside = match form.1 {
                    ns::SASL2 => format!(
                        "<additional-data>{data}</additional-data><authorization-identifier>juliet@x.test/r\
                         </authorization-identifier><bound xmlns='urn:xmpp:bind:0'/><resumed xmlns='urn:xmpp:sm:3' h='0'/>"
                    ),
                    _ => data.to_owned(),
                };
                peer.says(&format!("<success xmlns='{}'>{inside}</success>", form.1)).await;
                assert_eq!(peer.rest().await, "", "{data}");
                story.ends_with(ErrorKind::ServerProof).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn features_after_a_success_count_only_on_a_new_stream() {
    // Said without a new stream they are no answer to our header.
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    peer.opens(CLASSIC).await;
    let (_, scram) = peer.challenge(ns::SASL).await;
    let last = scram.verify(&peer.hears_a("response").await.text());
    peer.says(&format!("<success xmlns='{}'>{last}</success><stream:features>{BIND}</stream:features>", ns::SASL))
        .await;
    assert_eq!(story.offline().await.0, Some(ErrorKind::OutOfTurn));
    // Others after a login in one exchange do not make it another one.
    let mut story = Story::begin();
    let mut peer = story.online().await;
    for _ in 0..3 {
        peer.says(&format!("<stream:features>{CLASSIC}{BIND}</stream:features>")).await;
    }
    peer.says("<message id='after'/>").await;
    assert_eq!(story.stanza().await.attr("id"), Some("after"));
}

#[tokio::test(start_paused = true)]
async fn stanzas_before_the_server_has_proved_itself_end_the_login_and_are_never_handed_on() {
    for stanza in ["<message id='early'><body>x</body></message>", "<iq type='set' id='bind'/>", "<presence/>"] {
        for form in FORMS {
            // Before the challenge, and behind the proof.
            let mut story = Story::begin();
            let (mut peer, _) = begun(&mut story, form).await;
            peer.says(&format!("{stanza}<challenge xmlns='{}'/>", form.1)).await;
            assert_eq!(peer.rest().await, "", "{stanza}");
            let (kind, retry) = story.offline().await;
            assert_eq!((kind, retry.is_some()), (Some(ErrorKind::OutOfTurn), true), "{stanza}");

            let mut story = Story::begin();
            let mut peer = story.peer().await;
            peer.opens(form.0).await;
            let (_, scram) = peer.challenge(form.1).await;
            let last = scram.verify(&peer.hears_a("response").await.text());
            peer.says(&format!("{stanza}<success xmlns='{}'>{last}</success>", form.1)).await;
            story.ends_with(ErrorKind::LoginCut).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_speaks_out_of_turn_before_the_login_hears_nothing_and_is_named_so() {
    for (features, namespace) in FORMS {
        for said in [
            format!("<message id='early'><body>x</body></message><stream:features>{features}</stream:features>"),
            format!("<success xmlns='{namespace}'/><stream:features>{features}</stream:features>"),
        ] {
            assert_eq!(ends_like(&format!("{HEADER}{said}"), true).await, Some(ErrorKind::OutOfTurn), "{said}");
        }
    }
    // A token is an answer by itself, so nothing may come before its own.
    let mut story = tokens::with(Some("one"), None);
    let mut peer = story.peer().await;
    peer.opens(&tokens::all()).await;
    tokens::hears(&mut peer, "one").await;
    peer.says("<message id='early'/>").await;
    tokens::answers(&mut peer, "one", tokens::ENABLED).await;
    assert_eq!(story.offline().await.0, Some(ErrorKind::OutOfTurn));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_answer_to_a_login_is_no_refusal_either() {
    let words = ["<stream:features/>", "<x xmlns='u'/>", "<r xmlns='urn:xmpp:sm:3'/>"];
    for (form, said) in FORMS.into_iter().flat_map(|form| words.map(|said| (form, said))) {
        let mut story = Story::begin();
        let (mut peer, _) = begun(&mut story, form).await;
        peer.says(said).await;
        let (kind, retry) = story.offline().await;
        assert_eq!((kind, retry.is_some()), (Some(ErrorKind::OutOfTurn), true), "{said}");
        // Behind a proof at a first login it is one more way to ask for another.
        let mut peer = story.peer().await;
        peer.opens(form.0).await;
        peer.challenge(form.1).await;
        peer.hears_a("response").await;
        peer.says(said).await;
        story.ends_with(ErrorKind::LoginCut).await;
    }
    let mut story = tokens::with(Some("one"), None);
    let mut peer = story.peer().await;
    peer.opens(&tokens::all()).await;
    tokens::hears(&mut peer, "one").await;
    peer.says("<x xmlns='u'/>").await;
    let (kind, retry) = story.offline().await;
    assert_eq!((kind, retry.is_some()), (Some(ErrorKind::OutOfTurn), true));
}

#[tokio::test(start_paused = true)]
async fn white_space_behind_the_success_does_not_spoil_the_next_stream() {
    let mut story = Story::begin();
    let mut peer = story.peer().await;
    peer.opens(CLASSIC).await;
    let (_, scram) = peer.challenge_with(ns::SASL, &confirms("PLAIN\x1eSCRAM-SHA-1")).await;
    let last = scram.verify(&peer.hears_a("response").await.text());
    peer.says(&format!("<success xmlns='{}'>{last}</success>\n \t", ns::SASL)).await;
    peer.opens(BIND).await;
    peer.binds().await;
    story.bound().await;
}

/// How a stream ends that begins like this, or goes on like this where the wire waits for a challenge.
async fn ends_like(text: &str, at_once: bool) -> Option<ErrorKind> {
    let mut story = Story::begin();
    match at_once {
        true => {
            let mut peer = story.peer().await;
            peer.says(text).await;
            assert!(!peer.rest().await.contains("<auth"), "{text}");
        }
        false => {
            let (mut peer, _) = begun(&mut story, FORMS[1]).await;
            peer.says(text).await;
            assert_eq!(peer.rest().await, "", "{text}");
        }
    }
    story.offline().await.0
}

const HEADER: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

#[tokio::test(start_paused = true)]
async fn xml_that_is_declared_twice_ends_the_stream() {
    let twice =
        format!("<?xml version='1.0'?><?xml version='1.0'?>{HEADER}<stream:features>{CLASSIC}</stream:features>");
    assert_eq!(ends_like(&twice, true).await, Some(ErrorKind::OutOfTurn));
    let late = format!("{HEADER}<?xml version='1.0'?><stream:features>{CLASSIC}</stream:features>");
    assert_eq!(ends_like(&late, true).await, Some(ErrorKind::OutOfTurn));
    assert_eq!(ends_like("<?xml version='1.0'?><challenge/>", false).await, Some(ErrorKind::OutOfTurn));
}

#[tokio::test(start_paused = true)]
async fn entities_end_the_stream_and_are_not_expanded() {
    let bomb = "<!DOCTYPE s [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]>";
    assert_eq!(ends_like(&format!("<?xml version='1.0'?>{bomb}{HEADER}"), true).await, Some(ErrorKind::OutOfTurn));
    assert_eq!(ends_like(&format!("{HEADER}{bomb}"), true).await, Some(ErrorKind::OutOfTurn));
    let challenge = |inside: &str| format!("<challenge xmlns='{}'>{inside}</challenge>", ns::SASL);
    for inside in ["&b;", "&#0;", "&#xD800;", "&", "<![CDATA["] {
        assert!(
            matches!(
                ends_like(&(challenge(inside) + "]]>"), false).await,
                Some(ErrorKind::OutOfTurn | ErrorKind::TimedOut)
            ),
            "{inside}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn processing_instructions_and_comments_end_the_stream() {
    for text in ["<?php echo 1 ?>", "<?xml-stylesheet href='x'?>", "<!-- x -->"] {
        assert_eq!(ends_like(&format!("{text}{HEADER}"), true).await, Some(ErrorKind::NotXmpp), "{text}");
        let declared = format!("<?xml version='1.0'?>{text}{HEADER}");
        assert_eq!(ends_like(&declared, true).await, Some(ErrorKind::OutOfTurn), "{text}");
        assert_eq!(ends_like(&format!("{HEADER}{text}"), true).await, Some(ErrorKind::OutOfTurn), "{text}");
        assert_eq!(ends_like(text, false).await, Some(ErrorKind::OutOfTurn), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_no_end_is_ended_by_us_and_said_so() {
    let (deep, long) = ("<a>".repeat(1000), "A".repeat(1 << 16));
    for piece in [deep, long] {
        let mut story = Story::begin();
        let mut peer = story.peer().await;
        peer.says(&format!("{HEADER}<stream:features><x>")).await;
        while peer.tries(&piece).await {}
        let (kind, retry) = story.offline().await;
        assert_eq!((kind, retry.is_some()), (Some(ErrorKind::OutOfTurn), true));
    }
}
