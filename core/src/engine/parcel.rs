//! Content that is no row of the timeline of its own: markers, reactions, typing, words between devices. It waits for the
//! pump, is sealed like a message, and goes again on a new stream until it is acknowledged: receivers take it twice
//! without harm.

use super::content::Content;
use super::digest::digest;
use super::letter::{self, Words};
use super::omemo::Target;
use super::xml::{Build, bytes, el, parse};
use super::{Ctx, ns, recipients, room};
use crate::error::{ErrorKind, Result};
use crate::model::Sealing;
use crate::seal::{PlainAllowed, Sealed};
use crate::store::outgoing::Fate;
use crate::store::parcel::{ParcelRow, Reach};
use dunnock_omemo::Version;
use std::collections::BTreeSet;

/// A device counts as awake so long after it was heard from, milliseconds.
const AWAKE: i64 = 3_600_000;
/// What is over in a moment is sealed only while the chain is shorter than this.
const CHAIN: u32 = 200;
/// Parcels sealed in one transaction; more wait for the next.
const AT_ONCE: usize = 32;

/// Puts content behind what waits for this chat. `lasting`: archives keep it and it goes again; else it dies with the stream.
pub(crate) fn put(ctx: &mut Ctx, chat: &str, content: &Content, reach: Reach, lasting: bool) -> Result<()> {
    let content = bytes(&el("content", ns::SCE).kids(content.elements()));
    let content = String::from_utf8(content).expect("XML is UTF-8");
    ctx.tx.put_parcel(chat, &content, reach, lasting, ctx.now.wall)
}

/// Seals what waits, but in chats that are `held` because a message before it waits.
pub(crate) fn pump(ctx: &mut Ctx, held: &BTreeSet<String>) -> Result<()> {
    let mut left = AT_ONCE;
    for chat in ctx.tx.chats_of_parcels()?.iter().filter(|chat| !held.contains(*chat)) {
        for row in ctx.tx.parcels_of(chat, left)? {
            if !hand_over(ctx, &row)? {
                break;
            }
            ctx.tx.drop_parcel(row.id)?;
            left -= 1;
        }
    }
    Ok(())
}

/// Seals one parcel and queues it. False: it waits, and what is behind it in its chat.
fn hand_over(ctx: &mut Ctx, row: &ParcelRow) -> Result<bool> {
    if room::held_by(ctx, &row.chat)?.is_some() {
        return Ok(!row.lasting);
    }
    if !recipients::lists_confirmed(ctx, &row.chat)? {
        return Ok(!row.lasting);
    }
    let recipients = recipients::of(ctx, &row.chat, row.made)?;
    let nobody = recipients.reached == 0 && !recipients.coming;
    if nobody && room::is_from_before_a_halt(ctx, &row.chat, row.made)? {
        ctx.tx.count("parcel_from_before_a_halt")?;
        return Ok(true);
    }
    let undecided = recipients.known > 0 && recipients.reached == 0 && recipients.keyless == 0;
    if recipients.coming || undecided {
        return Ok(!row.lasting);
    }
    if recipients.known == 0 {
        // What only some devices may read is nothing for a chat without any.
        return if row.reach == Reach::Authenticated { Ok(true) } else { plain(ctx, row) };
    }
    let mut wanted = Vec::new();
    for target in recipients.reach {
        if fits(ctx, row.reach, &target)? {
            wanted.push(target);
        }
    }
    let content = parse(&row.content).map(|content| Content::of(&content)).ok_or(ErrorKind::DamagedStore)?;
    let id = ctx.fresh_id();
    let words = Words { chat: &row.chat, content: &content, lasting: row.lasting };
    let frame = letter::frame(ctx, &row.chat, &id)?;
    match letter::seal(ctx, frame, &words, &wanted)? {
        Some(letter) => queue(ctx, row, &letter.stanza, &letter.devices)?,
        None => ctx.tx.count("parcel_unsealable")?,
    }
    Ok(true)
}

