//! Who belongs to a room (XEP-0045 sections 9.5, 10.5, 10.8), as its lists say: owners, admins and members, in it or not. Who
//! of them gets what is said there is for `admission`.

use super::super::want::{Answer, Kind, Question};
use super::super::xml::{Build, bare_of, el};
use super::super::{Ctx, ns};
use super::{admission, invite, spoken};
use crate::error::Result;
use crate::model::Admission;
use crate::store::member::MemberRow;
use crate::store::room::RoomRow;
use crate::store::want::WantRow;
use jid::BareJid;
use minidom::Element;

/// The lists that make up the members.
pub(super) const LISTS: [&str; 3] = ["owner", "admin", "member"];
/// More members than this are not remembered: messages for all their devices would fit no stanza.
pub(super) const MOST: usize = 1_000;
/// How long to wait before a change that was not carried out for lack of an answer is asked for again, milliseconds.
const CHANGE_PAUSE: i64 = 10_000;

/// A change waits for its room; far, but not so far that adding to it overflows.
pub(crate) const UNTIL_READY: i64 = i64::MAX / 4;

/// Wants all three lists, anew: an answer that is under way may be older than what we want them for.
pub(super) fn fetch(ctx: &mut Ctx, room: &str) -> Result<()> {
    for list in LISTS {
        ctx.tx.want_instead(Kind::RoomMembers.code(), room, list, room, ctx.now.wall)?;
    }
    Ok(())
}

/// Whether the lists came, or do not come soon.
pub(super) fn are_fetched(ctx: &Ctx, row: &RoomRow) -> Result<bool> {
    let open = ctx.tx.wants_about(Kind::RoomMembers.code(), &row.jid)?;
    Ok(open.iter().all(|want| want.tries > 1 || (want.tries == 1 && want.due <= ctx.now.wall)))
}

/// Asks for one list.
pub(super) fn question(want: &WantRow) -> Question {
    Question::get(el("query", ns::MUC_ADMIN).kid(el("item", ns::MUC_ADMIN).at("affiliation", &*want.arg)))
}

/// One list came. Where we may not read it, those count whom we meet. Who is not on it any more may be on another: who is
/// something else to the room now did not go.
pub(super) fn answered(ctx: &mut Ctx, room: RoomRow, want: &WantRow, answer: Answer) -> Result<()> {
    ctx.drop_want(want)?;
    let query = match &answer {
        Answer::Result(iq) => iq.get_child("query", ns::MUC_ADMIN),
        Answer::Error(..) => None,
    };
    match query {
        Some(query) => read(ctx, &room.jid, &want.arg, query)?,
        None => ctx.tx.count("room_list_refused")?,
    }
    match ctx.tx.wants_about(Kind::RoomMembers.code(), &room.jid)?.is_empty() {
        true => admission::met(ctx, &room.jid),
        false => Ok(()),
    }
}

fn read(ctx: &mut Ctx, room: &str, list: &str, query: &Element) -> Result<()> {
    let mut listed: Vec<String> = Vec::new();
    for item in query.children().filter(|child| child.is("item", ns::MUC_ADMIN)).take(MOST) {
        let fits = item.attr("affiliation").is_none_or(|affiliation| affiliation == list);
        if let Some(jid) = bare_of(item, "jid").filter(|jid| fits && jid.node().is_some()) {
            listed.push(jid.to_string());
        }
    }
    for row in ctx.tx.members(room)? {
        if row.affiliation == list && !listed.contains(&row.jid) {
            ctx.tx.put_member(room, &MemberRow { missing: true, ..row })?;
        }
    }
    for jid in &listed {
        admission::heard(ctx, room, jid, list)?;
    }
    Ok(())
}

/// Whom a person here takes out of the room: nothing more is for them, whatever the room still says, unless it refuses.
pub(super) fn leaving(ctx: &Ctx, room: &str) -> Result<Vec<String>> {
    let wants = ctx.tx.wants_about(Kind::RoomAffiliate.code(), room)?;
    Ok(wants.iter().filter_map(|want| Some(want.arg.strip_prefix("none ")?.to_owned())).collect())
}

