//! Who of a room's members gets what is said there. The room's server says who belongs to it, and could name anybody: so
//! those of the first contact count, those whom a person of ours asked in, and those whom a device spoke for that counts
//! (`spoken`). Whoever else is named later waits for a person, like a device in quarantine: nothing is sealed for them, what
//! they say is marked, and an alarm tells of them.

use super::super::omemo::Author;
use super::super::want::Kind;
use super::super::{Ctx, devices, mam};
use super::members::{self, LISTS};
use super::{archive, spoken};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Admission, Trust};
use crate::store::Tx;
use crate::store::member::MemberRow;
use crate::store::room::RoomRow;
use jid::BareJid;

/// How long a word on a new member may follow the room's own, before an alarm is raised, milliseconds.
const RACE: i64 = 10_000;
/// The value of `due` for an alarm that waits for no time.
const SOON: i64 = 1;
/// So many open alarms of one room tell enough: more would push those of others out.
const ALARMS: usize = 20;

/// The room says what somebody is to it.
pub(super) fn heard(ctx: &mut Ctx, room: &str, jid: &str, affiliation: &str) -> Result<()> {
    if !LISTS.contains(&affiliation) {
        return gone(ctx, room, jid);
    }
    if let Some(row) = ctx.tx.member(room, jid)? {
        let after = MemberRow { affiliation: affiliation.to_owned(), missing: false, ..row.clone() };
        return if after == row { Ok(()) } else { ctx.tx.put_member(room, &after) };
    }
    if !is_somebody(room, jid) || ctx.tx.members_in(room, None)? >= members::MOST as i64 {
        return ctx.tx.count("room_member_odd");
    }
    let counts = counts_at_once(ctx, room, jid)?;
    let mut row = MemberRow::admitted(jid, affiliation, ctx.now.wall);
    if !counts {
        let wait = ctx.tx.any_speaker(room, ctx.me.device)?;
        row.admission = Admission::Waiting;
        row.due = if wait { ctx.now.wall + RACE } else { SOON };
    }
    ctx.tx.put_member(room, &row)?;
    if counts {
        ctx.tx.drop_member_words(room, jid)?;
    }
    ctx.tx.tell_member(room, jid, if counts || is_open(ctx, room)? { "member" } else { "waiting" })?;
    let known = devices::VERSIONS.iter().any(|version| matches!(ctx.tx.device_list(jid, *version), Ok(Some(_))));
    // A room that names whom it likes is not to send us to ask them all.
    let few = counts || ctx.tx.members_in(room, Some(Admission::Waiting))? <= ALARMS as i64;
    if !known && few {
        devices::want_lists(ctx, jid)?;
    }
    Ok(())
}

/// Whether this can be a member: a person, and not the room itself.
fn is_somebody(room: &str, jid: &str) -> bool {
    jid != room && BareJid::new(jid).is_ok_and(|jid| jid.node().is_some())
}

/// They belong to it no more: whoever names them again names somebody new.
pub(super) fn gone(ctx: &mut Ctx, room: &str, jid: &str) -> Result<()> {
    if !ctx.tx.drop_member(room, jid)? {
        return Ok(());
    }
    ctx.tx.drop_member_words(room, jid)?;
    ctx.tx.settle_alarms_of_member(room, jid, "settled")?;
    ctx.tx.tell_member(room, jid, "gone")
}

/// Whether nothing has to be asked of this member: ourselves, somebody of the first contact, whom a person here just asked
/// in, or for whom a device spoke that counts.
fn counts_at_once(ctx: &Ctx, room: &str, jid: &str) -> Result<bool> {
    let first = ctx.tx.room(room)?.is_none_or(|row| !row.met);
    let asked = ctx.tx.find_want(Kind::RoomAffiliate.code(), room, &format!("member {jid}"))?.is_some();
    Ok(first || asked || jid == ctx.me.jid.as_str() || spoken::is_spoken_for(ctx, room, jid)?)
}

/// Whether a person agreed that anybody may come in, or will have to: then nobody is told apart.
fn is_open(ctx: &Ctx, room: &str) -> Result<bool> {
    Ok(ctx.tx.room(room)?.is_some_and(|row| row.is_open()))
}

/// All lists came, or will not: who is on none of them went, and who is on one later is new.
pub(super) fn met(ctx: &mut Ctx, room: &str) -> Result<()> {
    for row in ctx.tx.members(room)?.iter().filter(|row| row.missing) {
        gone(ctx, room, &row.jid)?;
    }
    members::ask_waiting(ctx)?;
    close(ctx, room)
}

/// The first contact with the room is over.
pub(super) fn close(ctx: &mut Ctx, room: &str) -> Result<()> {
    match ctx.tx.room(room)? {
        Some(row) if !row.met && super::is_inside(ctx, &row) => ctx.tx.put_room(&RoomRow { met: true, ..row }),
        _ => Ok(()),
    }
}

/// A person decides on a member; our other devices that count are told.
pub(crate) fn decide(ctx: &mut Ctx, room: &str, jid: &str, admits: bool) -> Result<()> {
    let row = ctx.tx.member(room, jid)?.ok_or_else(|| Error::about(ErrorKind::UnknownMember, jid))?;
    let wanted = if admits { Admission::Admitted } else { Admission::Refused };
    if row.admission == wanted || jid == ctx.me.jid.as_str() {
        return Ok(());
    }
    set(ctx, room, row, wanted)?;
    spoken::tell_own(ctx, room, jid, admits)
}

