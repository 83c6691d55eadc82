//! Stories of PLAIN: a password in clear leaves only by a person's leave, and never where there is better.

use super::fake::{BIND, CLASSIC, Story, channel, name, settings};
use crate::error::ErrorKind;
use crate::model::Proof;
use crate::pin::{Pin, Shown, Word};
use crate::wire::state::State;
use crate::wire::xml::ns;
use crate::wire::{FromWire, Settings};

const ONLY: &str = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>";

fn allowed() -> Settings {
    Settings { plain: true, ..settings() }
}

fn known(mechanism: &str) -> Option<Pin> {
    let shown = Shown { key: [1; 32], issuer: String::new(), tls: "0304".into() };
    Some(Pin { shown, bound: None, confirmed: false, mechanism: mechanism.into() })
}

fn begin(settings: Settings, tls: bool) -> Story {
    let state = State::default();
    state.noted.add_permits(1000);
    Story::with(tls.then(|| channel(1)), settings, state, None)
}

/// What is said to a server with this offer.
async fn said(settings: Settings, tls: bool, features: &str) -> (String, Option<ErrorKind>) {
    let mut story = begin(settings, tls);
    let mut peer = story.peer().await;
    peer.opens(features).await;
    let said = peer.rest().await;
    (said, story.offline().await.0)
}

#[tokio::test(start_paused = true)]
async fn with_a_persons_leave_the_password_goes_where_there_is_nothing_else() {
    for pin in [None, known("PLAIN")] {
        let mut story = begin(Settings { pin, ..allowed() }, true);
        let mut peer = story.peer().await;
        peer.opens(ONLY).await;
        let auth = peer.hears_a("auth").await;
        assert_eq!((auth.attr("mechanism"), auth.text().as_str()), (Some("PLAIN"), "AGp1bGlldABwZW5jaWw="));
        peer.says(&format!("<success xmlns='{}'/>", ns::SASL)).await;
        peer.opens(BIND).await;
        peer.binds().await;
        assert_eq!(story.bound().await.proof, Proof::FirstUse);
    }
}

#[tokio::test(start_paused = true)]
async fn without_leave_without_tls_or_beside_better_it_never_goes() {
    let no = Some(ErrorKind::NoMechanism);
    assert_eq!(said(settings(), true, ONLY).await, (String::new(), no), "nobody allowed it");
    assert_eq!(said(allowed(), false, ONLY).await, (String::new(), no), "no TLS");
    let bound = known("PLAIN").map(|pin| Pin { bound: Some(crate::pin::Binding::Exporter), ..pin });
    let confirmed = known("PLAIN").map(|pin| Pin { confirmed: true, ..pin });
    for pin in [bound, confirmed] {
        assert_eq!(said(Settings { pin, ..allowed() }, true, ONLY).await.0, "");
    }
    let unknown = ONLY.replace("</mechanisms>", "<mechanism>SCRAM-SHA3-512</mechanism></mechanisms>");
    assert_eq!(said(allowed(), true, &unknown).await, (String::new(), no), "better that we do not speak");
    let mut story = begin(allowed(), true);
    let mut peer = story.peer().await;
    peer.opens(CLASSIC).await;
    assert_eq!(peer.hears_a("auth").await.attr("mechanism"), Some("SCRAM-SHA-1"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_did_better_and_offers_the_password_in_clear_contradicts_itself_whatever_is_allowed() {
    let sasl2 = "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism></authentication>";
    for pin in [known("SCRAM-SHA-1"), known("SCRAM-SHA-256-PLUS"), known("HT-SHA-256-EXPR")] {
        for (told, offer) in [(allowed(), ONLY), (settings(), ONLY), (settings(), &*format!("{ONLY}{sasl2}"))] {
            let mut story = begin(Settings { pin: pin.clone(), ..told }, true);
            let mut peer = story.peer().await;
            peer.opens(offer).await;
            assert_eq!(peer.rest().await, "");
            let held_against_it = loop {
                match story.event().await {
                    FromWire::Server(Word::Doubted(evidence)) => break evidence.because,
                    FromWire::Connecting => {}
                    other => panic!("nothing held against it: {}", name(&other)),
                }
            };
            assert_eq!(held_against_it, ErrorKind::LoginDowngraded);
            assert_eq!(story.offline().await.0, Some(ErrorKind::Contradiction));
        }
        // Nothing at all is trouble of its own, and no reason to ask for the password in clear.
        let nothing = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
        let (told, kind) = said(Settings { pin, ..settings() }, true, nothing).await;
        assert_eq!((told.as_str(), kind), ("", Some(ErrorKind::LoginRefused)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_in_clear_is_shown_once_to_who_cuts() {
    for afterwards in ["", "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><temporary-auth-failure/></failure>"] {
        let mut story = begin(allowed(), true);
        let mut peer = story.peer().await;
        peer.opens(ONLY).await;
        peer.hears_a("auth").await;
        peer.says(afterwards).await;
        drop(peer);
        story.ends_with(ErrorKind::LoginCut).await;
    }
}
