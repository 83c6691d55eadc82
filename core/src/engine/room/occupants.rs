//! Who is in a room (XEP-0045 section 7.2.3): presences tell, with the address of each, as the room is not anonymous.

use super::super::xml::{bare_of, jid_of};
use super::super::{Ctx, devices, ns};
use super::{admission, join};
use crate::error::Result;
use crate::store::room::{OccupantRow, RoomRow};
use jid::Jid;
use minidom::Element;

/// More occupants than this are not remembered.
const MOST: i64 = 5_000;
/// Resources of one occupant that are remembered, bytes.
const RESOURCES: usize = 4_096;

/// A presence of a room or of somebody in it.
pub(crate) fn arrived(ctx: &mut Ctx, row: RoomRow, from: &Jid, presence: &Element) -> Result<()> {
    if presence.attr("type") == Some("error") {
        return join::refused(ctx, row, presence);
    }
    let Some(nick) = from.resource().map(|nick| nick.as_str().to_owned()) else {
        return ctx.tx.count("room_presence_odd");
    };
    let user = presence.get_child("x", ns::MUC_USER);
    let codes = codes(user);
    let item = user.and_then(|user| user.get_child("item", ns::MUC_USER));
    match presence.attr("type") {
        None => came(ctx, row, &nick, &codes, presence),
        Some("unavailable") => {
            let destroyed = user.is_some_and(|user| user.has_child("destroy", ns::MUC_USER));
            went(ctx, row, &nick, &codes, item, destroyed)
        }
        Some(_) => ctx.tx.count("room_presence_odd"),
    }
}

/// The status codes of a muc#user element.
pub(super) fn codes(user: Option<&Element>) -> Vec<&str> {
    let children = user.into_iter().flat_map(Element::children);
    children.filter(|child| child.is("status", ns::MUC_USER)).filter_map(|child| child.attr("code")).collect()
}

fn came(ctx: &mut Ctx, row: RoomRow, nick: &str, codes: &[&str], presence: &Element) -> Result<()> {
    let ours = codes.contains(&"110");
    let user = presence.get_child("x", ns::MUC_USER);
    let items = || user.into_iter().flat_map(Element::children).filter(|child| child.is("item", ns::MUC_USER));
    let Some(item) = items().next() else { return ctx.tx.count("room_presence_odd") };
    let before = ctx.tx.occupant(&row.jid, nick)?;
    if before.is_none() && ctx.tx.occupants(&row.jid)? >= MOST && !ours {
        return ctx.tx.count("room_crowded");
    }
    let mut resources: Vec<&str> = items().filter_map(|item| item.attr("jid")).collect();
    resources.sort_unstable();
    let mut resources = resources.join("\n");
    resources.truncate(resources.floor_char_boundary(RESOURCES));
    let affiliation = item.attr("affiliation").unwrap_or("none").to_owned();
    let jid = bare_of(item, "jid").map(|jid| jid.to_string());
    let after = OccupantRow { nick: nick.to_owned(), jid: jid.clone(), resources, affiliation };
    if before.as_ref() != Some(&after) {
        ctx.tx.put_occupant(&row.jid, &after)?;
    }
    if let Some(jid) = &jid {
        admission::heard(ctx, &row.jid, jid, &after.affiliation)?;
        let id = presence.get_child("occupant-id", ns::OCCUPANT).and_then(|id| id.attr("id"));
        if let Some(id) = id.filter(|id| row.named && id.len() <= 256) {
            ctx.tx.set_occupant_id(&row.jid, jid, id)?;
        }
        let another = before.is_none_or(|before| before.resources != after.resources);
        if super::is_inside(ctx, &row) && another && !ours && admission::is_admitted(ctx, &row, jid)? {
            // Who comes in may come with a device that we do not know yet; nobody tells us of strangers' lists. Whoever gets
            // nothing anyway is not asked: a room could send us to anybody's server.
            for version in devices::VERSIONS {
                devices::want_list(ctx, jid, version)?;
            }
        }
    }
    if ours { join::inside(ctx, row, nick, codes) } else { Ok(()) }
}

fn went(
    ctx: &mut Ctx,
    row: RoomRow,
    nick: &str,
    codes: &[&str],
    item: Option<&Element>,
    destroyed: bool,
) -> Result<()> {
    let before = ctx.tx.occupant(&row.jid, nick)?;
    ctx.tx.drop_occupant(&row.jid, nick)?;
    if codes.contains(&"303") {
        // The presence under the new nick follows; what is said meanwhile is theirs already.
        if let (Some(new), Some(before)) = (item.and_then(|item| item.attr("nick")), before) {
            ctx.tx.put_occupant(&row.jid, &OccupantRow { nick: new.to_owned(), ..before })?;
            if codes.contains(&"110") {
                return ctx.tx.put_room(&RoomRow { nick: new.to_owned(), ..row });
            }
        }
        return Ok(());
    }
    let ours = codes.contains(&"110") || (destroyed && nick == row.nick);
    if ours {
        return join::out(ctx, row, codes, destroyed);
    }
    let jid = item.and_then(|item| jid_of(item, "jid")).map(|jid| jid.to_bare().to_string());
    let jid = jid.or_else(|| before.and_then(|before| before.jid));
    match (jid, item.and_then(|item| item.attr("affiliation"))) {
        (Some(jid), Some(affiliation)) => admission::heard(ctx, &row.jid, &jid, affiliation),
        _ => Ok(()),
    }
}
