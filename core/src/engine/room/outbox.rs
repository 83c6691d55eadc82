//! Our messages until the room sent them back. A room may have put us out without a word, and then says only that we are
//! not inside: nothing of that is lost. What its archive does not show goes again once we are inside, the same bytes, so
//! that a reader who has the first copy after all drops the second.

use super::super::Ctx;
use super::super::ns;
use super::super::xml::{Build, el, parse};
use crate::error::{ErrorKind, Result};
use crate::model::{Delivery, Time, Trust};
use crate::seal::Sealed;
use crate::store::message::MessageRow;
use crate::store::outgoing::Fate;

/// A message was sealed for a room: its bytes stay until the room sends them back. How they go out besides.
pub(crate) fn keep(ctx: &mut Ctx, row: &MessageRow, stanza: &Sealed, devices: &str) -> Result<Fate> {
    if !ctx.tx.is_room(&row.chat)? {
        return Ok(Fate::Message);
    }
    ctx.tx.keep_unreflected(row.id, &row.chat, stanza.as_bytes(), devices)?;
    ctx.tx.look_for_keyless(&row.chat)?;
    // A server that holds its lists back must not keep the first contact open for ever.
    super::admission::close(ctx, &row.chat)?;
    Ok(Fate::Stream)
}

/// The room sent it back, live or in its archive: everybody inside has it.
pub(crate) fn reflected(ctx: &mut Ctx, message: i64) -> Result<()> {
    ctx.tx.drop_unreflected(message)?;
    ctx.tx.drop_outgoing_of(message)?;
    ctx.tx.climb(message, Delivery::Delivered, None)?;
    Ok(())
}

/// A message came back as not delivered. True: not for good, as we were only not inside.
pub(crate) fn bounced(ctx: &mut Ctx, row: &MessageRow, condition: &str) -> Result<bool> {
    let Some(room) = ctx.tx.room(&row.chat)? else { return Ok(false) };
    let outside = matches!(
        condition,
        "not-acceptable" | "recipient-unavailable" | "remote-server-not-found" | "remote-server-timeout" | "gone"
    );
    if !outside || !ctx.tx.is_unreflected(row.id)? {
        ctx.tx.drop_unreflected(row.id)?;
        return Ok(false);
    }
    ctx.tx.count("room_bounced")?;
    if room.wanted && super::is_inside(ctx, &room) {
        super::again(ctx, room, 0)?;
    } else {
        ctx.tx.doubt_unreflected(&room.jid)?;
    }
    Ok(true)
}

/// The archive was read: what it does not have goes again. What names a device distrusted since does not.
pub(super) fn again(ctx: &mut Ctx, room: &str) -> Result<()> {
    for kept in ctx.tx.take_doubted(room)? {
        let Some(row) = ctx.tx.message(kept.message)? else {
            ctx.tx.drop_unreflected(kept.message)?;
            continue;
        };
        let devices: Vec<(String, u32)> = serde_json::from_str(&kept.devices).unwrap_or_default();
        let mut distrusted = false;
        for (jid, device) in &devices {
            distrusted |= ctx.tx.device(jid, *device)?.is_some_and(|row| row.trust == Trust::Distrusted);
        }
        if distrusted || row.state == Some(Delivery::Failed) {
            ctx.tx.drop_unreflected(row.id)?;
            ctx.tx.climb(row.id, Delivery::Failed, Some(ErrorKind::DeviceChanged.code()))?;
            continue;
        }
        let stanza = String::from_utf8(kept.bytes).ok().and_then(|text| parse(&text)).ok_or(ErrorKind::DamagedStore)?;
        let late = el("delay", ns::DELAY).at("stamp", Time(row.sent).to_string());
        let late = (!stanza.has_child("delay", ns::DELAY)).then_some(late);
        ctx.tx.drop_outgoing_of(row.id)?;
        ctx.tx.queue(Fate::Stream, Some(row.id), &Sealed::message(&stanza.kids(late))?, &kept.devices)?;
    }
    Ok(())
}
