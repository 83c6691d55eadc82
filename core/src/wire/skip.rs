//! Finds the end of an element by its tags alone, for a stanza that is XML but not namespace-well-formed.
//!
//! Some servers pass on what a contact wrote and bind the XML namespace to another prefix by that. The parser goes no
//! further then; but the stream is not broken, and whoever could end it so could keep us offline: the archive would
//! bring the same bytes back at each login.

use super::parse::Broken;

/// Where in the XML the next byte is.
#[derive(Clone, Copy)]
enum Place {
    Text,
    /// Behind `<`.
    Open,
    /// In a start tag; whether the byte before was a `/`.
    Tag(bool),
    /// In an attribute's value, up to this quote.
    Quoted(u8),
    /// In an end tag.
    End,
    /// Behind `<!` and so many bytes of [`CDATA`].
    Bang(usize),
    /// In a CDATA section, behind so many `]` in a row.
    CData(usize),
}

const CDATA: &[u8] = b"[CDATA[";

/// Passes over bytes until the elements that are open, but for the stream, have ended.
pub(super) struct Skip {
    depth: usize,
    place: Place,
}

impl Skip {
    /// In the start tag of an element at this depth; the stream's is 1.
    pub(super) fn in_tag(depth: usize) -> Self {
        Skip { depth, place: Place::Tag(false) }
    }

    /// Takes bytes off `input`; true once the stanza ended. Holds nothing but where it is.
    ///
    /// Errors: [`Broken::Xml`] for what no stanza may hold (RFC 6120 §11.1): comments, declarations, instructions.
    pub(super) fn feed(&mut self, input: &mut &[u8]) -> Result<bool, Broken> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            if self.pass(byte)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Passes one byte; true if it ended the stanza. All that means something is ASCII, so characters need no decoding.
    pub(super) fn pass(&mut self, byte: u8) -> Result<bool, Broken> {
        self.place = match (self.place, byte) {
            (Place::Text, b'<') => Place::Open,
            (Place::Text, _) => Place::Text,
            (Place::Open, b'/') => Place::End,
            (Place::Open, b'!') => Place::Bang(0),
            (Place::Open, b'?') => return Err(Broken::Xml),
            (Place::Open, _) => {
                self.depth += 1;
                Place::Tag(false)
            }
            (Place::Tag(_), quote @ (b'\'' | b'"')) => Place::Quoted(quote),
            (Place::Tag(true), b'>') => return Ok(self.up()),
            (Place::Tag(false), b'>') => Place::Text,
            (Place::Tag(_), other) => Place::Tag(other == b'/'),
            (Place::Quoted(quote), other) if other == quote => Place::Tag(false),
            (Place::Quoted(quote), _) => Place::Quoted(quote),
            (Place::End, b'>') => return Ok(self.up()),
            (Place::End, _) => Place::End,
            (Place::Bang(at), other) if CDATA[at] != other => return Err(Broken::Xml),
            (Place::Bang(at), _) if at + 1 == CDATA.len() => Place::CData(0),
            (Place::Bang(at), _) => Place::Bang(at + 1),
            (Place::CData(2..), b'>') => Place::Text,
            (Place::CData(before), b']') => Place::CData(before + 1),
            (Place::CData(_), _) => Place::CData(0),
        };
        Ok(false)
    }

    /// An element ended.
    fn up(&mut self) -> bool {
        self.place = Place::Text;
        self.depth -= 1;
        self.depth <= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left behind the stanza whose first tag `text` begins in.
    fn left(text: &str) -> Option<String> {
        let (mut skip, mut rest) = (Skip::in_tag(2), text.as_bytes());
        let over = skip.feed(&mut rest).ok()?;
        over.then(|| String::from_utf8(rest.to_vec()).unwrap())
    }

    #[test]
    fn a_stanza_ends_with_its_last_tag() {
        for stanza in ["/>", ">text</a>", " b='>'/>", " b=\"/>'\"><c d='</a>'/>x<e><e/></e></a >", "><c/ ></c></a>"] {
            assert_eq!(left(&format!("{stanza}<next/>")).as_deref(), Some("<next/>"), "{stanza}");
        }
        assert_eq!(left("><b></b>"), None);
    }

    #[test]
    fn tags_in_character_data_are_none() {
        assert_eq!(left("><![CDATA[</a>]]]]>]]]></a>.").as_deref(), Some("."));
    }

    #[test]
    fn what_no_stanza_may_hold_ends_it() {
        for text in ["><!-- x --></a>", "><?x?></a>", "><!DOCTYPE x></a>"] {
            assert!(Skip::in_tag(2).feed(&mut text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_are_cut() {
        let mut skip = Skip::in_tag(2);
        let text = b" b='>'>x<c><![CDATA[]]]></c></a>";
        let ends: Vec<bool> = text.iter().map(|byte| skip.pass(*byte).ok().unwrap()).collect();
        assert!(ends.iter().rev().skip(1).all(|end| !end) && ends.last() == Some(&true));
    }
}
