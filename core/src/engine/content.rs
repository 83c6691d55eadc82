//! What a message says, whichever way it was sealed.

use super::ns;
use super::xml::{Build, child_text, el};
use minidom::Element;

/// The payload elements that we know.
pub(crate) struct Content {
    /// The text (RFC 6121 section 5.2.3).
    pub body: Option<String>,
}

impl Content {
    /// A text.
    pub(crate) fn text(body: &str) -> Self {
        Content { body: Some(body.to_owned()) }
    }

    /// Reads the children of a stanza or of an envelope's `<content/>`.
    pub(crate) fn of(parent: &Element) -> Self {
        Content { body: child_text(parent, "body", ns::CLIENT) }
    }

    /// The elements to be sealed.
    pub(crate) fn elements(&self) -> Vec<Element> {
        self.body.iter().map(|body| el("body", ns::CLIENT).words(body)).collect()
    }
}
