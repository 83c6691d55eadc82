//! From bytes to stanzas, with limits: a push parser that never holds more than one bounded tree.
//!
//! A contact decides what a stanza looks like, so nothing here recurses and nothing grows past [`limit`]. What is too
//! large is thrown away up to its end tag and still told, because it counts in `h` (XEP-0198 §4).

use super::Arrived;
use super::head::{Head, Scope};
use super::skip::Skip;
use super::thrown::{Thrown, WRAPPERS, is_stanza, is_wrapper};
use minidom::Element;
use rxml::error::EndOrError;
use rxml::{NcName, Options, Parse, RawEvent, RawParser, WithOptions};

/// How large a stanza may be. Past the first group it is thrown away, past the second the stream is ended.
pub(crate) mod limit {
    /// Levels of a stanza, itself included; those of a wrapper around it do not count.
    pub(crate) const LEVELS: usize = 64;
    /// Bytes of a stanza as they came.
    pub(crate) const BYTES: u64 = 1 << 20;
    /// Elements of a stanza, itself included.
    pub(crate) const ELEMENTS: usize = 10_000;
    /// Attributes of one element, namespace declarations included.
    pub(crate) const ATTRIBUTES: usize = 256;
    /// Attributes of a whole stanza.
    pub(crate) const ALL_ATTRIBUTES: usize = 20_000;
    /// Namespace declarations in force at one place.
    pub(crate) const DECLARATIONS: usize = 256;

    /// One name or attribute value; the parser cannot skip a longer one.
    pub(crate) const TOKEN: usize = 1 << 20;
    /// Bytes of a stanza that is being thrown away; bounds the names of open elements that the parser keeps.
    pub(crate) const THROWN: u64 = 16 << 20;
    /// Levels of a stanza that is being thrown away, likewise.
    pub(crate) const THROWN_LEVELS: usize = 250_000;
    /// Bytes of the stream header.
    pub(crate) const HEADER: u64 = 16 << 10;
}

/// What an element with an attribute takes in memory beside its text, bytes.
const ELEMENT: usize = 1 << 10;

const CLIENT: &str = "jabber:client";
const STREAMS: &str = "http://etherx.jabber.org/streams";

/// A piece of a stream, in order.
pub(crate) enum Item {
    /// The stream header (RFC 6120 §4.7), without content.
    Opened,
    /// A `message`, `presence` or `iq`.
    Stanza(Arrived),
    /// Any other top-level element: features, SASL, XEP-0198, stream errors.
    Nonza(Element),
    /// `</stream:stream>`.
    Closed,
}

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Not well-formed, or XML that RFC 6120 §11.1 forbids (comments, DTD, processing instructions).
    Xml,
    /// The root is not `<stream:stream>` of a client stream.
    NotXmpp,
    /// XML that RFC 6120 §11.1 forbids, behind an XML declaration and before the root: that is no page of HTTP.
    Forbidden,
    /// Past a limit that throwing away cannot help.
    TooLarge,
}

/// Assembles trees from the parser's events.
pub(crate) struct Assembler {
    parser: RawParser,
    /// An XML declaration came.
    declared: bool,
    /// Open elements, the stream's root included.
    depth: usize,
    /// The start tag that is being read.
    head: Option<Head>,
    scope: Scope,
    /// Elements that are being built, outermost first, with the text since their last child.
    open: Vec<(Element, String)>,
    /// Set once the stanza is being thrown away; then `open` is empty.
    thrown: Option<Thrown>,
    /// Set where the parser cannot go on: what is thrown away is passed over up to its end.
    skip: Option<Skip>,
    /// The root's name as it came.
    root: String,
    /// A start tag is open.
    in_tag: bool,
    bytes: u64,
    elements: usize,
    attributes: usize,
}

impl Assembler {
    /// For a new stream, or one that restarts.
    pub(crate) fn new() -> Self {
        Assembler {
            parser: parser(),
            declared: false,
            depth: 0,
            head: None,
            scope: Scope::default(),
            open: Vec::new(),
            thrown: None,
            skip: None,
            root: String::new(),
            in_tag: false,
            bytes: 0,
            elements: 0,
            attributes: 0,
        }
    }

    /// Takes bytes off `input` up to the next item; `None` once more are needed.
    pub(crate) fn next(&mut self, input: &mut &[u8]) -> Result<Option<Item>, Broken> {
        loop {
            if self.skip.is_some() {
                return self.pass_over(input);
            }
            let before = *input;
            let event = match self.parser.parse(input, false) {
                Ok(Some(event)) => event,
                Ok(None) | Err(EndOrError::NeedMoreData) => return Ok(None),
                Err(EndOrError::Error(error)) if self.depth > 0 && names_only(&error) => {
                    self.give_up(before[..before.len() - input.len()].last().copied())?;
                    continue;
                }
                Err(EndOrError::Error(error)) if self.depth == 0 && self.declared && forbidden(&error) => {
                    return Err(Broken::Forbidden);
                }
                Err(EndOrError::Error(_)) => return Err(Broken::Xml),
            };
            self.bytes += event.metrics().len() as u64;
            if let Some(item) = self.event(event)? {
                return Ok(Some(item));
            }
        }
    }

