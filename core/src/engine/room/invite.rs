//! Invitations: direct ones (XEP-0249) out and in, those through the room (XEP-0045 section 7.8.2) in.
//!
//! Ours go in clear: they name the room and whom we ask, which the servers of both learn from the list of members and from
//! the first presence anyway, and every client understands them. They can say nothing else (`seal`).

use super::super::xml::bare_of;
use super::super::{Ctx, ns};
use crate::error::Result;
use crate::model::RoomState;
use crate::seal::Sealed;
use crate::store::outgoing::Fate;
use crate::store::room::RoomRow;
use jid::BareJid;
use minidom::Element;

/// Invitations that wait for a person; more are dropped.
const MOST: usize = 200;

/// Asks somebody to come in.
pub(super) fn send(ctx: &mut Ctx, room: &BareJid, jid: &BareJid) -> Result<()> {
    let id = ctx.fresh_id();
    ctx.tx.queue(Fate::Again, None, &Sealed::invitation(&id, jid, room), "[]")?;
    Ok(())
}

/// Takes an invitation; false if the message is none. It is only shown: going in is for a person.
pub(crate) fn received(ctx: &mut Ctx, sender: &BareJid, message: &Element, stamp: Option<i64>) -> Result<bool> {
    let direct = message.get_child("x", ns::CONFERENCE).and_then(|x| bare_of(x, "jid"));
    let through = message.get_child("x", ns::MUC_USER).and_then(|user| user.get_child("invite", ns::MUC_USER));
    let (room, inviter) = match (through, direct) {
        // A room speaks for itself only.
        (Some(invite), _) => (sender.clone(), bare_of(invite, "from")),
        (None, Some(room)) => (room, Some(sender.clone())),
        (None, None) => return Ok(false),
    };
    if *sender == ctx.me.jid {
        return Ok(true);
    }
    if room.node().is_none() || super::is_person(ctx, room.as_str())? {
        ctx.tx.count("invitation_odd")?;
        return Ok(true);
    }
    let inviter = inviter.map(|inviter| inviter.to_string());
    let blocked = match &inviter {
        Some(inviter) => ctx.tx.contact(inviter)?.is_some_and(|contact| contact.blocked),
        None => false,
    };
    let waiting = ctx.tx.rooms()?.iter().filter(|row| row.state == RoomState::Invited).count();
    if blocked || waiting >= MOST {
        ctx.tx.count("invitation_dropped")?;
        return Ok(true);
    }
    let nick = super::commands::own_nick(ctx);
    let mut row = ctx.tx.room(room.as_str())?.unwrap_or_else(|| RoomRow::unknown(room.as_str(), &nick));
    if row.wanted {
        return Ok(true);
    }
    let since = stamp.unwrap_or(ctx.now.wall);
    let older = row.since > 0 && row.since < since && row.state == RoomState::Invited;
    row.since = if older { row.since } else { since };
    (row.state, row.reason, row.inviter) = (RoomState::Invited, None, inviter);
    ctx.tx.put_room(&row)?;
    Ok(true)
}
