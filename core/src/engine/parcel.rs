//! Content that is no row of the timeline of its own: markers, reactions, typing, words between devices. It waits for the
//! pump, is sealed like a message, and goes again on a new stream until it is acknowledged: receivers take it twice
//! without harm.

use super::content::Content;
use super::letter::{self, Words};
use super::xml::{Build, bytes, el, parse};
use super::{Ctx, ns, recipients};
use crate::error::Result;
use crate::store::outgoing::Fate;
use crate::store::parcel::{ParcelRow, Reach};
use dunnock_omemo::Version;
use std::collections::BTreeSet;

/// A device counts as awake so long after it was heard from, milliseconds.
const AWAKE: i64 = 3_600_000;
/// Parcels sealed in one transaction; more wait for the next.
const AT_ONCE: usize = 32;

/// Puts content behind what waits for this chat. `lasting`: archives keep it and it goes again; else it dies with the stream.
#[allow(dead_code)] // Nobody sends one yet.
pub(crate) fn put(ctx: &mut Ctx, chat: &str, content: &Content, reach: Reach, lasting: bool) -> Result<()> {
    let content = bytes(&el("content", ns::SCE).kids(content.elements()));
    let content = String::from_utf8(content).expect("XML is UTF-8");
    ctx.tx.put_parcel(chat, &content, reach, lasting, ctx.now.wall)
}

/// Seals what waits, but in chats that are `held` because a message before it waits.
pub(crate) fn pump(ctx: &mut Ctx, mut held: BTreeSet<String>) -> Result<()> {
    let mut done = 0;
    for row in ctx.tx.parcels()? {
        if held.contains(&row.chat) || done == AT_ONCE {
            continue;
        }
        match hand_over(ctx, &row)? {
            true => {
                ctx.tx.drop_parcel(row.id)?;
                done += 1;
            }
            false => _ = held.insert(row.chat),
        }
    }
    Ok(())
}

/// Seals one parcel and queues it. False: it waits, and what is behind it in its chat.
fn hand_over(ctx: &mut Ctx, row: &ParcelRow) -> Result<bool> {
    if !recipients::lists_confirmed(ctx, &row.chat)? {
        return Ok(!row.lasting);
    }
    let recipients = recipients::of(ctx, &row.chat)?;
    let undecided = recipients.known > 0 && recipients.reached == 0 && recipients.keyless == 0;
    if recipients.coming || undecided {
        return Ok(!row.lasting);
    }
    let mut targets = recipients.reach;
    // Version 0.3 seals texts only.
    targets.retain(|target| target.version == Version::V2);
    let mut wanted = Vec::new();
    for target in targets {
        let device = ctx.tx.device(&target.jid, target.device)?;
        let fits = device.is_some_and(|device| match row.reach {
            Reach::Everyone => true,
            Reach::Awake => target.jid != ctx.me.jid.as_str() && ctx.now.wall - device.heard < AWAKE,
            Reach::Verified => device.trust == crate::model::Trust::Verified,
        });
        if fits {
            wanted.push(target);
        }
    }
    let content = parse(&row.content).map(|content| Content::of(&content));
    let (Some(content), false) = (content, wanted.is_empty()) else {
        ctx.tx.count("parcel_unsealable")?;
        return Ok(true);
    };
    let id = ctx.fresh_id();
    let words = Words { chat: &row.chat, content: &content, time: row.made, lasting: row.lasting };
    let letter = letter::seal(ctx, letter::frame(&row.chat, &id), &words, &wanted)?;
    let fate = if row.lasting { Fate::Again } else { Fate::Stream };
    ctx.tx.queue(fate, None, &letter.stanza, &letter.devices)?;
    Ok(true)
}