    /// The parser met names that it cannot take, and stays where it is for good; `last` is the byte that it took last.
    fn give_up(&mut self, last: Option<u8>) -> Result<(), Broken> {
        if !self.in_tag {
            // The element's own name: its start was not told.
            self.depth += 1;
            if self.depth == 2 {
                self.begin(0);
            }
        }
        self.throw(true)?;
        let mut skip = Skip::in_tag(self.depth);
        // It takes the byte behind a name with the name; a quote here is that behind a value.
        let over = match last {
            Some(byte @ (b'/' | b'>')) => skip.pass(byte)?,
            _ => false,
        };
        debug_assert!(!over, "a `/` or a `>` alone ends no element that just began");
        self.skip = Some(skip);
        Ok(())
    }

    /// Goes on to the end of the stanza, and from there with a parser that believes to be in the same stream.
    fn pass_over(&mut self, input: &mut &[u8]) -> Result<Option<Item>, Broken> {
        let Some(skip) = &mut self.skip else { return Ok(None) };
        let before = input.len();
        let over = skip.feed(input)?;
        self.bytes += (before - input.len()) as u64;
        if !over {
            return if self.bytes > limit::THROWN { Err(Broken::TooLarge) } else { Ok(None) };
        }
        self.skip = None;
        self.parser = parser();
        let root = format!("<{}>", self.root);
        let mut root = root.as_bytes();
        // Its head opens, and closes.
        for _ in 0..2 {
            self.parser.parse(&mut root, false).map_err(|_| Broken::Xml)?;
        }
        self.scope.leave(2);
        (self.depth, self.in_tag) = (1, false);
        Ok(self.thrown.take().map(|thrown| thrown.item(self.bytes)))
    }

    /// Declarations, elements and levels that are held, for tests.
    #[cfg(test)]
    pub(crate) fn holds(&self) -> usize {
        self.scope.len() + self.open.len() + self.depth
    }

    /// About what the tree of the last stanza takes in memory, bytes.
    pub(crate) fn weight(&self) -> usize {
        self.bytes as usize + self.elements * ELEMENT
    }

    /// Whether the stream header came.
    pub(crate) fn opened(&self) -> bool {
        self.depth > 0
    }

    fn event(&mut self, event: RawEvent) -> Result<Option<Item>, Broken> {
        match event {
            RawEvent::XmlDeclaration(..) => {
                self.declared = true;
                Ok(None)
            }
            RawEvent::ElementHeadOpen(metrics, (prefix, name)) => {
                self.depth += 1;
                self.in_tag = true;
                match self.depth {
                    1 => self.root = full_name(prefix.as_ref(), &name),
                    2 => self.begin(metrics.len() as u64),
                    _ => {}
                }
                self.elements += 1;
                if self.thrown.as_ref().is_none_or(|thrown| thrown.looks_for(self.depth, name.as_str())) {
                    self.head = Some(Head::new(prefix, name));
                }
                self.check()
            }
            RawEvent::Attribute(_, name, value) => {
                self.attributes += 1;
                let full = self.head.as_mut().is_some_and(|head| !head.push(name, value));
                if full { self.throw(false) } else { self.check() }
            }
            RawEvent::ElementHeadClose(_) => {
                self.in_tag = false;
                self.start()
            }
            RawEvent::Text(_, text) => self.text(&text),
            RawEvent::ElementFoot(_) => Ok(self.end()),
        }
    }

    /// A top-level element begins; `bytes` of its tag were read.
    fn begin(&mut self, bytes: u64) {
        self.bytes = bytes;
        self.elements = 0;
        self.attributes = 0;
        self.parser.set_text_buffering(true);
    }

    /// Looks at the limits, after anything that may have passed one.
    fn check(&mut self) -> Result<Option<Item>, Broken> {
        if self.depth <= 1 {
            let header = self.depth == 0 || self.head.is_some();
            return if header && self.bytes > limit::HEADER { Err(Broken::TooLarge) } else { Ok(None) };
        }
        if self.thrown.is_some() {
            let far = self.bytes > limit::THROWN || self.depth > limit::THROWN_LEVELS;
            return if far { Err(Broken::TooLarge) } else { Ok(None) };
        }
        // A message that passes live passes from the archive too.
        let wrappers = if self.depth > limit::LEVELS && is_wrapper(&self.open) { WRAPPERS } else { 0 };
        let past = self.depth - 1 > limit::LEVELS + wrappers
            || self.bytes > limit::BYTES
            || self.elements > limit::ELEMENTS
            || self.attributes > limit::ALL_ATTRIBUTES;
        if past { self.throw(false) } else { Ok(None) }
    }

