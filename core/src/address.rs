//! Addresses as people write them.

use crate::error::{Error, ErrorKind, Result};
use jid::BareJid;

/// The normal form of a bare JID (RFC 7622): mapped, and without the dot that may end a domain (section 3.2). Every way in
/// takes it, so that what was written under one spelling is found under another.
///
/// Errors: `InvalidJid`, about the text.
pub(crate) fn bare(text: &str) -> Result<BareJid> {
    // An empty subject would be taken for one that is not known.
    let invalid = || Error::about(ErrorKind::InvalidJid, if text.is_empty() { "\"\"" } else { text });
    let jid = BareJid::new(text.strip_suffix('.').unwrap_or(text)).map_err(|_| invalid())?;
    if jid.as_str().ends_with('.') { Err(invalid()) } else { Ok(jid) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_one() {
        for text in
            ["romeo@montague.example", "Romeo@MONTAGUE.Example", "romeo@montague.example.", "ｒomeo@montague.example"]
        {
            assert_eq!(bare(text).unwrap().as_str(), "romeo@montague.example");
        }
    }

    #[test]
    fn what_is_no_bare_jid_is_refused_and_named() {
        for (text, named) in
            [("romeo@a/street", "romeo@a/street"), ("@a", "@a"), ("a@b..", "a@b.."), ("", "\"\""), (".", ".")]
        {
            let error = bare(text).unwrap_err();
            assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::InvalidJid, named));
        }
    }
}
