//! Stories before a login: STARTTLS and registration.

use super::fake::{PASSWORD, Peer, settings};
use crate::error::{Error, ErrorKind};
use crate::wire::connect::{Secured, starttls};
use crate::wire::patience::Turns;
use crate::wire::register::over;
use crate::wire::xml::ns;
use minidom::Element;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::Instant;

pub(super) const OFFER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>\
                     <stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";
pub(super) const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

pub(super) const TURNS: Turns = Turns { each: Duration::from_secs(5), all: Duration::from_secs(20) };

/// Asks for TLS at a server that says this in two pieces. Returns the outcome and what the server heard.
async fn asks(first: &str, second: &str) -> (Option<ErrorKind>, String) {
    let (ours, mut theirs) = duplex(4096);
    let task = tokio::spawn(async move {
        let result = starttls(Box::new(ours), "x.test", TURNS).await;
        result.err().map(|error| error.kind)
    });
    theirs.write_all(first.as_bytes()).await.unwrap();
    let mut heard = vec![0; 4096];
    let mut length = 0;
    while !heard[..length].ends_with(b"/>") {
        match theirs.read(&mut heard[length..]).await.unwrap() {
            0 => break,
            n => length += n,
        }
    }
    let _ = theirs.write_all(second.as_bytes()).await;
    let heard = String::from_utf8(heard[..length].to_vec()).unwrap();
    (task.await.unwrap(), heard)
}

#[tokio::test(start_paused = true)]
async fn nothing_about_the_account_is_said_before_tls() {
    let (error, heard) = asks(OFFER, PROCEED).await;
    assert_eq!(error, None);
    assert!(heard.contains("to='x.test'") && !heard.contains("from") && !heard.contains("juliet"), "{heard}");
}

#[tokio::test(start_paused = true)]
async fn a_server_without_tls_is_refused() {
    assert_eq!(asks(&OFFER.replace("starttls", "other"), "").await.0, Some(ErrorKind::TlsRefused));
    let failure = PROCEED.replace("proceed", "failure");
    assert_eq!(asks(OFFER, &failure).await.0, Some(ErrorKind::TlsRefused));
}

#[tokio::test(start_paused = true)]
async fn words_slipped_in_before_tls_are_refused() {
    let slipped = format!("{PROCEED}<stream:features/>");
    assert_eq!(asks(OFFER, &slipped).await.0, Some(ErrorKind::TlsRefused));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_drips_before_tls_is_given_up_in_time() {
    let begun = Instant::now();
    let (ours, mut theirs) = duplex(4096);
    let asking = starttls(Box::new(ours), "x.test", TURNS);
    let dripping = async {
        theirs.write_all(OFFER.as_bytes()).await.unwrap();
        // Each of these is an answer on its own, so that the limit for one of them never ends it.
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let _ = theirs.write_all(b"<message xmlns='jabber:client'/>").await;
        }
    };
    tokio::select! {
        result = asking => assert_eq!(result.err().map(|error| error.kind), Some(ErrorKind::TimedOut)),
        () = dripping => unreachable!(),
    }
    assert_eq!(begun.elapsed(), TURNS.all);
}

/// Registers at a server that answers the first request with `form` and the second with `verdict`. Returns the outcome
/// and what was filled in.
async fn registers(form: &str, verdict: &str) -> (Option<ErrorKind>, Option<Element>) {
    let (ours, theirs) = duplex(4096);
    let registration = tokio::spawn(async move {
        let result: Result<(), Error> =
            over(Secured { socket: Box::new(ours), channel: None, local: None }, &settings()).await;
        result.err().map(|error| error.kind)
    });
    let mut peer = Peer::over(theirs);
    peer.opens("<register xmlns='http://jabber.org/features/iq-register'/>").await;
    assert_eq!(peer.hears_a("iq").await.attr("type"), Some("get"));
    peer.says(&form.replace("ID", "form")).await;
    let mut filled = None;
    if !verdict.is_empty() {
        filled = Some(peer.hears_a("iq").await);
        peer.says(&verdict.replace("ID", "make")).await;
    }
    (registration.await.unwrap(), filled)
}

fn legacy(fields: &str) -> String {
    format!("<iq type='result' id='ID' from='x.test'><query xmlns='jabber:iq:register'>{fields}</query></iq>")
}

fn refusal(condition: &str) -> String {
    format!(
        "<iq type='error' id='ID'><error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
}

const DONE: &str = "<iq type='result' id='ID'/>";
const FIELDS: &str = "<instructions>x</instructions><username/><password/>";

#[tokio::test(start_paused = true)]
async fn the_fields_of_old_are_filled_in() {
    let (error, filled) = registers(&legacy(FIELDS), DONE).await;
    assert_eq!(error, None);
    let filled = filled.unwrap();
    let query = filled.get_child("query", ns::REGISTER).unwrap();
    assert_eq!(query.get_child("username", ns::REGISTER).unwrap().text(), "juliet");
    assert_eq!(query.get_child("password", ns::REGISTER).unwrap().text(), PASSWORD);
}

#[tokio::test(start_paused = true)]
async fn a_form_is_filled_in_if_it_wants_no_more() {
    let field = |var: &str, inner: &str| format!("<field var='{var}' type='text-single'>{inner}</field>");
    let form = |more: &str| {
        let fields = format!("{}{}{more}", field("username", "<required/>"), field("password", "<required/>"));
        legacy(&format!("{FIELDS}<x xmlns='jabber:x:data' type='form'>{fields}</x>"))
    };
    let (error, filled) = registers(&form(&field("email", "")), DONE).await;
    assert_eq!(error, None);
    let filled = filled.unwrap();
    let form_filled = filled.get_child("query", ns::REGISTER).unwrap().get_child("x", ns::DATA).unwrap();
    assert_eq!(form_filled.attr("type"), Some("submit"));
    let (error, _) = registers(&form(&field("ocr", "<required/>")), "").await;
    assert_eq!(error, Some(ErrorKind::RegistrationClosed));
}

#[tokio::test(start_paused = true)]
async fn servers_that_want_more_or_take_none_are_closed() {
    let closed =
        [legacy("<username/><password/><email/>"), legacy("<username/>"), legacy(""), refusal("service-unavailable")];
    for form in closed {
        assert_eq!(registers(&form, "").await.0, Some(ErrorKind::RegistrationClosed), "{form}");
    }
    assert_eq!(registers(&legacy(FIELDS), &refusal("not-allowed")).await.0, Some(ErrorKind::RegistrationClosed));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_is_refused() {
    for condition in ["conflict", "not-acceptable", "resource-constraint"] {
        let (error, _) = registers(&legacy(FIELDS), &refusal(condition)).await;
        assert_eq!(error, Some(ErrorKind::RegistrationRefused), "{condition}");
    }
}
