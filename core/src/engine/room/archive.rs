//! A room's archive (XEP-0313): read to its end each time that we come in, from a cursor of its own. Until then its live
//! messages wait in the inbox, as those of our own archive do (`mam`).

use super::super::want::{Answer, Kind, Question};
use super::super::xml::{Build, el, jid_of};
use super::super::{Ctx, mam, ns, pubsub};
use super::{is_inside, message, outbox};
use crate::error::Result;
use crate::model::Time;
use crate::store::room::RoomRow;
use crate::store::want::WantRow;
use minidom::Element;

/// So often a page is asked for before messages come and go without it.
const TRIES: u32 = 3;
/// How long to wait before an archive that refused is asked again; doubled each time, milliseconds.
const REFUSED_PAUSE: i64 = 5_000;
/// How far before the newest known message we go on when the room forgot our cursor, milliseconds.
const OVERLAP: i64 = 24 * 3600 * 1000;
/// Members seal for us from the moment that an admin named us, which is a little before we were told. Milliseconds.
const BEFORE_INVITATION: i64 = 60_000;
/// The arguments of wants that go on by time: behind the newest message that we have, or since we belong to the room.
const BY_TIME: &str = "by time";
const SINCE: &str = "since";

/// Our own archive was read, after which rooms come: all in which we are.
pub(crate) fn begin_all(ctx: &mut Ctx) -> Result<()> {
    for row in ctx.tx.rooms()? {
        if is_inside(ctx, &row) && row.making == 0 {
            begin(ctx, &row)?;
        }
    }
    Ok(())
}

/// Begins to read, once our own archive was read: what was said there may open what was said here.
pub(super) fn begin(ctx: &mut Ctx, row: &RoomRow) -> Result<()> {
    if !mam::is_over(ctx)? || is_over(ctx, row)? {
        return Ok(());
    }
    if !row.archive {
        return finish(ctx, &row.jid);
    }
    let cursor = ctx.tx.archive(&row.jid)?.and_then(|archive| archive.cursor);
    let fresh = cursor.is_none_or(|cursor| cursor.is_empty());
    ctx.want_of(Kind::RoomPage, &row.jid, if fresh && row.since > 0 { SINCE } else { "" })
}

/// Whether messages come and go as they are: we are inside, and the archive was read or does not answer.
pub(crate) fn is_over(ctx: &Ctx, row: &RoomRow) -> Result<bool> {
    let archive = ctx.tx.archive(&row.jid)?;
    Ok(is_inside(ctx, row) && archive.is_some_and(|archive| archive.complete == ctx.stream))
}

/// Whether it is read for the first time: what is not for us there was said before anybody knew of us.
pub(crate) fn is_first(ctx: &Ctx, room: &str) -> Result<bool> {
    Ok(ctx.tx.room(room)?.is_some_and(|row| row.since > 0))
}

/// The next page; of a room that we never looked at and of which we do not know since when it is ours, the newest id only.
pub(super) fn question(ctx: &mut Ctx, want: &WantRow) -> Result<Option<Question>> {
    let Some(row) = ctx.tx.room(&want.jid)?.filter(|row| is_inside(ctx, row)) else { return Ok(None) };
    let archive = ctx.tx.archive(&row.jid)?;
    let start = match want.arg.as_str() {
        SINCE => Some(row.since - BEFORE_INVITATION),
        BY_TIME => Some(archive.as_ref().map_or(0, |archive| archive.newest) - OVERLAP),
        _ => None,
    };
    let stamp = start.map(|start| Time(start.max(0)).to_string());
    let form = stamp.map(|stamp| pubsub::form(ns::MAM, &[("start", stamp.as_str())]));
    let page = || el("set", ns::RSM).kid(el("max", ns::RSM).words(mam::PAGE));
    let set = match (want.arg.as_str(), archive.and_then(|archive| archive.cursor)) {
        (SINCE | BY_TIME, _) => page(),
        ("", None) => el("set", ns::RSM).kid(el("max", ns::RSM).words("1")).kid(el("before", ns::RSM)),
        ("", Some(cursor)) if cursor.is_empty() => page(),
        ("", Some(cursor)) => page().kid(el("after", ns::RSM).words(cursor)),
        (after, _) => page().kid(el("after", ns::RSM).words(after)),
    };
    let query = el("query", ns::MAM).at("queryid", query_id(ctx.stream));
    Ok(Some(Question::set(query.kids(form).kid(set))))
}

/// Ties results to the questions of this stream.
fn query_id(stream: i64) -> String {
    format!("room-{stream}")
}

