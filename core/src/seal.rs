//! The one door for what leaves: bytes for the wire can be made nowhere else.
//!
//! A message's clear side is an allow-list (XEP-0420 section 8), kept as data: routing attributes, processing hints, ids, the
//! encryption's name, `<encrypted/>`, each with its attributes and all that may be inside. Everything else must be inside
//! `<encrypted/>`, or the person allowed it in clear for that chat. The store queues only [`Sealed`], so a path around this
//! file does not compile.

use crate::error::{ErrorKind, Result};
use crate::model::Time;
use jid::{BareJid, Jid};
use minidom::Element;
use minidom::rxml::{Namespace, NcName};

/// What a client without OMEMO shows in place of a message of version 0.3.
pub(crate) const FALLBACK: &str = "This message is encrypted with OMEMO, which your client does not seem to read.";

/// What may be in an attribute in clear.
#[derive(Clone, Copy)]
enum Form {
    /// An id: chosen by whoever wrote the message that it names.
    Id,
    /// A device's or pre-key's number.
    Number,
    /// True or false.
    Flag,
    /// A time stamp (XEP-0082).
    Stamp,
    /// A JID.
    Jid,
    /// One of these.
    Word(&'static [&'static str]),
}

/// What text an element may have.
#[derive(Clone, Copy, PartialEq)]
enum Text {
    /// None but white space.
    None,
    /// Base64: what the omemo crate made.
    Base64,
    /// Any: what a person allowed in clear.
    Any,
}

/// An element in clear: its name, namespace, attributes, text, and the elements of the same namespace inside.
struct Shape {
    name: &'static str,
    namespace: &'static str,
    attributes: &'static [(&'static str, Form)],
    text: Text,
    inside: &'static [Shape],
}

const OLD: &str = "eu.siacs.conversations.axolotl";
const NEW: &str = "urn:xmpp:omemo:2";
const HINTS: &str = "urn:xmpp:hints";
const RECEIPTS: &str = "urn:xmpp:receipts";
const MARKERS: &str = "urn:xmpp:chat-markers:0";
const STATES: &str = "http://jabber.org/protocol/chatstates";
const REACTIONS: &str = "urn:xmpp:reactions:0";

const fn bare(name: &'static str, namespace: &'static str) -> Shape {
    shape(name, namespace, &[])
}

const fn shape(name: &'static str, namespace: &'static str, attributes: &'static [(&'static str, Form)]) -> Shape {
    Shape { name, namespace, attributes, text: Text::None, inside: &[] }
}

const fn base64(name: &'static str, namespace: &'static str, attributes: &'static [(&'static str, Form)]) -> Shape {
    Shape { text: Text::Base64, ..shape(name, namespace, attributes) }
}

const fn holds(
    name: &'static str,
    namespace: &'static str,
    attributes: &'static [(&'static str, Form)],
    inside: &'static [Shape],
) -> Shape {
    Shape { inside, ..shape(name, namespace, attributes) }
}

/// Elements that may stand in clear beside what is sealed: what servers have to read (XEP-0420 section 8), and the sealed
/// parts themselves.
const CLEAR: &[Shape] = &[
    holds(
        "encrypted",
        OLD,
        &[],
        &[
            holds(
                "header",
                OLD,
                &[("sid", Form::Number)],
                &[base64("key", OLD, &[("rid", Form::Number), ("prekey", Form::Flag)]), base64("iv", OLD, &[])],
            ),
            base64("payload", OLD, &[]),
        ],
    ),
    holds(
        "encrypted",
        NEW,
        &[],
        &[
            holds(
                "header",
                NEW,
                &[("sid", Form::Number)],
                &[holds(
                    "keys",
                    NEW,
                    &[("jid", Form::Jid)],
                    &[base64("key", NEW, &[("rid", Form::Number), ("kex", Form::Flag)])],
                )],
            ),
            base64("payload", NEW, &[]),
        ],
    ),
    shape("encryption", "urn:xmpp:eme:0", &[("namespace", Form::Word(&[OLD, NEW])), ("name", Form::Word(&["OMEMO"]))]),
    bare("store", HINTS),
    bare("no-store", HINTS),
    bare("no-permanent-store", HINTS),
    bare("no-copy", HINTS),
    shape("origin-id", "urn:xmpp:sid:0", &[("id", Form::Id)]),
    shape("delay", "urn:xmpp:delay", &[("stamp", Form::Stamp)]),
];

/// Beside version 0.3 too: it cannot seal the wish for a receipt, and the server sees the delivery anyway (XEP-0184).
const BESIDE_OLD: &[Shape] = &[bare("request", RECEIPTS)];

/// A receipt for a message of version 0.3: an id, and nothing else.
const RECEIPT: &[Shape] = &[shape("received", RECEIPTS, &[("id", Form::Id)]), bare("store", HINTS)];

