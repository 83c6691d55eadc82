//! PEP Native Bookmarks (XEP-0402): which rooms our devices are in, kept by our own server for our eyes only. Names stay
//! at home (`product.md`, weakness 2): a bookmark of ours holds an address and a nick.

use super::super::want::{Answer, Kind, Question};
use super::super::xml::{Build, child_text, el};
use super::super::{Ctx, ns, pubsub};
use super::commands;
use crate::error::Result;
use crate::model::RoomState;
use crate::store::room::RoomRow;
use crate::store::want::WantRow;
use jid::BareJid;
use minidom::Element;

/// More bookmarks than this are not looked at.
const MOST: usize = 500;
/// How long to wait before a refused change is tried again, milliseconds.
const REFUSED_PAUSE: i64 = 120_000;
/// The arguments of wants for servers that do not know all of a node's options when they are told with the item (seen
/// with ejabberd): with the two that matter for secrecy, and then the node is configured.
const PLAIN: &str = "plain";
const CONFIGURE: &str = "configure";

/// Asks for all.
pub(super) fn question() -> Question {
    Question::get(pubsub::items(ns::BOOKMARKS, None))
}

/// All came. A room that was on the server and is not now was left on another device.
pub(super) fn answered(ctx: &mut Ctx, want: &WantRow, answer: Answer) -> Result<()> {
    ctx.drop_want(want)?;
    let items = match &answer {
        Answer::Result(iq) => pubsub::items_of(iq, ns::BOOKMARKS),
        Answer::Error(condition, _) if condition == "item-not-found" => Vec::new(),
        Answer::Error(..) => return ctx.tx.count("bookmarks_refused"),
    };
    for row in ctx.tx.rooms()?.iter().filter(|row| row.bookmarked) {
        if !items.iter().any(|(id, _)| *id == row.jid) {
            left_elsewhere(ctx, row.clone())?;
        }
    }
    for (id, item) in items.iter().take(MOST) {
        heard(ctx, id, item)?;
    }
    Ok(())
}