/// An archived message of a room; false if it is none. Only the room itself may answer, and only what we asked on this stream.
pub(crate) fn result(ctx: &mut Ctx, outer: &Element, result: &Element) -> Result<bool> {
    let Some(from) = jid_of(outer, "from").filter(|from| from.resource().is_none()) else { return Ok(false) };
    let Some(row) = ctx.tx.room(from.as_str())? else { return Ok(false) };
    let wants = ctx.tx.wants_about(Kind::RoomPage.code(), &row.jid)?;
    let Some(want) = wants.first().filter(|_| result.attr("queryid") == Some(&query_id(ctx.stream))) else {
        return Ok(false);
    };
    let forwarded = result.get_child("forwarded", ns::FORWARD);
    let inner = forwarded.and_then(|forwarded| forwarded.get_child("message", ns::CLIENT));
    let (Some(id), Some(forwarded), Some(inner)) = (result.attr("id"), forwarded, inner) else {
        ctx.tx.count("archive_malformed")?;
        return Ok(true);
    };
    let never_looked = ctx.tx.archive(&row.jid)?.and_then(|archive| archive.cursor).is_none();
    if never_looked && want.arg.is_empty() {
        // This is the question for the newest id; the message itself was before our time.
        return Ok(true);
    }
    let stamp = forwarded.get_child("delay", ns::DELAY).and_then(|delay| delay.attr("stamp")).and_then(Time::parse);
    message::archived(ctx, &row, inner, id, stamp.map(|stamp| stamp.0))?;
    ctx.tx.caught_one()?;
    ctx.tx.set_cursor(&row.jid, Some(id), stamp.map_or(0, |stamp| stamp.0))?;
    Ok(true)
}

/// A page ended, or was refused.
pub(super) fn answered(ctx: &mut Ctx, row: RoomRow, want: &WantRow, answer: Answer) -> Result<()> {
    match answer {
        Answer::Result(stanza) => {
            ctx.drop_want(want)?;
            let last = mam::last_of_page(stanza);
            let never_looked = ctx.tx.archive(&row.jid)?.and_then(|archive| archive.cursor).is_none();
            if never_looked && want.arg.is_empty() {
                ctx.tx.set_cursor(&row.jid, Some(last.as_deref().unwrap_or("")), 0)?;
                return finish(ctx, &row.jid);
            }
            match mam::next_page(stanza, want) {
                Some(last) => {
                    ctx.tx.set_cursor(&row.jid, Some(&last), 0)?;
                    ctx.want_of(Kind::RoomPage, &row.jid, &last)
                }
                None => finish(ctx, &row.jid),
            }
        }
        Answer::Error(condition, _) if condition == "item-not-found" && want.arg != BY_TIME => {
            ctx.drop_want(want)?;
            ctx.tx.count("cursor_purged")?;
            ctx.want_of(Kind::RoomPage, &row.jid, BY_TIME)
        }
        Answer::Error(condition, _)
            if matches!(condition.as_str(), "forbidden" | "service-unavailable" | "feature-not-implemented") =>
        {
            ctx.drop_want(want)?;
            ctx.tx.count("room_archive_refused")?;
            finish(ctx, &row.jid)
        }
        Answer::Error(..) => {
            ctx.tx.count("page_refused")?;
            unanswered(ctx, want)?;
            ctx.later(want, REFUSED_PAUSE << want.tries.min(5))
        }
    }
}

/// The archive does not answer. It is asked on, but messages wait for it no more.
pub(crate) fn unanswered(ctx: &mut Ctx, want: &WantRow) -> Result<()> {
    match ctx.tx.room(&want.jid)? {
        Some(row) if want.tries >= TRIES && !is_over(ctx, &row)? => {
            ctx.tx.count("archive_silent")?;
            finish(ctx, &row.jid)
        }
        _ => Ok(()),
    }
}

/// All pages were read: now the live messages that waited. The pump does it.
fn finish(ctx: &mut Ctx, room: &str) -> Result<()> {
    ctx.tx.want("drain", room, "", "", i64::MAX)
}

/// Nothing waits any more of the rooms whose archives were read: they count as such, and what of ours they do not have
/// goes again.
pub(crate) fn drained(ctx: &mut Ctx) -> Result<()> {
    for jid in ctx.tx.wanted_of("drain")?.into_iter().filter(|jid| !jid.is_empty()) {
        ctx.tx.unwant("drain", &jid, "")?;
        let Some(mut row) = ctx.tx.room(&jid)?.filter(|row| is_inside(ctx, row)) else { continue };
        ctx.tx.set_complete(&jid, ctx.stream)?;
        // Until there is something to go on from, the next stream begins where this one did.
        let goes_on = ctx.tx.archive(&jid)?.and_then(|archive| archive.cursor).is_some_and(|cursor| !cursor.is_empty());
        if row.since > 0 && goes_on {
            row.since = 0;
            ctx.tx.put_room(&row)?;
        }
        outbox::again(ctx, &jid)?;
        if !super::is_behind(ctx)? && mam::is_complete(ctx)? && !super::super::second_look::is_due(ctx)? {
            ctx.tx.delete_used_pre_keys()?;
        }
    }
    Ok(())
}

/// A live message with the room's archive id moves the cursor, once the archive was read to its end.
pub(super) fn passed(ctx: &mut Ctx, row: &RoomRow, id: &str) -> Result<()> {
    match is_over(ctx, row)? && ctx.tx.wants_about(Kind::RoomPage.code(), &row.jid)?.is_empty() {
        true => ctx.tx.set_cursor(&row.jid, Some(id), ctx.now.wall),
        false => Ok(()),
    }
}
