//! Last Message Correction (XEP-0308).
//!
//! A corrected message stays where it is, says that it was edited, and keeps its earlier texts. A correction of what did not
//! come yet shows at once, as a stand-in under the id of what it corrects: no text waits for one that may never come.

use super::changes::{self, Said};
use super::commands::text_of;
use super::content::{Content, id_of};
use super::xml::{Build, el};
use super::{Ctx, ns, pump};
use crate::error::{ErrorKind, Result};
use crate::model::Delivery;
use crate::store::message::MessageRow;
use minidom::Element;
use sha2::{Digest, Sha256};

/// The message that this one takes the place of.
pub(super) fn read(parent: &Element) -> Option<String> {
    id_of(parent.get_child("replace", ns::CORRECT)?)
}

/// Says so.
pub(super) fn element(id: &str) -> Element {
    el("replace", ns::CORRECT).at("id", id)
}

/// What became of a correction.
pub(super) enum Taken {
    /// It was carried out, or dropped and counted.
    Done,
    /// What it corrects did not come yet.
    Early,
}

/// Somebody corrected what they said under the id `target`.
pub(super) fn received(ctx: &mut Ctx, said: &Said, target: &str, body: &str) -> Result<Taken> {
    let Some(row) = ctx.tx.message_named(said.chat, target, Some(said.sender))? else {
        if ctx.tx.message_named(said.chat, target, None)?.is_some() {
            ctx.tx.count("change_stranger")?;
            return Ok(Taken::Done);
        }
        return Ok(Taken::Early);
    };
    if !changes::counts(ctx, said, &row)? {
        return Ok(Taken::Done);
    }
    if row.retracted.is_some() {
        ctx.tx.count("change_retracted")?;
        return Ok(Taken::Done);
    }
    if row.body.as_deref() == Some(body) {
        // A second copy, or a correction that changes nothing.
        return Ok(Taken::Done);
    }
    let device = said.author.map(|author| author.device);
    let late = row.edited_by == device && row.edited.is_some_and(|edited| edited > said.claimed);
    match late {
        // Its sender made it before the one that shows: somebody held it back.
        true => ctx.tx.keep_revision(row.id, Some(body), said.origin_id, said.claimed)?,
        false => ctx.tx.correct(&row, body, said.origin_id, device, said.claimed)?,
    }
    Ok(Taken::Done)
}

/// Whether a correction that came before this message shows in its stead already. One that was sealed less does not count.
pub(super) fn stood_in_for(
    ctx: &mut Ctx,
    said: &Said,
    body: &str,
    stanza_id: Option<&str>,
    digest: &[u8],
) -> Result<bool> {
    let Some(origin) = said.origin_id else { return Ok(false) };
    let row = ctx.tx.message_named(said.chat, origin, Some(said.sender))?;
    let Some(row) = row.filter(|row| row.stand_in && row.origin_id.as_deref() == Some(origin)) else {
        return Ok(false);
    };
    if row.sealed < said.sealed {
        ctx.tx.count("change_unsealed")?;
        ctx.tx.set_apart(row.id)?;
        return Ok(false);
    }
    ctx.tx.fill_stand_in(&row, Some(body), stanza_id, digest)?;
    Ok(true)
}

/// Gives a message of ours another text. One that nobody saw yet is simply written anew.
pub(super) fn say(ctx: &mut Ctx, row: MessageRow, text: &str) -> Result<()> {
    changes::ours(&row)?;
    // The sender's own id, in rooms as well (XEP-0308 section 3).
    let name = row.origin_id.clone().ok_or(ErrorKind::NotChangeable)?;
    let body = text_of(text)?;
    if row.body.as_deref() == Some(&body) {
        return Ok(());
    }
    if row.state == Some(Delivery::Waiting) {
        return ctx.tx.rewrite(&row, &body, &Sha256::digest(&body));
    }
    // The correction takes the place of the whole message (XEP-0308 section 3), so it answers what that one answered.
    let reply = pump::reply(ctx, &row)?;
    let content = Content { body: Some(body.clone()), replaces: Some(name), reply, ..Content::default() };
    changes::say(ctx, &row, &content)?;
    ctx.tx.correct(&row, &body, None, Some(ctx.me.device), ctx.now.wall)
}
