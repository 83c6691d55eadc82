//! A finished stanza out of content: sealed once for each version that its recipients need.

use super::content::Content;
use super::omemo::{self, Target};
use super::xml::{Build, el};
use super::{Ctx, devices, ns, recipients, sce};
use crate::error::Result;
use crate::model::Sealing;
use crate::seal::{FALLBACK, Sealed};
use dunnock_omemo::Version;
use minidom::Element;

/// What is said, where, and when.
pub(crate) struct Words<'a> {
    pub chat: &'a str,
    pub content: &'a Content,
    /// When a person said it, milliseconds since 1970.
    pub time: i64,
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
pub(crate) fn frame(chat: &str, id: &str) -> Element {
    el("message", ns::CLIENT).at("to", chat).at("type", "chat").at("id", id).kid(el("origin-id", ns::SID).at("id", id))
}

/// Seals these words for these devices inside a frame.
pub(crate) fn seal(ctx: &mut Ctx, frame: Element, words: &Words, targets: &[Target]) -> Result<Letter> {
    let others = recipients::people(ctx, words.chat)?;
    let mut parts = Vec::new();
    let mut reached: Vec<Target> = Vec::new();
    let mut level = Sealing::Full;
    for version in devices::VERSIONS {
        let mine: Vec<Target> = targets.iter().filter(|target| target.version == version).cloned().collect();
        if mine.is_empty() {
            continue;
        }
        let clear = match version {
            Version::V2 => sce::wrap(ctx, words.content, words.chat, words.time),
            // What this version cannot seal beside the text is not sent at all.
            Version::V03 => words.content.body.clone().unwrap_or_default().into_bytes(),
        };
        let (encrypted, got) = omemo::encrypt(ctx, version, Some(&clear), &mine)?;
        if version == Version::V03 && got.iter().any(|target| others.contains(&target.jid)) {
            level = Sealing::Content;
        }
        parts.push(encrypted);
        reached.extend(got);
    }
    let newest =
        parts.first().map_or(ns::OMEMO2, |part| if part.ns() == ns::OMEMO2 { ns::OMEMO2 } else { ns::OMEMO03 });
    // Only a text leaves something to be told by a client that cannot read it.
    let fallback = words.content.body.is_some().then(|| el("body", ns::CLIENT).words(FALLBACK));
    let hint = if words.lasting { "store" } else { "no-store" };
    let stanza = frame
        .kids(parts)
        .kid(el("encryption", ns::EME).at("namespace", newest).at("name", "OMEMO"))
        .kids(fallback)
        .kid(el(hint, ns::HINTS));
    let devices: Vec<(&str, u32)> = reached.iter().map(|target| (target.jid.as_str(), target.device)).collect();
    Ok(Letter {
        stanza: Sealed::message(&stanza)?,
        devices: serde_json::to_string(&devices).expect("a list of devices serialises"),
        level,
        reached: reached.iter().filter(|target| others.contains(&target.jid)).count() as u32,
    })
}
