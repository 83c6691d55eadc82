//! Message Carbons (XEP-0280): copies of what our other devices send and receive.

use super::want::Question;
use super::xml::{el, jid_of};
use super::{Ctx, ns};
use minidom::Element;

/// Asks the server for copies.
pub(crate) fn question() -> Question {
    Question::set(el("enable", ns::CARBONS))
}

/// What a carbon wraps. Only our own account may send one (XEP-0280 section 11, CVE-2017-5589): a forged one is an error.
pub(crate) fn unwrap<'a>(ctx: &Ctx, message: &'a Element) -> Option<Result<&'a Element, ()>> {
    let copy =
        message.children().find(|child| child.ns() == ns::CARBONS && matches!(child.name(), "sent" | "received"))?;
    let ours = match jid_of(message, "from") {
        Some(from) => from.resource().is_none() && from.to_bare() == ctx.me.jid,
        None => message.attr("from").is_none(),
    };
    let inner =
        copy.get_child("forwarded", ns::FORWARD).and_then(|forwarded| forwarded.get_child("message", ns::CLIENT));
    Some(if ours { inner.ok_or(()) } else { Err(()) })
}