    /// A start tag is complete.
    fn start(&mut self) -> Result<Option<Item>, Broken> {
        let Some(head) = self.head.take() else { return self.check() };
        if let Some(thrown) = &mut self.thrown {
            thrown.learn(&head);
            return self.check();
        }
        let stanza = is_stanza(head.name());
        let Some(wellformed) = self.scope.enter(self.depth, &head, limit::DECLARATIONS) else {
            self.head = Some(head);
            return self.throw(false);
        };
        let Some(element) = head.element(&self.scope).filter(|_| wellformed) else {
            // Only the names are wrong: the stanza is lost, the stream is not.
            self.throw(true)?;
            if let Some(thrown) = &mut self.thrown
                && self.depth == 2
            {
                thrown.stanza = stanza;
            }
            return Ok(None);
        };
        if self.depth == 1 {
            self.open.clear();
            let client = element.is("stream", STREAMS);
            return if client { Ok(Some(Item::Opened)) } else { Err(Broken::NotXmpp) };
        }
        self.open.push((element, String::new()));
        self.check()
    }

    fn text(&mut self, text: &str) -> Result<Option<Item>, Broken> {
        if self.depth <= 1 {
            // White space keeps a connection alive (RFC 6120 §4.6.1), anything else does not belong there.
            self.bytes = 0;
            return if text.trim_ascii().is_empty() { Ok(None) } else { Err(Broken::Xml) };
        }
        if let Some((_, pending)) = self.open.last_mut() {
            pending.push_str(text);
        }
        self.check()
    }

    fn end(&mut self) -> Option<Item> {
        self.scope.leave(self.depth);
        self.depth -= 1;
        match self.depth {
            0 => return Some(Item::Closed),
            1 => self.parser.set_text_buffering(false),
            _ => {
                if let Some(element) = self.close() {
                    let (parent, _) = self.open.last_mut().expect("only a stanza's root has no parent");
                    parent.append_child(element);
                }
                return None;
            }
        }
        if let Some(thrown) = self.thrown.take() {
            // What the parser's own stack grew to should not stay.
            self.parser.release_temporaries();
            return Some(thrown.item(self.bytes));
        }
        let element = self.close().expect("a top-level element that is not thrown away is open");
        Some(if is_stanza(element.name()) && element.has_ns(CLIENT) {
            Item::Stanza(Arrived::Whole(element))
        } else {
            Item::Nonza(element)
        })
    }

    /// The innermost open element, with its last text; `None` while throwing away.
    fn close(&mut self) -> Option<Element> {
        let (mut element, text) = self.open.pop()?;
        if !text.is_empty() {
            element.append_text_node(text);
        }
        if let Some((parent, pending)) = self.open.last_mut()
            && !pending.is_empty()
        {
            parent.append_text_node(std::mem::take(pending));
        }
        Some(element)
    }

    /// From here on the stanza is thrown away. A stream header cannot be.
    fn throw(&mut self, unparsable: bool) -> Result<Option<Item>, Broken> {
        if self.depth <= 1 {
            return Err(Broken::NotXmpp);
        }
        let head = self.head.take();
        if self.thrown.is_some() {
            // A stanza id with too much in it; what is known of the stanza itself stays.
            return self.check();
        }
        self.thrown = Some(Thrown::new(&self.open, head, unparsable));
        self.open = Vec::new();
        self.check()
    }
}

/// A parser at the start of a stream.
fn parser() -> RawParser {
    let options = Options { max_token_length: limit::TOKEN, ..Options::default() };
    let mut parser = RawParser::with_options(options);
    // Between stanzas text is an error, which should not wait for the next tag.
    parser.set_text_buffering(false);
    parser
}

/// Whether this is XML all the same, whose names and namespaces do not fit (Namespaces in XML 1.0 §3 to §5).
fn names_only(error: &rxml::Error) -> bool {
    use rxml::Error;
    matches!(
        error,
        Error::ReservedNamespaceName
            | Error::ReservedNamespacePrefix
            | Error::EmptyNamespaceUri
            | Error::MultiColonName(_)
            | Error::EmptyNamePart(_)
            | Error::InvalidLocalName(_)
    )
}

/// Whether this is what no stream may hold (RFC 6120 §11.1), or begins like it: the parser knows no `<!DOCTYPE`.
fn forbidden(error: &rxml::Error) -> bool {
    matches!(error, rxml::Error::RestrictedXml(_) | rxml::Error::InvalidSyntax(_))
}

/// A name as it came.
fn full_name(prefix: Option<&NcName>, name: &NcName) -> String {
    match prefix {
        Some(prefix) => format!("{}:{}", prefix.as_str(), name.as_str()),
        None => name.as_str().to_owned(),
    }
}
