//! What a `<stream:error/>` means (RFC 6120 §4.9), as a table.

use super::xml::ns;
use crate::error::{Error, ErrorKind};
use minidom::Element;

/// The condition, what it is to a person, and whether the old stream may be resumed after it: not if what the server
/// objects to would be written again. Whether it is tried again at all follows from the kind ([`super::run`]).
const MEANING: [(&str, ErrorKind, bool); 12] = [
    ("conflict", ErrorKind::Conflict, false),
    ("not-authorized", ErrorKind::LoginRefused, false),
    ("host-unknown", ErrorKind::WrongDomain, false),
    ("host-gone", ErrorKind::WrongDomain, false),
    ("see-other-host", ErrorKind::SeeOtherHost, true),
    ("policy-violation", ErrorKind::StreamRefused, false),
    ("system-shutdown", ErrorKind::StreamRefused, true),
    ("reset", ErrorKind::StreamRefused, true),
    ("connection-timeout", ErrorKind::StreamRefused, true),
    ("resource-constraint", ErrorKind::StreamRefused, true),
    ("internal-server-error", ErrorKind::StreamRefused, true),
    ("remote-connection-failed", ErrorKind::StreamRefused, true),
];

/// The longest name of another host that is looked at: that of DNS, with brackets and a port.
const LONGEST: usize = 265;

/// What it means, and whether the stream may be resumed after it. An error that is not in the table is one of the bytes
/// that were written. What the server says in words is not looked at. `SeeOtherHost` is about the place that it names.
pub(crate) fn stream_error(error: &Element) -> (Error, bool) {
    let condition = error.children().find(|child| child.has_ns(ns::STREAM_ERRORS) && child.name() != "text");
    let name = condition.map(Element::name).unwrap_or_default();
    let known = MEANING.iter().find(|(condition, ..)| *condition == name);
    let (kind, resume) = known.map_or((ErrorKind::StreamRefused, false), |(_, kind, resume)| (*kind, *resume));
    match (kind, condition) {
        (ErrorKind::SeeOtherHost, Some(condition)) => {
            let place = condition.text().trim().to_owned();
            (Error::about(kind, if place.len() > LONGEST { String::new() } else { place }), resume)
        }
        _ => (kind.into(), resume),
    }
}

/// The same said before TLS, by whoever is on the way: it neither ends the trying nor leads anywhere.
/// That a domain is not served there is tried again in any case, and helps who mistyped it.
pub(crate) fn in_clear(error: Error) -> Error {
    match error.kind {
        ErrorKind::SeeOtherHost | ErrorKind::Conflict | ErrorKind::LoginRefused => ErrorKind::StreamRefused.into(),
        _ => error,
    }
}
