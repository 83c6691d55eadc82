//! Who belongs to a room (XEP-0045 sections 9.5, 10.5, 10.8): owners, admins and members, in it or not. They get what is
//! said there, so their device lists are kept like those of contacts.

use super::super::want::{Answer, Kind, Question};
use super::super::xml::{Build, bare_of, el};
use super::super::{Ctx, devices, ns};
use super::invite;
use crate::error::Result;
use crate::store::room::RoomRow;
use crate::store::want::WantRow;
use jid::BareJid;
use minidom::Element;

/// The lists that make up the members.
const LISTS: [&str; 3] = ["owner", "admin", "member"];
/// More members than this are not remembered: messages for all their devices would fit no stanza.
const MOST: usize = 1_000;
/// How long to wait before a change that was not carried out for lack of an answer is asked for again, milliseconds.
const CHANGE_PAUSE: i64 = 10_000;

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

/// One list came. Where we may not read it, those count whom we meet.
pub(super) fn answered(ctx: &mut Ctx, room: RoomRow, want: &WantRow, answer: Answer) -> Result<()> {
    ctx.drop_want(want)?;
    let Answer::Result(iq) = answer else { return ctx.tx.count("room_list_refused") };
    let Some(query) = iq.get_child("query", ns::MUC_ADMIN) else { return ctx.tx.count("room_list_odd") };
    let mut listed: Vec<String> = Vec::new();
    for item in query.children().filter(|child| child.is("item", ns::MUC_ADMIN)).take(MOST) {
        let fits = item.attr("affiliation").is_none_or(|affiliation| affiliation == want.arg);
        if let Some(jid) = bare_of(item, "jid").filter(|jid| fits && jid.node().is_some()) {
            listed.push(jid.to_string());
        }
    }
    for (jid, affiliation) in ctx.tx.members(&room.jid)? {
        if affiliation == want.arg && !listed.contains(&jid) {
            heard(ctx, &room.jid, &jid, "none")?;
        }
    }
    for jid in &listed {
        heard(ctx, &room.jid, jid, &want.arg)?;
    }
    Ok(())
}

/// The room says what somebody is to it.
pub(super) fn heard(ctx: &mut Ctx, room: &str, jid: &str, affiliation: &str) -> Result<()> {
    if !LISTS.contains(&affiliation) {
        return match ctx.tx.drop_member(room, jid)? {
            true => ctx.tx.tell_member(room, jid, "gone"),
            false => Ok(()),
        };
    }
    if !ctx.tx.put_member(room, jid, affiliation)? {
        return Ok(());
    }
    ctx.tx.tell_member(room, jid, "member")?;
    let known = devices::VERSIONS.iter().any(|version| matches!(ctx.tx.device_list(jid, *version), Ok(Some(_))));
    if !known {
        devices::want_lists(ctx, jid)?;
    }
    Ok(())
}

/// To whom messages of this room are sealed, besides ourselves: its members; where a person agreed that anybody may come
/// in, all those inside too.
pub(crate) fn people(ctx: &Ctx, row: &RoomRow) -> Result<Vec<String>> {
    let own = ctx.bare();
    let mut people: Vec<String> = ctx.tx.members(&row.jid)?.into_iter().map(|(jid, _)| jid).collect();
    if row.flaws.split(' ').any(|flaw| flaw == "open") {
        people.extend(ctx.tx.occupant_jids(&row.jid)?);
        people.sort_unstable();
        people.dedup();
    }
    people.retain(|jid| *jid != own);
    Ok(people)
}

/// Wants somebody to be this to the room: `member` or `none`.
pub(super) fn change(ctx: &mut Ctx, room: &str, affiliation: &str, jid: &str) -> Result<()> {
    let other = if affiliation == "none" { "member" } else { "none" };
    ctx.tx.unwant(Kind::RoomAffiliate.code(), room, &format!("{other} {jid}"))?;
    ctx.want_of(Kind::RoomAffiliate, room, &format!("{affiliation} {jid}"))
}

/// The question of such a want.
pub(super) fn change_question(want: &WantRow) -> Option<Question> {
    let (affiliation, jid) = want.arg.split_once(' ')?;
    let item = el("item", ns::MUC_ADMIN).at("affiliation", affiliation).at("jid", jid);
    Some(Question::set(el("query", ns::MUC_ADMIN).kid(item)))
}

/// The room carried it out, or refused. Who is a member now is asked to come in.
pub(super) fn changed(ctx: &mut Ctx, room: RoomRow, want: &WantRow, answer: Answer) -> Result<()> {
    let Some((affiliation, jid)) = want.arg.split_once(' ') else { return ctx.drop_want(want) };
    match answer {
        Answer::Result(_) => {
            ctx.drop_want(want)?;
            heard(ctx, &room.jid, jid, affiliation)?;
            match (affiliation, BareJid::new(jid), BareJid::new(&room.jid)) {
                ("member", Ok(jid), Ok(room)) => invite::send(ctx, &room, &jid),
                _ => Ok(()),
            }
        }
        Answer::Error(_, stanza) if is_passing(stanza) => ctx.later(want, CHANGE_PAUSE << want.tries.min(5)),
        Answer::Error(..) => {
            ctx.drop_want(want)?;
            ctx.tx.tell_member(&room.jid, jid, if affiliation == "member" { "not_invited" } else { "not_removed" })
        }
    }
}

fn is_passing(stanza: &Element) -> bool {
    stanza.get_child("error", ns::CLIENT).is_some_and(|error| error.attr("type") == Some("wait"))
}
