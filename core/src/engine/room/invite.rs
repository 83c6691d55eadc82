//! Invitations: direct ones (XEP-0249) out and in, those through the room (XEP-0045 section 7.8.2) in.
//!
//! Ours go in clear: they name the room and whom we ask, which the servers of both learn from the list of members and from
//! the first presence anyway, and every client understands them. They can say nothing else (`seal`).

use super::super::xml::{bare_of, jid_of};
use super::super::{Ctx, ns};
use crate::error::Result;
use crate::model::RoomState;
use crate::seal::Sealed;
use crate::store::outgoing::Fate;
use crate::store::room::RoomRow;
use jid::BareJid;
use minidom::Element;

/// Invitations of strangers that wait for a person; more are dropped.
const MOST: usize = 200;
/// Those from one server, be it the inviter's or the room's.
const MOST_OF_SERVER: usize = 20;
/// Those of one inviter, contacts too.
const MOST_OF_ONE: usize = 10;

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
    // A room speaks for itself only, and by its bare address; a person speaks for themselves only.
    let speaks_as_room = jid_of(message, "from").is_some_and(|from| from.resource().is_none());
    let invitation = match (through, direct) {
        (Some(invite), _) if speaks_as_room => {
            Invitation { room: sender.clone(), inviter: bare_of(invite, "from"), source: sender }
        }
        (_, Some(room)) => Invitation { room, inviter: Some(sender.clone()), source: sender },
        (Some(_), None) => {
            ctx.tx.count("invitation_odd")?;
            return Ok(true);
        }
        (None, None) => return Ok(false),
    };
    if *sender == ctx.me.jid {
        return Ok(true);
    }
    if invitation.room.node().is_none() || super::is_person(ctx, invitation.room.as_str())? {
        ctx.tx.count("invitation_odd")?;
        return Ok(true);
    }
    if is_unwanted(ctx, &invitation)? {
        ctx.tx.count("invitation_dropped")?;
        return Ok(true);
    }
    let Invitation { room, inviter, .. } = invitation;
    let inviter = inviter.map(|inviter| inviter.to_string());
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

/// What an invitation says, and who really sent it.
struct Invitation<'a> {
    room: BareJid,
    inviter: Option<BareJid>,
    source: &'a BareJid,
}

/// Whether there are enough of its kind, or somebody invites who is blocked. Whom a room names as the inviter is the room's
/// word alone: as a contact counts only who invites by themselves. What strangers send crowds no contact out.
fn is_unwanted(ctx: &Ctx, invitation: &Invitation) -> Result<bool> {
    let rows = ctx.tx.rooms()?;
    if rows.iter().any(|row| row.jid == invitation.room.as_str() && row.state == RoomState::Invited) {
        return Ok(false);
    }
    let inviter = invitation.inviter.as_ref().map(|jid| jid.as_str());
    for jid in inviter.into_iter().chain([invitation.source.as_str()]) {
        if ctx.tx.contact(jid)?.is_some_and(|contact| contact.blocked) {
            return Ok(true);
        }
    }
    let waiting: Vec<&RoomRow> = rows.iter().filter(|row| row.state == RoomState::Invited && !row.bookmarked).collect();
    let of_one = waiting.iter().filter(|row| row.inviter.as_deref() == inviter).count();
    let known = ctx.tx.contact(invitation.source.as_str())?.is_some_and(|contact| contact.rostered);
    if known || of_one >= MOST_OF_ONE {
        return Ok(of_one >= MOST_OF_ONE);
    }
    let server = invitation.source.domain().as_str();
    let is_there = |jid: &str| BareJid::new(jid).is_ok_and(|jid| jid.domain().as_str() == server);
    let of_server = |row: &&&RoomRow| is_there(&row.jid) || row.inviter.as_deref().is_some_and(is_there);
    Ok(waiting.len() >= MOST || waiting.iter().filter(of_server).count() >= MOST_OF_SERVER)
}