/// Another device of ours, or this one, changed a bookmark.
pub(crate) fn notified(ctx: &mut Ctx, owner: &str, part: &Element) -> Result<()> {
    if owner != ctx.me.jid.as_str() {
        return ctx.tx.count("bookmark_forged");
    }
    match part.name() {
        "items" => {
            for item in part.children().take(MOST) {
                let id = item.attr("id").unwrap_or("");
                match (item.name(), ctx.tx.room(id)?) {
                    ("item", _) => heard(ctx, id, item)?,
                    ("retract", Some(row)) => left_elsewhere(ctx, row)?,
                    _ => {}
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn heard(ctx: &mut Ctx, id: &str, item: &Element) -> Result<()> {
    let Ok(room) = BareJid::new(id) else { return ctx.tx.count("bookmark_odd") };
    let Some(conference) = item.get_child("conference", ns::BOOKMARKS).filter(|_| room.node().is_some()) else {
        return ctx.tx.count("bookmark_odd");
    };
    if super::is_person(ctx, room.as_str())? {
        return ctx.tx.count("bookmark_odd");
    }
    let known = ctx.tx.room(room.as_str())?;
    if !ctx.tx.wants_about(Kind::Bookmark.code(), room.as_str())?.is_empty() {
        // Ours is newer, and on its way.
        return Ok(());
    }
    if !matches!(conference.attr("autojoin"), Some("true" | "1")) {
        return match known {
            Some(row) if row.bookmarked => left_elsewhere(ctx, row),
            _ => Ok(()),
        };
    }
    let nick = child_text(conference, "nick", ns::BOOKMARKS).filter(|nick| !nick.is_empty() && nick.len() <= 256);
    let nick = nick.unwrap_or_else(|| commands::own_nick(ctx));
    let mut row = known.unwrap_or_else(|| RoomRow::unknown(room.as_str(), &nick));
    row.bookmarked = true;
    if row.wanted || row.state == RoomState::Refused {
        return ctx.tx.put_room(&row);
    }
    (row.wanted, row.asked, row.nick, row.state, row.reason) = (true, false, nick, RoomState::Joining, None);
    ctx.tx.put_room(&row)?;
    ctx.want_of(Kind::RoomInfo, &row.jid, "")
}

fn left_elsewhere(ctx: &mut Ctx, mut row: RoomRow) -> Result<()> {
    row.bookmarked = false;
    match row.wanted {
        true => commands::go(ctx, row),
        false => ctx.tx.put_room(&row),
    }
}

/// We are in a room: our other devices are to follow.
pub(super) fn keep(ctx: &mut Ctx, row: &RoomRow) -> Result<()> {
    if row.bookmarked { Ok(()) } else { ctx.want_about(Kind::Bookmark, &row.jid, "") }
}

/// We left it, so they do.
pub(super) fn drop(ctx: &mut Ctx, row: &RoomRow) -> Result<()> {
    let open = !ctx.tx.wants_about(Kind::Bookmark.code(), &row.jid)?.is_empty();
    ctx.tx.unwant_of(Kind::Bookmark.code(), &row.jid)?;
    if row.bookmarked || open { ctx.want_about(Kind::Bookmark, &row.jid, "") } else { Ok(()) }
}

/// The bookmark as it is to be now: there while the room is wanted, else gone.
pub(super) fn change_question(ctx: &mut Ctx, want: &WantRow) -> Result<Option<Question>> {
    let Some(row) = ctx.tx.room(&want.jid)?.filter(|row| row.wanted) else {
        let item = el("item", ns::PUBSUB).at("id", &*want.jid);
        let retract = el("retract", ns::PUBSUB).at("node", ns::BOOKMARKS).at("notify", "true").kid(item);
        return Ok(Some(Question::set(el("pubsub", ns::PUBSUB).kid(retract))));
    };
    let conference =
        el("conference", ns::BOOKMARKS).at("autojoin", "true").kid(el("nick", ns::BOOKMARKS).words(&row.nick));
    let all = [
        ("pubsub#max_items", "max"),
        ("pubsub#send_last_published_item", "never"),
        ("pubsub#persist_items", "true"),
        ("pubsub#access_model", "whitelist"),
    ];
    if want.arg == CONFIGURE {
        let configure = el("configure", ns::PUBSUB_OWNER).at("node", ns::BOOKMARKS);
        let configure = configure.kid(pubsub::form(ns::NODE_CONFIG, &all));
        return Ok(Some(Question::set(el("pubsub", ns::PUBSUB_OWNER).kid(configure))));
    }
    let options = if want.arg == PLAIN { &all[2..] } else { &all[..] };
    let options = el("publish-options", ns::PUBSUB).kid(pubsub::form(ns::PUBLISH_OPTIONS, options));
    Ok(Some(Question::set(pubsub::publish_only(ns::BOOKMARKS, &row.jid, conference).kid(options))))
}

/// The server has it, or does not take it: a bookmark that others could read is none that we write.
pub(super) fn changed(ctx: &mut Ctx, want: &WantRow, answer: Answer) -> Result<()> {
    let done = match &answer {
        Answer::Result(_) => true,
        Answer::Error(condition, _) => condition == "item-not-found",
    };
    match (done, want.arg.as_str()) {
        (true, PLAIN) => ctx.want_about(Kind::Bookmark, &want.jid, CONFIGURE)?,
        (false, "") => {
            ctx.drop_want(want)?;
            return ctx.want_about(Kind::Bookmark, &want.jid, PLAIN);
        }
        _ => {}
    }
    if !done && want.tries < 3 {
        ctx.tx.count("bookmark_refused")?;
        return ctx.later(want, REFUSED_PAUSE);
    }
    ctx.drop_want(want)?;
    match ctx.tx.room(&want.jid)? {
        Some(mut row) if done => {
            row.bookmarked = row.wanted;
            ctx.tx.put_room(&row)
        }
        _ => Ok(()),
    }
}
