//! What a message says, whichever way it was sealed.

use super::ns;
use super::xml::{Build, child_text, el};
use minidom::Element;

/// The payload elements that we know.
pub(crate) struct Content {
    /// The text (RFC 6121 section 5.2.3).
    pub body: Option<String>,
    /// The message that it answers (XEP-0461).
    pub reply: Option<Reply>,
}

/// The message that another one answers.
pub(crate) struct Reply {
    /// Its sender's id of it.
    pub id: String,
    /// Who wrote it; empty if not said.
    pub to: String,
}

impl Content {
    /// A text and nothing else.
    pub(crate) fn text(body: &str) -> Self {
        Content { body: Some(body.to_owned()), reply: None }
    }

    /// Reads the children of a stanza or of an envelope's `<content/>`.
    pub(crate) fn of(parent: &Element) -> Self {
        let reply = parent.get_child("reply", ns::REPLY).and_then(|reply| {
            Some(Reply { id: reply.attr("id")?.to_owned(), to: reply.attr("to").unwrap_or_default().to_owned() })
        });
        Content { body: child_text(parent, "body", ns::CLIENT), reply }
    }

    /// The elements to be sealed.
    pub(crate) fn elements(&self) -> Vec<Element> {
        let body = self.body.iter().map(|body| el("body", ns::CLIENT).words(body));
        let reply = self.reply.iter().map(|reply| el("reply", ns::REPLY).at("id", &*reply.id).at("to", &*reply.to));
        body.chain(reply).collect()
    }
}
