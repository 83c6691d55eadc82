//! What is said in a room (XEP-0045 section 7.4), and by whom: as the room says, by the nick of the moment or by what it
//! wrote into its archive, never as the message says itself.

use super::super::digest::digest;
use super::super::message::{InRoom, in_room, origin_id};
use super::super::xml::{Build, bare_of, bytes, el, jid_of};
use super::super::{Ctx, ns, omemo};
use super::{admission, archive, is_inside, join, occupants};
use crate::error::Result;
use crate::model::Time;
use crate::store::room::RoomRow;
use jid::{BareJid, Jid};
use minidom::Element;

/// The note that a message kept for later carries: who its author was when it came.
const NOTE: &str = "urn:dunnock:kept";

/// Whether this is a word of a room of ours itself, which needs no type (XEP-0045 section 10.2.1).
pub(crate) fn is_notice(ctx: &Ctx, stanza: &Element) -> Result<bool> {
    match jid_of(stanza, "from") {
        Some(from) if stanza.has_child("x", ns::MUC_USER) => {
            let invites =
                stanza.get_child("x", ns::MUC_USER).is_some_and(|user| user.has_child("invite", ns::MUC_USER));
            Ok(from.resource().is_none() && !invites && ctx.tx.is_room(from.as_str())?)
        }
        _ => Ok(false),
    }
}

/// A live message of a room.
pub(crate) fn arrived(ctx: &mut Ctx, stanza: &Element) -> Result<()> {
    let Some(from) = jid_of(stanza, "from") else { return ctx.tx.count("message_malformed") };
    let row = ctx.tx.room(from.to_bare().as_str())?.filter(|row| is_inside(ctx, row));
    let Some(row) = row else { return ctx.tx.count("groupchat_unjoined") };
    let Some(nick) = from.resource() else { return notice(ctx, &row, stanza) };
    if !says_something(stanza) && !ctx.cut {
        return Ok(());
    }
    let author = author(ctx, &row, nick.as_str(), stanza)?;
    if ctx.cut || archive::is_over(ctx, &row)? {
        return live(ctx, &row, stanza, author, ctx.now.wall);
    }
    let note = el("author", NOTE).at_opt("jid", author.map(|author| author.to_string()));
    let mut kept = stanza.clone();
    while kept.remove_child("author", NOTE).is_some() {}
    let raw = String::from_utf8(bytes(&kept.kid(note))).expect("XML is UTF-8");
    ctx.tx.put_inbox_of(&row.jid, &raw, ctx.now.wall)
}

fn says_something(stanza: &Element) -> bool {
    omemo::find(stanza).is_some() || stanza.has_child("body", ns::CLIENT)
}

/// A message that waited for the end of the room's archive.
pub(crate) fn kept(ctx: &mut Ctx, room: &str, stanza: &Element, arrived: i64) -> Result<()> {
    let Some(row) = ctx.tx.room(room)? else { return ctx.tx.count("groupchat_unjoined") };
    let author = stanza.get_child("author", NOTE).and_then(|note| bare_of(note, "jid"));
    live(ctx, &row, stanza, author, arrived)
}

fn live(ctx: &mut Ctx, row: &RoomRow, stanza: &Element, author: Option<BareJid>, arrived: i64) -> Result<()> {
    #[cfg(test)]
    crate::scratch::crash_if_asked(stanza, "crashes later");
    let Ok(room) = BareJid::new(&row.jid) else { return ctx.tx.count("message_malformed") };
    // Only a room with an archive strips ids that others made up in its name (XEP-0359 section 6).
    let mut ids = stanza.children().filter(|child| row.archive && child.is("stanza-id", ns::SID));
    let id = ids.find(|child| bare_of(child, "by").is_some_and(|by| by == room)).and_then(|child| child.attr("id"));
    if let Some(id) = id {
        archive::passed(ctx, row, id)?;
    }
    let stanza_id = id.map(str::to_owned);
    let stamp = delayed(stanza, &room).filter(|stamp| *stamp <= arrived);
    let author = match author {
        Some(author) => Some(author),
        None => by_device(ctx, row, stanza)?,
    };
    if author.is_none()
        && stamp.is_some()
        && let Some(origin) = origin_id(stanza)
        && ctx.tx.is_said_in(&row.jid, origin, &digest(stanza))?
    {
        // The room's memory does not say who it was: we know it from when it was said.
        return ctx.tx.count("message_repeated");
    }
    let sender = author.unwrap_or_else(|| room.clone());
    in_room(ctx, InRoom { message: stanza, room, sender, stanza_id, archived: false, stamp, arrived })
}

