//! The way into a room (XEP-0045 section 7.2): a presence asks, and presences answer.

use super::super::want::Kind;
use super::super::xml::{Build, el, error_condition};
use super::super::{Ctx, disco, ns};
use super::{again, archive, bookmarks, gone, info, members, ping, refuse, settle};
use crate::error::{ErrorKind, Result};
use crate::model::{RoomState, Time};
use crate::store::room::RoomRow;
use crate::store::want::WantRow;
use minidom::Element;

/// So often another nick is tried when ours is taken.
const NICKS: u32 = 9;
/// How far before the newest message the memory of a room without an archive is asked for: clocks differ. Milliseconds.
const OVERLAP: i64 = 60_000;
/// How long to wait before a room that cannot be reached is tried again; doubled each time, milliseconds.
const AWAY_PAUSE: i64 = 5_000;

/// Sends the presence that asks to come in. False: nobody wants that any more.
pub(crate) fn ask(ctx: &mut Ctx, want: &WantRow, id: &str) -> Result<bool> {
    let Some(row) = ctx.tx.room(&want.jid)?.filter(|row| row.wanted) else { return Ok(false) };
    ctx.tx.clear_occupants(&row.jid)?;
    // What was said while we were away is for the archive to tell; only without one the room's own memory has to do.
    let newest = ctx.tx.newest_in(&row.jid)?.map_or(0, |newest| newest - OVERLAP).max(row.since);
    let history = match row.archive || newest == 0 {
        true => el("history", ns::MUC).at("maxstanzas", "0"),
        false => el("history", ns::MUC).at("since", Time(newest).to_string()),
    };
    let presence = el("presence", ns::CLIENT)
        .at("to", format!("{}/{}", row.jid, row.nick))
        .at("id", id)
        .kid(el("x", ns::MUC).kid(history))
        .kid(disco::caps());
    ctx.send(&presence)?;
    Ok(true)
}

/// We are inside, under this nick.
pub(super) fn inside(ctx: &mut Ctx, mut row: RoomRow, nick: &str, codes: &[&str]) -> Result<()> {
    ctx.tx.unwant(Kind::RoomJoin.code(), &row.jid, "")?;
    if !row.wanted {
        return leave(ctx, &row);
    }
    if super::is_inside(ctx, &row) {
        row.nick = nick.to_owned();
        return ctx.tx.put_room(&row);
    }
    (row.stream, row.nick) = (ctx.stream, nick.to_owned());
    match (row.making, codes.contains(&"201")) {
        (1, true) => (row.making, row.since) = (2, ctx.now.wall),
        (1, false) => {
            leave(ctx, &row)?;
            return refuse(ctx, row, ErrorKind::RoomExists);
        }
        // It was gone since we asked, and our coming made it anew: that is not the one that was meant.
        (0, true) => {
            ctx.want_of(Kind::RoomDestroy, &row.jid, "")?;
            leave(ctx, &row)?;
            return refuse(ctx, row, ErrorKind::RoomNotFound);
        }
        _ => {}
    }
    ctx.tx.put_room(&row)?;
    ctx.tx.set_complete(&row.jid, 0)?;
    members::fetch(ctx, &row.jid)?;
    ping::later(ctx, &row)?;
    if row.making != 0 {
        return ctx.want_of(Kind::RoomForm, &row.jid, "");
    }
    bookmarks::keep(ctx, &row)?;
    archive::begin(ctx, &row)?;
    settle(ctx, row)
}

/// Tells the room that we go.
pub(super) fn leave(ctx: &mut Ctx, row: &RoomRow) -> Result<()> {
    let to = format!("{}/{}", row.jid, row.nick);
    ctx.send(&el("presence", ns::CLIENT).at("to", to).at("type", "unavailable"))
}

