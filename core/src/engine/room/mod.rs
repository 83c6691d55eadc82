//! Rooms (XEP-0045): groups in which everybody knows who is there, for members only.
//!
//! A room is a chat whose other side are its members. What is true of it lies in rows; what is to be asked is a want. Each
//! new stream joins all wanted rooms again: configuration first (`info`), then the way in (`join`), then the members
//! (`members`) and the archive (`archive`). Messages go out only while we are inside, the archive was read and nobody
//! made the room less private than it was.
//!
//! Who wrote something is what the room says, never what the message says of itself; whether it is theirs is for OMEMO.

pub(crate) mod admission;
pub(crate) mod archive;
pub(crate) mod bookmarks;
pub(crate) mod commands;
mod configure;
mod info;
pub(crate) mod invite;
pub(crate) mod join;
pub(crate) mod members;
pub(crate) mod message;
pub(crate) mod occupants;
pub(crate) mod outbox;
pub(crate) mod ping;
pub(crate) mod spoken;

#[cfg(test)]
mod tests;

use super::want::{Answer, Kind, Question};
use super::{Ctx, mam};
use crate::error::{ErrorKind, Result};
use crate::model::RoomState;
use crate::store::room::RoomRow;
use crate::store::want::WantRow;

/// What is asked anew on each stream, or when we come in again.
const OF_STREAM: [Kind; 8] = [
    Kind::RoomInfo,
    Kind::RoomJoin,
    Kind::RoomForm,
    Kind::RoomConfigure,
    Kind::RoomMembers,
    Kind::RoomPage,
    Kind::RoomPing,
    Kind::Bookmarks,
];

/// Nothing of the last stream counts, before anything is asked on a new one.
pub(crate) fn forget(ctx: &mut Ctx) -> Result<()> {
    for kind in OF_STREAM {
        ctx.tx.unwant_kind(kind.code())?;
    }
    for mut row in ctx.tx.rooms()? {
        let kept = row.bookmarked || row.state == RoomState::Invited || ctx.tx.was_inside(&row.jid)?;
        if !row.wanted && (!kept || is_person(ctx, &row.jid)?) {
            // Nobody looks at the refusal any more, and nothing is to be taken for a room's that is not.
            ctx.tx.forget_room(&row.jid)?;
            continue;
        }
        row.stream = 0;
        if row.wanted && row.state == RoomState::Joined {
            row.state = RoomState::Joining;
        }
        ctx.tx.put_room(&row)?;
        ctx.tx.clear_occupants(&row.jid)?;
        ctx.tx.doubt_unreflected(&row.jid)?;
    }
    Ok(())
}

/// A new stream: our bookmarks are read, and the wanted rooms joined.
pub(crate) fn begin(ctx: &mut Ctx) -> Result<()> {
    ctx.want_own(Kind::Bookmarks, "")?;
    for row in ctx.tx.rooms()?.iter().filter(|row| row.wanted) {
        ctx.want_of(Kind::RoomInfo, &row.jid, "")?;
    }
    Ok(())
}

/// Whether a want of this kind is put for as long as it stands, however often nobody answered.
pub(crate) fn is_needed(kind: &str) -> bool {
    [Kind::RoomInfo, Kind::RoomJoin, Kind::RoomPing, Kind::RoomAffiliate].iter().any(|needed| needed.code() == kind)
}

/// The question of a want of this folder.
pub(crate) fn question(ctx: &mut Ctx, kind: Kind, row: &WantRow) -> Result<Option<Question>> {
    Ok(match kind {
        Kind::RoomInfo => Some(super::disco::question()),
        Kind::RoomForm => Some(configure::form_question()),
        Kind::RoomConfigure => Some(configure::question(row)),
        Kind::RoomDestroy => Some(configure::destroy_question()),
        Kind::RoomMembers => Some(members::question(row)),
        Kind::RoomAffiliate => members::change_question(ctx, row)?,
        Kind::RoomPage => archive::question(ctx, row)?,
        Kind::RoomPing => Some(super::ping::question()),
        Kind::Bookmarks => Some(bookmarks::question()),
        Kind::Bookmark => bookmarks::change_question(ctx, row)?,
        _ => None,
    })
}

/// The answer to a want of this folder.
pub(crate) fn answered(ctx: &mut Ctx, kind: Kind, row: &WantRow, answer: Answer) -> Result<()> {
    match kind {
        Kind::Bookmarks => return bookmarks::answered(ctx, row, answer),
        Kind::Bookmark => return bookmarks::changed(ctx, row, answer),
        _ => {}
    }
    let Some(room) = ctx.tx.room(&row.jid)? else { return ctx.drop_want(row) };
    match kind {
        Kind::RoomInfo => info::answered(ctx, room, row, answer),
        Kind::RoomForm => configure::form_answered(ctx, room, row, answer),
        Kind::RoomConfigure => configure::answered(ctx, room, row, answer),
        Kind::RoomMembers => members::answered(ctx, room, row, answer),
        Kind::RoomAffiliate => members::changed(ctx, room, row, answer),
        Kind::RoomPage => archive::answered(ctx, room, row, answer),
        Kind::RoomPing => ping::answered(ctx, room, row, answer),
        _ => ctx.drop_want(row),
    }
}

/// Whether we are inside, on this stream.
pub(crate) fn is_inside(ctx: &Ctx, row: &RoomRow) -> bool {
    ctx.online && row.stream == ctx.stream && row.stream != 0
}

