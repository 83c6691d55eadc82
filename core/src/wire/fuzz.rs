//! A stream read as a whole, for the fuzz targets and for tests.

pub(crate) mod login;

use super::Arrived;
use super::parse::{Assembler, Broken, Item, limit};
use minidom::Element;

/// What every client stream begins with.
pub(crate) const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' version='1.0' from='x.test' xml:lang='en'>";

/// What came of a stream.
#[derive(Debug, PartialEq)]
pub(crate) struct Read {
    /// Its items, a line each, and how it broke if it did.
    told: (Vec<String>, Option<Broken>),
    /// How many stanzas were whole.
    pub stanzas: usize,
}

/// Reads a stream that comes in these pieces, after its header. What is handed on must keep to the limits.
pub(crate) fn read(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Read {
    let mut read = Read { told: (Vec::new(), None), stanzas: 0 };
    read.told.1 = items(pieces, |item| {
        if let Item::Stanza(Arrived::Whole(stanza)) = &item {
            // What wraps another stanza does not count.
            assert!(levels(stanza) <= limit::LEVELS + 4, "{}", levels(stanza));
            read.stanzas += 1;
        }
        read.told.0.push(told(&item));
    })
    .err();
    read
}

/// Hands on what comes of a stream that comes in these pieces, after its header.
pub(crate) fn items(
    pieces: impl IntoIterator<Item = impl AsRef<[u8]>>,
    mut take: impl FnMut(Item),
) -> Result<(), Broken> {
    let mut assembler = Assembler::new();
    let mut header = HEADER.as_bytes();
    assert!(matches!(assembler.next(&mut header)?, Some(Item::Opened)));
    for piece in pieces {
        let mut input = piece.as_ref();
        while let Some(item) = assembler.next(&mut input)? {
            take(item);
        }
        assert!(input.is_empty(), "all that is given is taken");
    }
    Ok(())
}

/// One line for an item, to compare.
pub(crate) fn told(item: &Item) -> String {
    match item {
        Item::Opened => "opened".into(),
        Item::Closed => "closed".into(),
        Item::Nonza(element) => format!("nonza {}", String::from(element)),
        Item::Stanza(Arrived::Whole(element)) => String::from(element),
        Item::Stanza(Arrived::Unparsable) => "unparsable".into(),
        Item::Stanza(Arrived::Oversized { stump, .. }) => format!("oversized {}", String::from(stump)),
    }
}

fn levels(element: &Element) -> usize {
    let mut deepest = 0;
    let mut open = vec![(element, 1)];
    while let Some((element, level)) = open.pop() {
        deepest = deepest.max(level);
        open.extend(element.children().map(|child| (child, level + 1)));
    }
    deepest
}
