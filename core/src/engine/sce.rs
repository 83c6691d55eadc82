//! Stanza Content Encryption (XEP-0420): the envelope inside an OMEMO 2 message.

use super::content::Content;
use super::xml::{Build, bare_of, el, parse_foreign};
use super::{Ctx, ns};
use crate::model::Time;
use rand::RngExt as _;

/// Padding hides lengths; XEP-0420 section 4.1.1 asks for up to 200 characters.
const MOST_PADDING: usize = 200;

/// What an envelope said, and whether its own words agree with the stanza around it.
pub(crate) struct Opened {
    pub content: Content,
    pub time: Option<i64>,
}

/// Puts content into an envelope of ours. It names the recipient too, so that no server files the copy for our own devices
/// under somebody else.
pub(crate) fn wrap(ctx: &mut Ctx, content: &Content, recipient: &str, time: i64) -> Vec<u8> {
    let padding: String =
        (0..ctx.rng.random_range(0..=MOST_PADDING)).map(|_| ctx.rng.random_range('a'..='z')).collect();
    let envelope = el("envelope", ns::SCE)
        .kid(el("content", ns::SCE).kids(content.elements()))
        .kid(el("rpad", ns::SCE).words(padding))
        .kid(el("time", ns::SCE).at("stamp", Time(time).to_string()))
        .kid(el("from", ns::SCE).at("jid", ctx.bare()))
        .kid(el("to", ns::SCE).at("jid", recipient));
    super::xml::bytes(&envelope)
}

/// Opens an envelope of `sender` in the chat with `chat`. The envelope must name its sender (XEP-0384 section 4.5);
/// a recipient that it names must be the one of the stanza.
pub(crate) fn unwrap(clear: &[u8], sender: &str, recipient: &str) -> Result<Opened, &'static str> {
    let envelope = parse_foreign(clear).filter(|envelope| envelope.is("envelope", ns::SCE)).ok_or("malformed")?;
    let names =
        |name: &str| envelope.get_child(name, ns::SCE).map(|child| bare_of(child, "jid").map(|jid| jid.to_string()));
    if names("from").flatten().as_deref() != Some(sender)
        || names("to").is_some_and(|to| to.as_deref() != Some(recipient))
    {
        return Err("envelope_mismatch");
    }
    let content = envelope.get_child("content", ns::SCE).ok_or("malformed")?;
    let time = envelope.get_child("time", ns::SCE).and_then(|time| time.attr("stamp")).and_then(Time::parse);
    Ok(Opened { content: Content::of(content), time: time.map(|time| time.0) })
}
