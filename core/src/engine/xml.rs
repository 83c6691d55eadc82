//! Small words for reading and building stanzas.

use super::ns;
use jid::{BareJid, Jid};
use minidom::Element;
use minidom::rxml::{Namespace, NcName};

/// Begins an element: `el("ping", ns::PING)`.
pub(crate) fn el(name: &str, namespace: &str) -> Element {
    Element::bare(name, namespace)
}

/// Building an element as one expression.
pub(crate) trait Build: Sized {
    /// Sets an attribute; its name is a literal of ours.
    fn at(self, name: &str, value: impl Into<String>) -> Self;
    /// Sets an attribute where there is a value.
    fn at_opt(self, name: &str, value: Option<impl Into<String>>) -> Self;
    /// Appends a child.
    fn kid(self, child: Element) -> Self;
    /// Appends children.
    fn kids(self, children: impl IntoIterator<Item = Element>) -> Self;
    /// Appends text; characters that XML does not allow are left out.
    fn words(self, text: impl AsRef<str>) -> Self;
}

impl Build for Element {
    fn at(mut self, name: &str, value: impl Into<String>) -> Self {
        let name = NcName::try_from(name).expect("attribute names are literals of ours");
        self.set_attr(Namespace::NONE, name, clean(&value.into()));
        self
    }

    fn at_opt(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.at(name, value),
            None => self,
        }
    }

    fn kid(mut self, child: Element) -> Self {
        self.append_child(child);
        self
    }

    fn kids(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        for child in children {
            self.append_child(child);
        }
        self
    }

    fn words(mut self, text: impl AsRef<str>) -> Self {
        self.append_text(clean(text.as_ref()));
        self
    }
}

/// Leaves out what XML 1.0 cannot carry (RFC 6120 section 11.1: such a stanza would end the stream).
pub(crate) fn clean(text: &str) -> String {
    let fits = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    text.chars().filter(fits).collect()
}

/// The bytes of an element as they go to the wire.
pub(crate) fn bytes(element: &Element) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    element.write_to(&mut out).expect("writing to memory does not fail, and our elements hold only XML characters");
    out
}

/// Reads an element that this program wrote down earlier.
pub(crate) fn parse(text: &str) -> Option<Element> {
    text.parse().ok()
}

/// Nesting and size that an envelope of a contact may have; a tree of thousands of levels would end the process.
const LEVELS: usize = 32;
const BYTES: usize = 512 * 1024;

/// Reads an element that a contact sealed, if it is well-formed and within limits.
pub(crate) fn parse_foreign(bytes: &[u8]) -> Option<Element> {
    use minidom::rxml::{Parse, RawEvent, RawParser};
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= BYTES)?;
    let (mut parser, mut rest, mut depth) = (RawParser::new(), bytes, 0);
    while let Some(event) = parser.parse(&mut rest, true).ok()? {
        match event {
            RawEvent::ElementHeadOpen(..) => depth += 1,
            RawEvent::ElementFoot(..) => depth -= 1,
            _ => {}
        }
        if depth > LEVELS {
            return None;
        }
    }
    text.parse().ok()
}

/// The JID of an attribute, if it is one.
pub(crate) fn jid_of(element: &Element, attribute: &str) -> Option<Jid> {
    element.attr(attribute).and_then(|text| Jid::new(text).ok())
}

/// The bare JID of an attribute, if it is one.
pub(crate) fn bare_of(element: &Element, attribute: &str) -> Option<BareJid> {
    jid_of(element, attribute).map(|jid| jid.to_bare())
}

/// The text of a child in the same namespace.
pub(crate) fn child_text(element: &Element, name: &str, namespace: &str) -> Option<String> {
    element.get_child(name, namespace).map(Element::text)
}

/// Base64 with white space allowed, as other clients wrap it.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(packed).ok()
}

/// Base64 of `bytes`.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The condition of an error stanza (RFC 6120 section 8.3), and its pubsub detail where there is one.
pub(crate) fn error_condition(stanza: &Element) -> String {
    let Some(error) = stanza.get_child("error", ns::CLIENT) else { return "undefined-condition".into() };
    let condition = error.children().find(|child| child.ns() == ns::STANZAS && child.name() != "text");
    condition.map_or_else(|| "undefined-condition".into(), |child| child.name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_cannot_nest_us_to_death() {
        assert!(
            parse_foreign(format!("<a xmlns='x'>{}{}</a>", "<b>".repeat(31), "</b>".repeat(31)).as_bytes()).is_some()
        );
        assert!(
            parse_foreign(format!("<a xmlns='x'>{}{}</a>", "<b>".repeat(32), "</b>".repeat(32)).as_bytes()).is_none()
        );
        assert!(
            parse_foreign(format!("<a xmlns='x'>{}{}</a>", "<b>".repeat(25_000), "</b>".repeat(25_000)).as_bytes())
                .is_none()
        );
        assert!(parse_foreign(b"<a xmlns='x'>").is_none());
    }
}
