//! What is kept of a stanza that is thrown away: by whom it is and for whom, its ids, and the wrapper that it came in.

use super::Arrived;
use super::head::Head;
use super::parse::Item;
use super::xml::ns::{CARBONS, CLIENT};
use minidom::Element;
use rxml::{Namespace, NcName};

const STANZA_ID: &str = "urn:xmpp:sid:0";
const FORWARD: &str = "urn:xmpp:forward:0";
const DELAY: &str = "urn:xmpp:delay";
const ARCHIVE: &str = "urn:xmpp:mam:2";
/// Stanza ids that are remembered: a server adds one per archive, others may be forged.
const STANZA_IDS: usize = 8;
/// Elements around a message that an archive or a carbon brings (XEP-0297).
pub(super) const WRAPPERS: usize = 3;
/// How deep a stanza is in the stream.
const TOP: usize = 2;

/// Elements that are being built, outermost first, with the text since their last child.
pub(super) type Open = [(Element, String)];

/// Whether these elements bring a message out of an archive (XEP-0313) or a copy (XEP-0280). Who may send such a wrapper
/// is for others to ask.
pub(super) fn is_wrapper(open: &Open) -> bool {
    let [(outer, _), (wrapper, _), (forwarded, _), ..] = open else { return false };
    let known = wrapper.is("result", ARCHIVE) || wrapper.is("sent", CARBONS) || wrapper.is("received", CARBONS);
    outer.is("message", CLIENT) && known && forwarded.is("forwarded", FORWARD)
}

/// Whether an element of this name is a stanza.
pub(super) fn is_stanza(name: &str) -> bool {
    matches!(name, "message" | "presence" | "iq")
}

/// What is remembered of a stanza that is thrown away.
pub(super) struct Thrown {
    /// Its names do not fit, so that nothing can be said of it.
    pub(super) unparsable: bool,
    /// It is one at all, and counts.
    pub(super) stanza: bool,
    /// The stanza without its content, or the message in it that was under way.
    message: Element,
    /// Then what is around it, outermost first.
    around: Vec<Element>,
}

impl Thrown {
    /// From what is being built, and the start tag that is being read.
    pub(super) fn new(open: &Open, head: Option<Head>, unparsable: bool) -> Thrown {
        let inner = is_wrapper(open).then(|| inner(open, head.as_ref())).flatten();
        let around = match inner {
            Some(_) => open[..WRAPPERS].iter().map(|(element, _)| shell(element)).collect(),
            None => Vec::new(),
        };
        let outer = || match (open.first(), &head) {
            (Some((root, _)), _) => Some(shell(root)),
            (None, Some(head)) => Some(shell_of_head(head)),
            (None, None) => None,
        };
        let stanza = match open.first() {
            Some((root, _)) => is_stanza(root.name()) && root.has_ns(CLIENT),
            None => head.as_ref().is_some_and(|head| is_stanza(head.name())),
        };
        let message = inner.or_else(outer).unwrap_or_else(|| Element::bare("thrown-away", String::new()));
        Thrown { unparsable, stanza, message, around }
    }

    /// Whether a tag of this name at this depth of the stream is of interest still: servers put what they know behind
    /// the content.
    pub(super) fn looks_for(&self, depth: usize, name: &str) -> bool {
        match name {
            "stanza-id" => depth == TOP + self.around.len() + 1,
            "delay" => !self.around.is_empty() && depth == TOP + WRAPPERS,
            _ => false,
        }
    }

    /// Takes in such a tag, if it declares its own namespace.
    pub(super) fn learn(&mut self, head: &Head) {
        let Some(namespace) = head.own_namespace() else { return };
        let attribute = |name: &str| head.attribute(name);
        match (head.name(), self.around.last_mut()) {
            ("stanza-id", _) if namespace == STANZA_ID && self.message.children().count() < STANZA_IDS => {
                self.message.append_child(copy(Element::bare("stanza-id", STANZA_ID), &["by", "id"], attribute));
            }
            ("delay", Some(forwarded)) if namespace == DELAY && forwarded.children().next().is_none() => {
                forwarded.append_child(copy(Element::bare("delay", DELAY), &["stamp"], attribute));
            }
            _ => {}
        }
    }

    /// As it is told, once its end came.
    pub(super) fn item(self, bytes: u64) -> Item {
        if !self.stanza {
            // Nothing that the stream itself needs is like this: an element in no namespace is ignored.
            return Item::Nonza(Element::bare("thrown-away", String::new()));
        }
        if self.unparsable {
            return Item::Stanza(Arrived::Unparsable);
        }
        let wrap = |inner, mut around: Element| {
            around.append_child(inner);
            around
        };
        Item::Stanza(Arrived::Oversized { stump: self.around.into_iter().rev().fold(self.message, wrap), bytes })
    }
}

/// The message in a wrapper, as far as it came.
fn inner(open: &Open, head: Option<&Head>) -> Option<Element> {
    match (open.get(WRAPPERS), head) {
        (Some((message, _)), _) => message.is("message", CLIENT).then(|| shell(message)),
        // Its own tag is too much, or it ended and something behind it is.
        (None, Some(head)) if head.name() == "message" => Some(shell_of_head(head)),
        (None, _) => open[WRAPPERS - 1].0.get_child("message", CLIENT).map(shell),
    }
}

/// An element with the attributes that say where it belongs, and what servers add.
fn shell(element: &Element) -> Element {
    let mut bare =
        copy(Element::bare(element.name(), element.ns()), &KEPT, |name| element.attr(name).map(str::to_owned));
    let ids = element.children().filter(|child| child.is("stanza-id", STANZA_ID)).take(STANZA_IDS);
    let delay = element.get_child("delay", DELAY).filter(|_| element.is("forwarded", FORWARD));
    for child in ids.chain(delay) {
        let attributes = |name: &str| child.attr(name).map(str::to_owned);
        bare.append_child(copy(Element::bare(child.name(), child.ns()), &["by", "id", "stamp"], attributes));
    }
    bare
}

fn shell_of_head(head: &Head) -> Element {
    copy(Element::bare(head.name(), CLIENT), &KEPT, |name| head.attribute(name))
}

/// Attributes of a stanza and of its wrapper that are kept.
const KEPT: [&str; 5] = ["from", "to", "type", "id", "queryid"];

fn copy(mut element: Element, names: &[&str], value: impl Fn(&str) -> Option<String>) -> Element {
    for name in names {
        let key = NcName::try_from(*name).expect("attribute names are literals of ours");
        if let Some(value) = value(name) {
            element.set_attr(Namespace::NONE, key, value);
        }
    }
    element
}