/// Whether a device is among those for whom the parcel is meant.
fn fits(ctx: &Ctx, reach: Reach, target: &Target) -> Result<bool> {
    let other = target.jid != ctx.me.jid.as_str();
    Ok(match reach {
        Reach::Everyone => true,
        Reach::Awake => other && is_awake(ctx, target)?,
        Reach::Authenticated => {
            let device = ctx.tx.device(&target.jid, target.device)?;
            device.is_some_and(|device| super::trust::is_authenticated(device.trust))
        }
    })
}

/// Whether a device is worth a place in its chain for what is over in a moment. One of version 0.3 has no part in that.
fn is_awake(ctx: &Ctx, target: &Target) -> Result<bool> {
    if target.version == Version::V03 {
        return Ok(true);
    }
    let device = ctx.tx.device(&target.jid, target.device)?;
    let session = ctx.tx.current_session(&target.jid, target.device, target.version)?;
    Ok(device.is_some_and(|device| ctx.now.wall - device.heard < AWAKE)
        && session.is_some_and(|(_, session)| session.sending_counter() < CHAIN))
}

/// The other side has no device: in clear, if a person allowed plain text for this chat.
fn plain(ctx: &mut Ctx, row: &ParcelRow) -> Result<bool> {
    let allowed = ctx.tx.chat(&row.chat)?.is_some_and(|chat| chat.plain_allowed && chat.sealed == Sealing::None);
    let allowed = allowed && !ctx.tx.is_room(&row.chat)?;
    let Some(allowed) = PlainAllowed::by_person(allowed) else {
        if row.lasting && recipients::vanished(ctx, &row.chat)? {
            recipients::look_again(ctx, &row.chat)?;
            return Ok(false);
        }
        ctx.tx.count("parcel_unsealable")?;
        return Ok(true);
    };
    let id = ctx.fresh_id();
    let content = parse(&row.content).map(|content| Content::of(&content)).ok_or(ErrorKind::DamagedStore)?;
    let words = content.in_clear();
    if words.is_empty() {
        return Ok(true);
    }
    let frame = letter::frame(ctx, &row.chat, &id)?;
    let stanza = frame.kids(words).kids(letter::hints(row.lasting));
    queue(ctx, row, &Sealed::plain(&stanza, allowed), "[]")?;
    Ok(true)
}

/// On its way. What comes back of it, out of our archive or as a copy, is known by its payload.
fn queue(ctx: &mut Ctx, row: &ParcelRow, stanza: &Sealed, devices: &str) -> Result<()> {
    let fate = if row.lasting { Fate::Again } else { Fate::Stream };
    // Also of what no archive is to keep: some do.
    if let Some(element) = std::str::from_utf8(stanza.as_bytes()).ok().and_then(parse) {
        ctx.tx.remember_payload(&ctx.bare(), &digest(&element))?;
    }
    ctx.tx.queue(fate, None, stanza, devices).map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::receipts::Receipt;
    use super::super::roster::tests::{ROMEO, juliet, sent};
    use super::super::trust::messages::{Said, TrustMessage};
    use super::*;

    #[test]
    fn words_on_keys_are_said_to_nobody_in_clear() {
        juliet(|ctx| {
            ctx.tx.allow_plain(ROMEO, true).unwrap();
            let said = Said { jid: ROMEO.to_owned(), key: [7; 32], trusts: true };
            let trust = Some(TrustMessage { said: vec![said] });
            let receipt = Some(Receipt::Received("one".into()));
            for content in [
                Content { trust: trust.clone(), ..Content::default() },
                Content { trust, receipt, ..Content::default() },
            ] {
                put(ctx, ROMEO, &content, Reach::Everyone, true).unwrap();
            }
            for row in ctx.tx.parcels_of(ROMEO, 2).unwrap() {
                assert!(plain(ctx, &row).unwrap());
            }
            let told = sent(ctx);
            assert_eq!(told.len(), 1);
            assert!(told[0].has_child("received", ns::RECEIPTS));
            assert!(!told[0].children().any(|child| child.name() == "trust-message"));
        });
    }
}