/// We are not let in.
pub(super) fn refused(ctx: &mut Ctx, mut row: RoomRow, presence: &Element) -> Result<()> {
    let Some(want) = ctx.tx.find_want(Kind::RoomJoin.code(), &row.jid, "")? else {
        return ctx.tx.count("presence_error_unasked");
    };
    let condition = error_condition(presence);
    let passing = presence.get_child("error", ns::CLIENT).is_some_and(|error| error.attr("type") == Some("wait"));
    let kind = match condition.as_str() {
        "conflict" => {
            let (nick, tried) = numbered(&row.nick);
            if tried >= NICKS {
                return refuse(ctx, row, ErrorKind::RoomNick);
            }
            row.nick = nick;
            ctx.tx.put_room(&row)?;
            return ctx.later(&want, 0);
        }
        // Whom a room banned it may call no member either; that it banned us it said when it did.
        "registration-required" if row.reason.as_deref() == Some(ErrorKind::RoomBanned.code()) => ErrorKind::RoomBanned,
        "registration-required" => ErrorKind::RoomMembersOnly,
        "forbidden" => ErrorKind::RoomBanned,
        "not-authorized" => ErrorKind::RoomPassword,
        "item-not-found" | "gone" => ErrorKind::RoomNotFound,
        "service-unavailable" => ErrorKind::RoomFull,
        "jid-malformed" | "not-acceptable" => ErrorKind::RoomNick,
        "not-allowed" | "bad-request" => ErrorKind::RoomRefused,
        _ => {
            (row.state, row.reason) = (RoomState::Joining, Some(ErrorKind::RoomRefused.code().to_owned()));
            ctx.tx.put_room(&row)?;
            return ctx.later(&want, AWAY_PAUSE << want.tries.min(8));
        }
    };
    if passing && kind == ErrorKind::RoomFull {
        (row.state, row.reason) = (RoomState::Joining, Some(kind.code().to_owned()));
        ctx.tx.put_room(&row)?;
        return ctx.later(&want, AWAY_PAUSE << want.tries.min(8));
    }
    refuse(ctx, row, kind)
}

/// The next nick to try, and how many were tried so far: `juliet`, `juliet 2`, `juliet 3` …
fn numbered(nick: &str) -> (String, u32) {
    let parts = nick.rsplit_once(' ').and_then(|(name, number)| Some((name, number.parse::<u32>().ok()?)));
    let (name, number) = parts.unwrap_or((nick, 1));
    (format!("{name} {}", number + 1), number)
}

/// We are out (XEP-0045 section 5.1.3 and the registry of status codes).
pub(super) fn out(ctx: &mut Ctx, row: RoomRow, codes: &[&str], destroyed: bool) -> Result<()> {
    if !row.wanted {
        return gone(ctx, &RoomRow { stream: 0, ..row });
    }
    let has = |code: &str| codes.contains(&code);
    if destroyed {
        return refuse(ctx, row, ErrorKind::RoomDestroyed);
    }
    if has("301") {
        return refuse(ctx, row, ErrorKind::RoomBanned);
    }
    if has("321") || has("322") {
        let own = ctx.bare();
        ctx.tx.drop_member(&row.jid, &own)?;
        return refuse(ctx, row, ErrorKind::RoomRemoved);
    }
    // 333: a stanza to us was lost, which some rooms call a kick.
    if has("307") && !has("333") {
        return refuse(ctx, row, ErrorKind::RoomKicked);
    }
    again(ctx, row, AWAY_PAUSE)
}

/// The configuration of the room changed.
pub(super) fn reconfigured(ctx: &mut Ctx, codes: &[&str], room: &str) -> Result<()> {
    let of_privacy = ["104", "170", "171", "172", "173", "174"];
    if codes.iter().any(|code| of_privacy.contains(code)) { info::look_again(ctx, room) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn a_taken_nick_gets_a_number() {
        assert_eq!(numbered("juliet"), ("juliet 2".into(), 1));
        assert_eq!(numbered("juliet 9"), ("juliet 10".into(), 9));
        assert_eq!(numbered("juliet c"), ("juliet c 2".into(), 1));
    }
}