/// When the room had it, if it is out of its memory (XEP-0203).
fn delayed(stanza: &Element, room: &BareJid) -> Option<i64> {
    let mut delays = stanza.children().filter(|child| child.is("delay", ns::DELAY));
    let by_room = delays.find(|delay| bare_of(delay, "from").is_some_and(|from| from == *room))?;
    Time::parse(by_room.attr("stamp")?).map(|time| time.0)
}

/// Who bears the nick now. Of the room's own memory it is not known who bore it then.
fn author(ctx: &Ctx, row: &RoomRow, nick: &str, stanza: &Element) -> Result<Option<BareJid>> {
    let Ok(room) = BareJid::new(&row.jid) else { return Ok(None) };
    if delayed(stanza, &room).is_some() {
        return named(ctx, row, stanza);
    }
    if nick == row.nick {
        return Ok(Some(ctx.me.jid.clone()));
    }
    let occupant = ctx.tx.occupant(&row.jid, nick)?.and_then(|occupant| occupant.jid);
    Ok(occupant.and_then(|jid| BareJid::new(&jid).ok()))
}

/// Whom the room means by the id that it gives each occupant for good (XEP-0421).
fn named(ctx: &Ctx, row: &RoomRow, stanza: &Element) -> Result<Option<BareJid>> {
    let id = stanza.get_child("occupant-id", ns::OCCUPANT).and_then(|id| id.attr("id")).filter(|_| row.named);
    let jid = match id {
        Some(id) => ctx.tx.member_by_occupant_id(&row.jid, id)?,
        None => None,
    };
    Ok(jid.and_then(|jid| BareJid::new(&jid).ok()))
}

/// A sealed message names the device that wrote it: if only one member has it, it is tried as theirs, and opens only if it is.
fn by_device(ctx: &Ctx, row: &RoomRow, stanza: &Element) -> Result<Option<BareJid>> {
    let device = omemo::find(stanza).and_then(|(_, sealed)| sealed.children().find_map(|header| header.attr("sid")));
    let Some(device) = device.and_then(|device| device.parse().ok()) else { return Ok(None) };
    if device == ctx.me.device {
        return Ok(Some(ctx.me.jid.clone()));
    }
    match ctx.tx.members_with_device(&row.jid, device)?.as_slice() {
        [one] => Ok(BareJid::new(one).ok()),
        _ => Ok(None),
    }
}

/// A message out of the room's archive.
pub(super) fn archived(ctx: &mut Ctx, row: &RoomRow, message: &Element, id: &str, stamp: Option<i64>) -> Result<()> {
    let Some(from) = jid_of(message, "from") else { return ctx.tx.count("archive_malformed") };
    let Ok(room) = BareJid::new(&row.jid) else { return ctx.tx.count("archive_malformed") };
    let says = message.attr("type") == Some("groupchat") && says_something(message) && from.resource().is_some();
    if from.to_bare() != room || !says {
        return Ok(());
    }
    let author = match written_down(message) {
        Some(author) => Some(author.to_bare()),
        None => match named(ctx, row, message)? {
            Some(author) => Some(author),
            None => by_device(ctx, row, message)?,
        },
    };
    let sender = author.unwrap_or_else(|| room.clone());
    let (stanza_id, arrived) = (Some(id.to_owned()), ctx.now.wall);
    in_room(ctx, InRoom { message, room, sender, stanza_id, archived: true, stamp, arrived })
}

/// Whom the room wrote down as the author. Some rooms leave beside it what the author claimed: then nobody is believed.
fn written_down(message: &Element) -> Option<Jid> {
    let users = message.children().filter(|child| child.is("x", ns::MUC_USER));
    let items = users.flat_map(Element::children).filter(|child| child.is("item", ns::MUC_USER));
    let mut jids: Vec<Jid> = items.filter_map(|item| jid_of(item, "jid")).collect();
    jids.dedup_by_key(|jid| jid.to_bare());
    if jids.len() == 1 { jids.pop() } else { None }
}

/// The room itself speaks: its configuration changed, or somebody is something else to it.
fn notice(ctx: &mut Ctx, row: &RoomRow, stanza: &Element) -> Result<()> {
    let user = stanza.get_child("x", ns::MUC_USER);
    let codes = occupants::codes(user);
    let items: Vec<&Element> =
        user.into_iter().flat_map(Element::children).filter(|child| child.is("item", ns::MUC_USER)).collect();
    for item in items {
        if let (Some(jid), Some(affiliation)) = (bare_of(item, "jid"), item.attr("affiliation")) {
            admission::heard(ctx, &row.jid, jid.as_str(), affiliation)?;
        }
    }
    join::reconfigured(ctx, &codes, &row.jid)
}
