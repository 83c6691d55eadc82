//! What a person asks of rooms.

use super::super::Ctx;
use super::super::want::Kind;
use super::{admission, bookmarks, drop_wants, gone, is_inside, is_person, join, members, settle};
use crate::command::RoomChange;
use crate::error::{Error, ErrorKind, Result};
use crate::model::RoomState;
use crate::store::room::RoomRow;
use jid::ResourcePart;

/// Carries out a change; a refusal changes nothing.
pub(crate) fn carry_out(ctx: &mut Ctx, room: &str, change: RoomChange) -> Result<()> {
    let jid = crate::address::bare(room)?;
    if jid.node().is_none() {
        return Err(Error::about(ErrorKind::InvalidJid, room));
    }
    let jid = jid.to_string();
    if matches!(change, RoomChange::Create { .. } | RoomChange::Join { .. }) && is_person(ctx, &jid)? {
        return Err(Error::about(ErrorKind::InvalidInput, room));
    }
    let known = ctx.tx.room(&jid)?;
    let belongs = || known.clone().filter(|row| row.wanted).ok_or_else(|| Error::about(ErrorKind::UnknownRoom, &jid));
    match change {
        RoomChange::Create { nick } => create(ctx, &jid, known, nick),
        RoomChange::Join { nick } => enter(ctx, &jid, known, nick),
        RoomChange::Leave => match known {
            Some(row) => leave(ctx, row),
            None => Err(Error::about(ErrorKind::UnknownRoom, &jid)),
        },
        RoomChange::Invite { jid: person } => {
            let row = belongs()?;
            affiliate(ctx, &row, "member", &person)
        }
        RoomChange::Remove { jid: person } => {
            let row = belongs()?;
            affiliate(ctx, &row, "none", &person)
        }
        RoomChange::Admit { jid: person } => {
            let row = belongs()?;
            let person = crate::address::bare(&person)?;
            if person == ctx.me.jid {
                return Err(Error::about(ErrorKind::OwnAddress, person.to_string()));
            }
            admission::decide(ctx, &row.jid, person.as_str(), true)
        }
        RoomChange::Accept => {
            let row = belongs()?;
            accept(ctx, row)
        }
        RoomChange::Destroy => {
            let row = belongs()?;
            may_change(ctx, &row, &["owner"])?;
            ctx.want_of(Kind::RoomDestroy, &row.jid, "")?;
            leave(ctx, row)
        }
    }
}

/// What we are called where nobody said otherwise.
pub(super) fn own_nick(ctx: &Ctx) -> String {
    ctx.me.jid.node().map_or_else(|| ctx.me.jid.domain().to_string(), ToString::to_string)
}

fn chosen(ctx: &Ctx, nick: Option<String>, known: Option<&RoomRow>) -> Result<String> {
    match (nick, known) {
        (Some(nick), _) => {
            let fits = ResourcePart::new(&nick).map_err(|_| Error::about(ErrorKind::InvalidInput, "nick"))?;
            Ok(fits.to_string())
        }
        (None, Some(row)) => Ok(row.nick.clone()),
        (None, None) => Ok(own_nick(ctx)),
    }
}

fn create(ctx: &mut Ctx, jid: &str, known: Option<RoomRow>, nick: Option<String>) -> Result<()> {
    if known.as_ref().is_some_and(|row| row.wanted) {
        return Err(Error::about(ErrorKind::RoomExists, jid));
    }
    let nick = chosen(ctx, nick, known.as_ref())?;
    let row = RoomRow {
        wanted: true,
        asked: true,
        making: 1,
        state: RoomState::Joining,
        bookmarked: known.is_some_and(|row| row.bookmarked),
        // Whoever is in it beside us will have been asked in.
        met: true,
        ..RoomRow::unknown(jid, &nick)
    };
    drop_wants(ctx, jid)?;
    ctx.tx.clear_members(jid)?;
    ctx.tx.put_room(&row)?;
    ctx.want_of(Kind::RoomInfo, jid, "")
}

fn enter(ctx: &mut Ctx, jid: &str, known: Option<RoomRow>, nick: Option<String>) -> Result<()> {
    let nick = chosen(ctx, nick, known.as_ref())?;
    let mut row = known.unwrap_or_else(|| RoomRow::unknown(jid, &nick));
    if is_inside(ctx, &row) && row.nick == nick {
        return Ok(());
    }
    drop_wants(ctx, jid)?;
    if row.state == RoomState::Refused && row.archive && row.since == 0 {
        // What was said while we did not belong to it was not for us, and no loss to show.
        row.since = ctx.now.wall;
    }
    if row.state == RoomState::Halted {
        row.resumed = ctx.now.wall;
    }
    (row.wanted, row.asked, row.nick, row.making) = (true, true, nick, 0);
    // That it banned us stays known until it lets us in, as it may not say so again.
    row.reason = row.reason.filter(|reason| reason == ErrorKind::RoomBanned.code());
    (row.state, row.stream) = (RoomState::Joining, 0);
    ctx.tx.put_room(&row)?;
    ctx.want_of(Kind::RoomInfo, jid, "")
}