/// What version 0.3 cannot seal: in clear where a person allowed it for the chat.
const EXTRAS: &[Shape] = &[
    bare("request", RECEIPTS),
    shape("received", RECEIPTS, &[("id", Form::Id)]),
    bare("markable", MARKERS),
    shape("displayed", MARKERS, &[("id", Form::Id)]),
    bare("composing", STATES),
    bare("paused", STATES),
    shape("reply", "urn:xmpp:reply:0", &[("id", Form::Id), ("to", Form::Jid)]),
    shape("replace", "urn:xmpp:message-correct:0", &[("id", Form::Id)]),
    shape("retract", "urn:xmpp:message-retract:1", &[("id", Form::Id)]),
    holds("reactions", REACTIONS, &[("id", Form::Id)], &[Shape { text: Text::Any, ..bare("reaction", REACTIONS) }]),
];

/// Attributes of `<message/>` that route it.
const ROUTING: &[(&str, Form)] = &[
    ("to", Form::Jid),
    ("from", Form::Jid),
    ("id", Form::Id),
    ("type", Form::Word(&["chat", "groupchat", "normal", "headline"])),
];

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

/// Proof that a person allowed for a chat what version 0.3 cannot seal.
pub(crate) struct ExtrasAllowed(());

impl ExtrasAllowed {
    /// From the chat's row.
    pub(crate) fn by_person(allowed: bool) -> Option<Self> {
        allowed.then_some(ExtrasAllowed(()))
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
        let beside_old = if stanza.has_child("encrypted", OLD) { BESIDE_OLD } else { &[] };
        checked(stanza, |child| is_fallback(child) || fits(child, CLEAR) || fits(child, beside_old))
    }

    /// The same, where a person allowed in clear what version 0.3 cannot seal.
    pub(crate) fn with_extras(stanza: &Element, _: ExtrasAllowed) -> Result<Self> {
        checked(stanza, |child| is_fallback(child) || fits(child, CLEAR) || fits(child, EXTRAS))
    }

    /// A receipt for a message of version 0.3 and nothing else: no sealed part that it could have gone into.
    pub(crate) fn receipt(stanza: &Element) -> Result<Self> {
        checked(stanza, |child| fits(child, RECEIPT))
    }

    /// An invitation to a room (XEP-0249). It names the room and whom it is for, which both servers learn from the list of
    /// members anyway, and can say nothing else.
    pub(crate) fn invitation(id: &str, to: &BareJid, room: &BareJid) -> Self {
        let jid = |name: &str| NcName::try_from(name).expect("attribute names are literals of ours");
        let mut invitation = Element::bare("x", "jabber:x:conference");
        invitation.set_attr(Namespace::NONE, jid("jid"), room.to_string());
        let mut stanza = Element::bare("message", "jabber:client");
        stanza.set_attr(Namespace::NONE, jid("to"), to.to_string());
        stanza.set_attr(Namespace::NONE, jid("id"), id);
        stanza.append_child(invitation);
        stanza.append_child(Element::bare("store", "urn:xmpp:hints"));
        Sealed(bytes(&stanza))
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

/// A message as it was, but for what only [`Sealed::with_extras`] lets out: that was allowed once, and is not any more.
pub(crate) fn without_extras(stanza: &Element) -> Element {
    let mut left = stanza.clone();
    let old = stanza.has_child("encrypted", OLD);
    for extra in EXTRAS.iter().filter(|extra| !(old && extra.name == "request")) {
        while left.remove_child(extra.name, extra.namespace).is_some() {}
    }
    left
}

fn checked(stanza: &Element, may_be_clear: impl Fn(&Element) -> bool) -> Result<Sealed> {
    let clear = stanza.children().all(may_be_clear) && stanza.texts().all(|text| text.trim().is_empty());
    match stanza.name() == "message" && clear && attributes_fit(stanza, ROUTING) {
        true => Ok(Sealed(bytes(stanza))),
        false => Err(ErrorKind::Internal.into()),
    }
}

fn is_fallback(child: &Element) -> bool {
    child.is("body", "jabber:client")
        && child.text() == FALLBACK
        && child.children().next().is_none()
        && child.attrs().iter().next().is_none()
}

/// Whether an element has one of these shapes, all the way down.
fn fits(element: &Element, shapes: &[Shape]) -> bool {
    shapes.iter().any(|shape| {
        element.is(shape.name, shape.namespace)
            && attributes_fit(element, shape.attributes)
            && element.children().all(|child| fits(child, shape.inside))
            && match shape.text {
                Text::None => element.texts().all(|text| text.trim().is_empty()),
                Text::Base64 => {
                    element.text().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
                }
                Text::Any => true,
            }
    })
}

fn attributes_fit(element: &Element, allowed: &[(&str, Form)]) -> bool {
    element.attrs().iter().all(|((namespace, name), value)| {
        let known = allowed.iter().find(|(known, _)| *known == name.as_str());
        namespace.is_none() && known.is_some_and(|(_, form)| has_form(value, *form))
    })
}

fn has_form(value: &str, form: Form) -> bool {
    match form {
        Form::Id => true,
        Form::Number => value.parse::<u32>().is_ok(),
        Form::Flag => matches!(value, "true" | "false" | "1" | "0"),
        Form::Stamp => Time::parse(value).is_some(),
        Form::Jid => value.is_empty() || Jid::new(value).is_ok(),
        Form::Word(words) => words.contains(&value),
    }
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