/// Whether all rooms that answer are joined and their archives read.
pub(crate) fn is_settled(ctx: &Ctx) -> Result<bool> {
    for row in ctx.tx.rooms()?.iter().filter(|row| row.wanted) {
        if is_inside(ctx, row) {
            if !archive::is_over(ctx, row)? {
                return Ok(false);
            }
            continue;
        }
        for kind in [Kind::RoomInfo, Kind::RoomJoin] {
            let want = ctx.tx.find_want(kind.code(), &row.jid, "")?;
            if want.is_some_and(|want| want.tries == 0 || (want.tries == 1 && want.iq.is_some())) {
                return Ok(false);
            }
        }
    }
    Ok(!ctx.tx.any_fresh(&[Kind::Bookmarks.code()])?)
}

/// Whether the archive of a room that we are in is not read to its end: pre-keys that were used may be met again.
pub(crate) fn is_behind(ctx: &Ctx) -> Result<bool> {
    for row in ctx.tx.rooms()?.iter().filter(|row| row.wanted && is_inside(ctx, row)) {
        if !archive::is_over(ctx, row)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What keeps messages of this chat from going out now, if it is a room; a kind of failure where a person has to act.
pub(crate) fn held_by(ctx: &Ctx, chat: &str) -> Result<Option<&'static str>> {
    let Some(row) = ctx.tx.room(chat)? else { return Ok(None) };
    if !ctx.tx.is_room(chat)? {
        return Ok(None);
    }
    Ok(match row.state {
        RoomState::Halted => Some(ErrorKind::RoomNotPrivate.code()),
        _ if !row.wanted => Some(ErrorKind::NotJoined.code()),
        // A change of its configuration was told: first we look.
        _ if !is_inside(ctx, &row) || row.making != 0 || is_looked_at(ctx, &row)? => Some("room_joining"),
        _ if !archive::is_over(ctx, &row)? || !mam::is_over(ctx)? => Some("room_archive"),
        _ if members::are_fetched(ctx, &row)? => None,
        _ => Some("room_members"),
    })
}

fn is_looked_at(ctx: &Ctx, row: &RoomRow) -> Result<bool> {
    Ok(ctx.tx.find_want(Kind::RoomInfo.code(), &row.jid, "")?.is_some())
}

/// It let us not in, or not stay: nothing more is tried until a person asks for it.
fn refuse(ctx: &mut Ctx, mut row: RoomRow, kind: ErrorKind) -> Result<()> {
    drop_wants(ctx, &row.jid)?;
    (row.state, row.reason, row.wanted, row.stream, row.making) =
        (RoomState::Refused, Some(kind.code().to_owned()), false, 0, 0);
    members::give_up(ctx, &row.jid)?;
    gone(ctx, &row)?;
    // Where we never were inside only the refusal stays, until the next stream, for a person to see.
    if ctx.tx.is_room(&row.jid)? { Ok(()) } else { ctx.tx.close_chat(&row.jid, kind.code()) }
}

/// Whether this is somebody and no room: ourselves, a contact, or the other side of a chat. A word of a stranger must not
/// make a room of them, as nothing could be said to them any more.
fn is_person(ctx: &Ctx, jid: &str) -> Result<bool> {
    if jid == ctx.me.jid.as_str() {
        return Ok(true);
    }
    if ctx.tx.was_inside(jid)? {
        return Ok(false);
    }
    let rostered = ctx.tx.contact(jid)?.is_some_and(|contact| contact.rostered);
    let wanted = ctx.tx.room(jid)?.is_some_and(|row| row.wanted);
    Ok(rostered || (!wanted && ctx.tx.is_talk(jid)?))
}

/// We are not inside any more.
fn gone(ctx: &mut Ctx, row: &RoomRow) -> Result<()> {
    ctx.tx.clear_occupants(&row.jid)?;
    ctx.tx.doubt_unreflected(&row.jid)?;
    ctx.tx.put_room(row)
}

/// Nothing that was under way with this room means anything now.
fn drop_wants(ctx: &mut Ctx, room: &str) -> Result<()> {
    for kind in OF_STREAM {
        ctx.tx.unwant_of(kind.code(), room)?;
    }
    ctx.tx.unwant_of("drain", room)
}

/// We were put out without anybody meaning us: in again, after `pause` milliseconds.
fn again(ctx: &mut Ctx, mut row: RoomRow, pause: i64) -> Result<()> {
    drop_wants(ctx, &row.jid)?;
    row.stream = 0;
    if row.state == RoomState::Joined {
        row.state = RoomState::Joining;
    }
    gone(ctx, &row)?;
    ctx.tx.want(Kind::RoomInfo.code(), &row.jid, "", &row.jid, ctx.now.wall + pause)
}

/// What follows from where we stand: inside, and whether anything may be said there.
fn settle(ctx: &mut Ctx, mut row: RoomRow) -> Result<()> {
    let private = row.open_flaws().is_empty();
    let before = row.state;
    (row.state, row.reason) = match (private, is_inside(ctx, &row) && row.making == 0) {
        (false, _) => (RoomState::Halted, Some(ErrorKind::RoomNotPrivate.code().to_owned())),
        (true, true) => (RoomState::Joined, None),
        (true, false) => (RoomState::Joining, None),
    };
    if is_inside(ctx, &row) && row.state != before {
        // Nobody tells us of members who were named while they were not inside: before anything more is sealed we look.
        members::fetch(ctx, &row.jid)?;
    }
    if before == RoomState::Halted && private {
        // Who came in meanwhile is not to get what was written before.
        row.resumed = ctx.now.wall;
    }
    ctx.tx.put_room(&row)?;
    members::ask_waiting(ctx)
}

/// Whether this was written before the room was less private than it is, so that it is not for who came in since.
pub(crate) fn is_from_before_a_halt(ctx: &Ctx, chat: &str, written: i64) -> Result<bool> {
    Ok(ctx.tx.room(chat)?.is_some_and(|row| written < row.resumed))
}