fn leave(ctx: &mut Ctx, row: RoomRow) -> Result<()> {
    let left = RoomRow { wanted: false, ..row.clone() };
    bookmarks::drop(ctx, &left)?;
    // Who comes back after leaving comes to whom they find there. Whoever was put out did not choose that.
    let row = RoomRow { met: row.met && !row.wanted, ..row };
    go(ctx, row)
}

/// Goes out and stays out. What waits to be said there stays unsaid.
pub(super) fn go(ctx: &mut Ctx, mut row: RoomRow) -> Result<()> {
    if ctx.online && (is_inside(ctx, &row) || ctx.tx.find_want(Kind::RoomJoin.code(), &row.jid, "")?.is_some()) {
        join::leave(ctx, &row)?;
    }
    drop_wants(ctx, &row.jid)?;
    members::give_up(ctx, &row.jid)?;
    ctx.tx.clear_inbox_of(&row.jid)?;
    (row.wanted, row.stream, row.making, row.since) = (false, 0, 0, 0);
    (row.state, row.reason, row.accepted) = (RoomState::Left, None, String::new());
    gone(ctx, &row)?;
    if ctx.tx.was_inside(&row.jid)? {
        return Ok(());
    }
    ctx.tx.close_chat(&row.jid, ErrorKind::RoomNotFound.code())?;
    ctx.tx.forget_room(&row.jid)
}

/// A person agrees to what the room is now.
fn accept(ctx: &mut Ctx, mut row: RoomRow) -> Result<()> {
    let held = ctx.tx.waiting_messages()?.iter().any(|message| message.chat == row.jid && message.sent < row.resumed);
    if row.state != RoomState::Halted && row.open_flaws().is_empty() && !held {
        return Err(Error::about(ErrorKind::RoomIsPrivate, &row.jid));
    }
    row.accepted = row.flaws.clone();
    row.asked = true;
    settle(ctx, row.clone())?;
    if let Some(row) = ctx.tx.room(&row.jid)? {
        // What waited goes to all who belong to it now: a person said so.
        ctx.tx.put_room(&RoomRow { resumed: 0, ..row })?;
    }
    if is_inside(ctx, &row) { Ok(()) } else { ctx.want_of(Kind::RoomInfo, &row.jid, "") }
}

fn affiliate(ctx: &mut Ctx, row: &RoomRow, affiliation: &str, person: &str) -> Result<()> {
    let jid = crate::address::bare(person)?;
    // A server is nobody, and a room cannot be in one: whatever its service has beside it is a room, too.
    let beside = |room: jid::BareJid| room.domain() == jid.domain() && jid.domain() != ctx.me.jid.domain();
    if jid.node().is_none() || crate::address::bare(&row.jid).is_ok_and(beside) || ctx.tx.is_room(jid.as_str())? {
        return Err(Error::about(ErrorKind::NobodyThere, person));
    }
    if jid == ctx.me.jid {
        return Err(Error::about(ErrorKind::OwnAddress, person));
    }
    may_change(ctx, row, &["owner", "admin"])?;
    let is_one = ctx.tx.affiliation(&row.jid, jid.as_str())?;
    if affiliation == "member" && matches!(is_one.as_deref(), Some("owner" | "admin")) {
        // To name them a member would take from them what they are; but our list may be older than their removal.
        members::fetch(ctx, &row.jid)?;
    }
    members::change(ctx, &row.jid, affiliation, jid.as_str())
}

/// Whether we are one of these to the room. While that is not known, the room says.
fn may_change(ctx: &Ctx, row: &RoomRow, who: &[&str]) -> Result<()> {
    let own = ctx.tx.affiliation(&row.jid, ctx.me.jid.as_str())?;
    match own {
        Some(own) if !who.contains(&own.as_str()) => Err(Error::about(ErrorKind::RoomForbidden, &row.jid)),
        _ => Ok(()),
    }
}

/// Whether a person may say something there, or why not. What is said on the way in waits.
pub(crate) fn may_send(ctx: &Ctx, room: &str) -> Result<()> {
    let Some(row) = ctx.tx.room(room)? else { return Ok(()) };
    match row.state {
        RoomState::Halted => Err(Error::about(ErrorKind::RoomNotPrivate, room)),
        _ if !row.wanted => Err(Error::about(ErrorKind::NotJoined, room)),
        _ => Ok(()),
    }
}