/// Somebody who counts decided on a member.
pub(super) fn set(ctx: &mut Ctx, room: &str, mut row: MemberRow, admission: Admission) -> Result<()> {
    (row.admission, row.due) = (admission, 0);
    let change = match admission {
        Admission::Waiting => {
            row.due = SOON;
            "waiting"
        }
        Admission::Admitted => {
            row.since = ctx.now.wall;
            ctx.tx.settle_alarms_of_member(room, &row.jid, "accepted")?;
            "admitted"
        }
        Admission::Refused => {
            ctx.tx.settle_alarms_of_member(room, &row.jid, "rejected")?;
            "refused"
        }
    };
    ctx.tx.put_member(room, &row)?;
    ctx.tx.drop_member_words(room, &row.jid)?;
    ctx.tx.tell_member(room, &row.jid, change)
}

/// Whether they get what is said there.
pub(super) fn is_admitted(ctx: &Ctx, room: &RoomRow, jid: &str) -> Result<bool> {
    let member = ctx.tx.member(&room.jid, jid)?;
    Ok(member.map_or(room.is_open(), |row| row.admission == Admission::Admitted || room.is_open()))
}

/// What the author's device is worth where it was said: in a room, of somebody who is not admitted nothing counts.
pub(crate) fn author(ctx: &Ctx, room: Option<&str>, sender: &str, author: Option<Author>) -> Result<Option<Author>> {
    let (Some(room), Some(author)) = (room, author) else { return Ok(author) };
    let held = ctx.tx.member(room, sender)?.is_some_and(|row| row.admission != Admission::Admitted);
    let held = held && !is_open(ctx, room)? && sender != ctx.me.jid.as_str() && author.trust != Trust::Distrusted;
    Ok(Some(if held { Author { trust: Trust::Undecided, ..author } } else { author }))
}

/// To whom messages of this room are sealed, besides ourselves: its members that are admitted; where a person agreed that
/// anybody may come in, all who belong to it or are inside. What was `written` before the room was opened and closed again
/// goes to those only who were admitted then.
pub(crate) fn people(ctx: &Ctx, row: &RoomRow, written: Option<i64>) -> Result<Vec<String>> {
    let (mut people, out) = sorted(ctx, row)?;
    if row.is_open() {
        people.extend(ctx.tx.occupant_jids(&row.jid)?.into_iter().filter(|jid| !out.contains(jid)));
        people.sort_unstable();
        people.dedup();
    }
    let own = ctx.bare();
    people.retain(|jid| *jid != own);
    if let Some(written) = written.filter(|written| *written < row.resumed) {
        let since = |jid: &String| Ok(ctx.tx.member(&row.jid, jid)?.is_some_and(|member| member.since <= written));
        let then: Result<Vec<bool>> = people.iter().map(since).collect();
        let mut then = then?.into_iter();
        people.retain(|_| then.next().unwrap_or_default());
    }
    Ok(people)
}

/// Members that the room names and who get nothing.
pub(crate) fn kept_out(ctx: &Ctx, row: &RoomRow) -> Result<Vec<String>> {
    Ok(sorted(ctx, row)?.1)
}

/// The members of the room: those who get what is said, and those who are kept out.
fn sorted(ctx: &Ctx, row: &RoomRow) -> Result<(Vec<String>, Vec<String>)> {
    let removed = members::leaving(ctx, &row.jid)?;
    let (mut people, mut out) = (Vec::new(), Vec::new());
    for member in ctx.tx.members(&row.jid)?.into_iter().filter(|member| !member.missing) {
        if removed.contains(&member.jid) {
            continue;
        }
        match member.admission {
            Admission::Admitted => people.push(member.jid),
            Admission::Waiting if row.is_open() => people.push(member.jid),
            _ => out.push(member.jid),
        }
    }
    Ok((people, out))
}

/// Raises the alarms that are due, in rooms whose archive was read: a word on the member may lie there.
pub(crate) fn raise_due(ctx: &mut Ctx) -> Result<()> {
    let due = ctx.tx.members_due()?;
    if due.is_empty() || !mam::is_over(ctx)? {
        return Ok(());
    }
    for (room, mut member) in due {
        // One that is further off than that was put before the clock was set.
        if member.due > ctx.now.wall && member.due <= ctx.now.wall + RACE {
            continue;
        }
        let Some(row) = ctx.tx.room(&room)? else { continue };
        let read = archive::is_over(ctx, &row)? && members::are_fetched(ctx, &row)?;
        let many = ctx.tx.open_alarms_of_room(&room)? >= ALARMS;
        member.due = if read && !row.is_open() && !many { 0 } else { SOON };
        ctx.tx.put_member(&room, &member)?;
        if member.due == 0 {
            ctx.tx.raise_alarm("room_member", &member.jid, (None, Some(&room)), "", ctx.now.wall)?;
        }
    }
    Ok(())
}

/// When the next alarm is due that waits for nothing but time.
pub(crate) fn next(tx: &Tx) -> Result<Option<i64>> {
    tx.next_member_due()
}
