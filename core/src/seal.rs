//! The one door for what leaves: bytes for the wire can be made nowhere else.
//!
//! A message's clear side is an allow-list (XEP-0420 section 4): routing attributes, processing hints, ids, the
//! encryption's name, `<encrypted/>`. Everything else must be inside `<encrypted/>`, or the person allowed plain text
//! for that chat. The store queues only [`Sealed`], so a path around this file does not compile.

use crate::error::{ErrorKind, Result};
use minidom::Element;

/// What a client without OMEMO shows in place of a sealed message (XEP-0384 section 4.6 asks for such a body).
pub(crate) const FALLBACK: &str = "This message is encrypted with OMEMO, which your client does not seem to read.";

/// Elements that may stand beside `<encrypted/>` in clear: name, namespace.
const CLEAR: &[(&str, &str)] = &[
    ("encrypted", "eu.siacs.conversations.axolotl"),
    ("encrypted", "urn:xmpp:omemo:2"),
    ("encryption", "urn:xmpp:eme:0"),
    ("store", "urn:xmpp:hints"),
    ("no-store", "urn:xmpp:hints"),
    ("no-permanent-store", "urn:xmpp:hints"),
    ("no-copy", "urn:xmpp:hints"),
    ("origin-id", "urn:xmpp:sid:0"),
    ("delay", "urn:xmpp:delay"),
    // The server sees the delivery anyway (XEP-0184); a receipt names an id and nothing else.
    ("request", "urn:xmpp:receipts"),
    ("received", "urn:xmpp:receipts"),
];

/// Attributes of `<message/>` that route it.
const ROUTING: &[&str] = &["to", "from", "id", "type"];

/// Finished bytes that may go to the wire.
pub(crate) struct Sealed(Vec<u8>);

/// Proof that a person allowed plain text for a chat.
pub(crate) struct PlainAllowed(());

impl PlainAllowed {
    /// From the chat's row.
    pub(crate) fn by_person(allowed: bool) -> Option<Self> {
        allowed.then_some(PlainAllowed(()))
    }
}

impl Sealed {
    /// A request, answer or presence: what the protocol itself needs.
    pub(crate) fn protocol(stanza: &Element) -> Result<Self> {
        match stanza.name() {
            "iq" | "presence" => Ok(Sealed(bytes(stanza))),
            _ => Err(ErrorKind::Internal.into()),
        }
    }

    /// A message whose content, if it has any, is inside `<encrypted/>`.
    pub(crate) fn message(stanza: &Element) -> Result<Self> {
        let routed = stanza.attrs().iter().all(|((_, name), _)| ROUTING.contains(&name.as_str()));
        let clear = stanza.children().all(may_be_clear) && stanza.texts().all(|text| text.trim().is_empty());
        if stanza.name() == "message" && routed && clear {
            Ok(Sealed(bytes(stanza)))
        } else {
            Err(ErrorKind::Internal.into())
        }
    }

    /// A message in plain text, because a person allowed it for this chat.
    pub(crate) fn plain(stanza: &Element, _: PlainAllowed) -> Self {
        Sealed(bytes(stanza))
    }

    /// The bytes, for the store.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn may_be_clear(child: &Element) -> bool {
    if child.is("body", "jabber:client") {
        return child.text() == FALLBACK && child.children().next().is_none();
    }
    let (name, namespace) = (child.name(), child.ns());
    let listed = CLEAR.contains(&(name, namespace.as_str()));
    // An allowed element carries no foreign content inside either.
    listed && (name == "encrypted" || (child.children().next().is_none() && child.text().trim().is_empty()))
}

fn bytes(element: &Element) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    element.write_to(&mut out).expect("writing to memory does not fail, and our elements hold only XML characters");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(xml: &str) -> bool {
        Sealed::message(&xml.parse().unwrap()).is_ok()
    }

    #[test]
    fn content_outside_the_envelope_does_not_leave() {
        assert!(sealed(
            "<message xmlns='jabber:client' to='a@b'><encrypted xmlns='urn:xmpp:omemo:2'/><store xmlns='urn:xmpp:hints'/></message>"
        ));
        assert!(sealed(&format!("<message xmlns='jabber:client'><body>{FALLBACK}</body></message>")));
        assert!(!sealed("<message xmlns='jabber:client'><body>But soft</body></message>"));
        assert!(!sealed("<message xmlns='jabber:client'><subject>x</subject></message>"));
        assert!(!sealed("<message xmlns='jabber:client'><store xmlns='urn:xmpp:hints'>But soft</store></message>"));
        assert!(!sealed(
            "<message xmlns='jabber:client'><store xmlns='urn:xmpp:hints'><body>x</body></store></message>"
        ));
        assert!(!sealed("<message xmlns='jabber:client' note='x'/>"));
        assert!(!sealed("<message xmlns='jabber:client'><received xmlns='urn:xmpp:chat-markers:0'/></message>"));
        assert!(!sealed("<message xmlns='jabber:client'>But soft</message>"));
        assert!(Sealed::protocol(&"<message xmlns='jabber:client'><body>x</body></message>".parse().unwrap()).is_err());
    }
}