/// Wants somebody to be this to the room: `member` or `none`.
pub(super) fn change(ctx: &mut Ctx, room: &str, affiliation: &str, jid: &str) -> Result<()> {
    let other = if affiliation == "none" { "member" } else { "none" };
    ctx.tx.unwant(Kind::RoomAffiliate.code(), room, &format!("{other} {jid}"))?;
    ctx.want_of(Kind::RoomAffiliate, room, &format!("{affiliation} {jid}"))
}

/// Whether the room stands and we are inside, so that such a change can be asked for; and, of somebody whom our list has as an
/// owner or admin, whether that list is as it is now.
pub(crate) fn may_ask(ctx: &Ctx, want: &WantRow) -> Result<bool> {
    let Some(room) = ctx.tx.room(&want.jid)? else { return Ok(true) };
    let stands = super::is_inside(ctx, &room) && room.making == 0;
    Ok(stands && (are_fetched(ctx, &room)? || !is_above(ctx, want)?))
}

/// Whether to name this one a member would take from them what they are.
fn is_above(ctx: &Ctx, want: &WantRow) -> Result<bool> {
    let Some(jid) = want.arg.strip_prefix("member ") else { return Ok(false) };
    let is_one = ctx.tx.affiliation(&want.jid, jid)?;
    Ok(matches!(is_one.as_deref(), Some("owner" | "admin")))
}

/// What waited for the room can be asked for now.
pub(super) fn ask_waiting(ctx: &mut Ctx) -> Result<()> {
    ctx.tx.bring_forward(Kind::RoomAffiliate.code(), ctx.now.wall)
}

/// We are not let in: what waited for the room is refused with us.
pub(super) fn give_up(ctx: &mut Ctx, room: &str) -> Result<()> {
    for want in ctx.tx.wants_about(Kind::RoomAffiliate.code(), room)? {
        ctx.drop_want(&want)?;
        refused(ctx, room, &want)?;
    }
    Ok(())
}

fn refused(ctx: &Ctx, room: &str, want: &WantRow) -> Result<()> {
    let Some((affiliation, jid)) = want.arg.split_once(' ') else { return Ok(()) };
    ctx.tx.tell_member(room, jid, if affiliation == "member" { "not_invited" } else { "not_removed" })
}

/// The question of such a want. Who is more than a member already is only asked to come in.
pub(super) fn change_question(ctx: &mut Ctx, want: &WantRow) -> Result<Option<Question>> {
    let Some((affiliation, jid)) = want.arg.split_once(' ') else { return Ok(None) };
    if is_above(ctx, want)? {
        if let (Ok(room), Ok(jid)) = (BareJid::new(&want.jid), BareJid::new(jid)) {
            invite::send(ctx, &room, &jid)?;
        }
        return Ok(None);
    }
    let item = el("item", ns::MUC_ADMIN).at("affiliation", affiliation).at("jid", jid);
    Ok(Some(Question::set(el("query", ns::MUC_ADMIN).kid(item))))
}

/// The room carried it out, or refused. Who is a member now is asked to come in.
pub(super) fn changed(ctx: &mut Ctx, room: RoomRow, want: &WantRow, answer: Answer) -> Result<()> {
    let Some((affiliation, jid)) = want.arg.split_once(' ') else { return ctx.drop_want(want) };
    match answer {
        Answer::Result(_) => {
            // The want is still there: it says that a person here asked for them.
            admission::heard(ctx, &room.jid, jid, affiliation)?;
            ctx.drop_want(want)?;
            if affiliation == "member"
                && let Some(row) = ctx.tx.member(&room.jid, jid)?.filter(|row| row.admission != Admission::Admitted)
            {
                admission::set(ctx, &room.jid, row, Admission::Admitted)?;
            }
            spoken::tell(ctx, &room.jid, jid, affiliation == "member")?;
            match (affiliation, BareJid::new(jid), BareJid::new(&room.jid)) {
                ("member", Ok(jid), Ok(room)) => invite::send(ctx, &room, &jid),
                _ => Ok(()),
            }
        }
        Answer::Error(_, stanza) if is_passing(stanza) => ctx.later(want, CHANGE_PAUSE << want.tries.min(5)),
        Answer::Error(..) => {
            ctx.drop_want(want)?;
            refused(ctx, &room.jid, want)
        }
    }
}

fn is_passing(stanza: &Element) -> bool {
    stanza.get_child("error", ns::CLIENT).is_some_and(|error| error.attr("type") == Some("wait"))
}
