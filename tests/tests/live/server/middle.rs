//! A man in the middle whose certificate is valid: the login finds him out, and nothing made from the password reaches him
//! where the server can be asked what it offered.

use dunnock_tests::commands::Place;
use dunnock_tests::dunnock::Device;
use dunnock_tests::middle::Middle;
use dunnock_tests::prosody::{DOMAIN, Prosody};

/// What is said to a server whose words are altered like this: the kind of the refusal, and what the man in the middle heard.
fn tried(server: &Prosody, alter: impl Fn(&str) -> String + Clone + Send + Sync + 'static) -> (String, String) {
    let middle = Middle::before(server.tls_port(), server.ca(), DOMAIN, alter);
    let (device, ca) = (Device::new("juliet"), middle.ca());
    let place = Place { port: middle.port(), tls: "direct", ca: &ca };
    let refusal = device.login(&server.jid("juliet"), Prosody::PASSWORD, place).refused();
    (refusal.kind, middle.heard())
}

/// Without what stands between these marks, wherever that is.
fn without(text: &str, from: &str, to: &str) -> String {
    let mut left = text.to_owned();
    while let Some(start) = left.find(from)
        && let Some(length) = left[start..].find(to)
    {
        left.replace_range(start..start + length + to.len(), "");
    }
    left
}

/// Without the mechanisms that end in this.
fn without_mechanisms(text: &str, end: &str) -> String {
    ["SCRAM-SHA-1", "SCRAM-SHA-256"].iter().fold(text.to_owned(), |text, name| {
        let text = text.replace(&format!("<mechanism>{name}{end}</mechanism>"), "");
        text.replace(&format!("<mechanism xmlns='urn:xmpp:sasl:2'>{name}{end}</mechanism>"), "")
    })
}

fn without_bindings(text: &str) -> String {
    without(text, "<sasl-channel-binding", "</sasl-channel-binding>")
}

#[test]
fn who_only_listens_in_cannot_pass_a_bound_login_on() {
    let server = Prosody::with_accounts(&["juliet"]);
    if !server.is_13() {
        return;
    }
    let (kind, heard) = tried(&server, str::to_owned);
    assert_eq!(kind, "binding_refused");
    assert!(heard.contains("-PLUS"), "{heard}");
}

#[test]
fn an_altered_offer_is_found_out_before_anything_made_from_the_password_is_shown() {
    let server = Prosody::with_accounts(&["juliet"]);
    if !server.is_13() {
        return;
    }
    let alterations: [fn(&str) -> String; 4] = [
        |text| without_mechanisms(text, "-PLUS"),
        |text| without_bindings(&without_mechanisms(text, "-PLUS")),
        without_bindings,
        |text| text.replace("tls-exporter", "tls-nothing").replace("tls-server-end-point", "tls-no-end"),
    ];
    for alter in alterations {
        let (kind, heard) = tried(&server, alter);
        assert_eq!(kind, "offer_altered", "{heard}");
        assert!(heard.contains("<authenticate") && !heard.contains("<response"), "{heard}");
    }
}
