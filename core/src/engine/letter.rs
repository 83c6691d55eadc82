//! A finished stanza out of content: sealed once for each version that its recipients need.

use super::content::Content;
use super::omemo::{self, Target};
use super::receipts::Receipt;
use super::xml::{Build, el};
use super::{Ctx, devices, ns, recipients, sce};
use crate::error::Result;
use crate::model::Sealing;
use crate::seal::{ExtrasAllowed, FALLBACK, Sealed};
use dunnock_omemo::Version;
use minidom::Element;

/// What is said, and where.
pub(crate) struct Words<'a> {
    pub chat: &'a str,
    pub content: &'a Content,
    /// Whether archives are to keep it.
    pub lasting: bool,
}

/// A stanza for the wire and whom it reaches.
pub(crate) struct Letter {
    pub stanza: Sealed,
    /// JSON `[[jid, device], …]`, for the row of the outgoing bytes.
    pub devices: String,
    /// How much of it the least of the other side's devices got sealed.
    pub level: Sealing,
    /// Devices of the other side.
    pub reached: u32,
}

/// The stanza around what we say: where it goes, and its ids.
pub(crate) fn frame(ctx: &Ctx, chat: &str, id: &str) -> Result<Element> {
    let kind = if ctx.tx.is_room(chat)? { "groupchat" } else { "chat" };
    let origin = el("origin-id", ns::SID).at("id", id);
    Ok(el("message", ns::CLIENT).at("to", chat).at("type", kind).at("id", id).kid(origin))
}

/// Seals these words for these devices inside a frame. What version 0.3 cannot seal goes to its devices in clear where a
/// person allowed that for the chat, and not at all elsewhere. None: nothing of it can be said to anybody.
pub(crate) fn seal(ctx: &mut Ctx, frame: Element, words: &Words, targets: &[Target]) -> Result<Option<Letter>> {
    let others = recipients::people(ctx, words.chat)?;
    let extras_allowed = ctx.tx.chat(words.chat)?.is_some_and(|chat| chat.extras_allowed);
    let old = targets.iter().any(|target| target.version == Version::V03 && others.contains(&target.jid));
    let extras = ExtrasAllowed::by_person(extras_allowed && old);
    let mut parts = Vec::new();
    let mut reached: Vec<Target> = Vec::new();
    let mut level = Sealing::Full;
    for version in devices::VERSIONS {
        let mine: Vec<Target> = targets.iter().filter(|target| target.version == version).cloned().collect();
        if mine.is_empty() {
            continue;
        }
        let Some(clear) = clear(ctx, words, version, extras.is_some())? else { continue };
        let (encrypted, got) = omemo::encrypt(ctx, version, Some(&clear), &mine)?;
        if version == Version::V03 && got.iter().any(|target| others.contains(&target.jid)) {
            level = Sealing::Content;
        }
        parts.push(encrypted);
        reached.extend(got);
    }
    let beside = words.content.extras();
    if parts.is_empty() && (extras.is_none() || beside.is_empty()) {
        return Ok(None);
    }
    let newest = parts.first().map(|part| part.ns());
    let encryption = newest.map(|newest| el("encryption", ns::EME).at("namespace", newest).at("name", "OMEMO"));
    // Who reads version 2 needs no such words (XEP-0420 section 6); a client without OMEMO shows them for 0.3.
    let text = parts.iter().any(|part| part.ns() == ns::OMEMO03);
    let fallback = text.then(|| el("body", ns::CLIENT).words(FALLBACK));
    // In clear the wish for a receipt goes to those alone who cannot read it sealed (XEP-0184).
    let request = (old && text && words.content.receipt == Some(Receipt::Wanted) && extras.is_none())
        .then(|| el("request", ns::RECEIPTS));
    let stanza = frame.kids(parts).kids(encryption).kids(fallback).kids(request).kids(hints(words.lasting));
    let devices: Vec<(&str, u32)> = reached.iter().map(|target| (target.jid.as_str(), target.device)).collect();
    Ok(Some(Letter {
        devices: serde_json::to_string(&devices).expect("a list of devices serialises"),
        stanza: match extras {
            Some(allowed) => Sealed::with_extras(&stanza.kids(beside), allowed)?,
            None => Sealed::message(&stanza)?,
        },
        level,
        reached: reached.iter().filter(|target| others.contains(&target.jid)).count() as u32,
    }))
}

/// What servers are to do with it (XEP-0334): our other devices are no part of what is over in a moment.
pub(crate) fn hints(lasting: bool) -> Vec<Element> {
    let words: &[&str] = if lasting { &["store"] } else { &["no-store", "no-copy"] };
    words.iter().map(|word| el(word, ns::HINTS)).collect()
}

/// What is encrypted of these words in this version: the envelope, or the text alone. A correction whose mark cannot go
/// along would be a message said twice.
fn clear(ctx: &mut Ctx, words: &Words, version: Version, extras: bool) -> Result<Option<Vec<u8>>> {
    Ok(match version {
        Version::V2 => Some(sce::wrap(ctx, words.content, words.chat, ctx.now.wall)?),
        Version::V03 if words.content.replaces.is_some() && !extras => None,
        Version::V03 => words.content.body.clone().map(String::into_bytes),
    })
}
