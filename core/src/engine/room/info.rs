//! What a room is (XEP-0045 section 6.4): asked before we go in, and again whenever its configuration changed.

use super::super::want::{Answer, Kind};
use super::super::{Ctx, ns};
use super::{is_inside, refuse, settle};
use crate::error::{ErrorKind, Result};
use crate::model::RoomState;
use crate::store::room::RoomRow;
use crate::store::want::WantRow;
use minidom::Element;

/// How long to wait before a room whose server cannot be reached is asked again; doubled each time, milliseconds.
const AWAY_PAUSE: i64 = 5_000;

/// The room told what it is, or that it is not.
pub(super) fn answered(ctx: &mut Ctx, mut room: RoomRow, want: &WantRow, answer: Answer) -> Result<()> {
    match answer {
        Answer::Result(iq) => {
            ctx.drop_want(want)?;
            read(&mut room, iq);
            looked(ctx, room)
        }
        Answer::Error(condition, _) if condition == "item-not-found" || condition == "gone" => {
            ctx.drop_want(want)?;
            match room.making {
                0 => refuse(ctx, room, ErrorKind::RoomNotFound),
                _ => ctx.want_of(Kind::RoomJoin, &room.jid, ""),
            }
        }
        // It tells outsiders nothing, which is no reason to stay away: going in tells more.
        Answer::Error(condition, _) if matches!(condition.as_str(), "forbidden" | "registration-required") => {
            ctx.drop_want(want)?;
            match (is_inside(ctx, &room), room.asked) {
                (false, true) => ctx.want_of(Kind::RoomJoin, &room.jid, ""),
                _ => refuse(ctx, room, ErrorKind::RoomRefused),
            }
        }
        Answer::Error(..) => {
            ctx.tx.count("room_away")?;
            if !is_inside(ctx, &room) {
                (room.state, room.reason) = (RoomState::Joining, Some(ErrorKind::RoomRefused.code().to_owned()));
                ctx.tx.put_room(&room)?;
            }
            ctx.later(want, AWAY_PAUSE << want.tries.min(8))
        }
    }
}

fn read(room: &mut RoomRow, iq: &Element) {
    let query = iq.get_child("query", ns::DISCO_INFO);
    let can = |feature: &str| {
        let mut all = query.into_iter().flat_map(|query| query.children());
        all.any(|child| child.is("feature", ns::DISCO_INFO) && child.attr("var") == Some(feature))
    };
    let mut flaws = Vec::new();
    if !can("muc_membersonly") {
        flaws.push("open");
    }
    if !can("muc_hidden") {
        flaws.push("public");
    }
    if !can("muc_nonanonymous") {
        flaws.push("semi_anonymous");
    }
    // A consent was to what the room was then: a flaw that went and comes back is somebody's new deed.
    let accepted = room.accepted.split(' ').filter(|flaw| flaws.contains(flaw));
    room.accepted = accepted.collect::<Vec<_>>().join(" ");
    room.flaws = flaws.join(" ");
    (room.archive, room.named) = (can(ns::MAM), can(ns::OCCUPANT));
}

/// What the room is, is known: go in, stay, or stop.
fn looked(ctx: &mut Ctx, mut room: RoomRow) -> Result<()> {
    if is_inside(ctx, &room) {
        return match room.making {
            0 => settle(ctx, room),
            _ => super::configure::made(ctx, room),
        };
    }
    if room.making == 1 {
        return refuse(ctx, room, ErrorKind::RoomExists);
    }
    if !room.asked && !room.open_flaws().is_empty() {
        // Only a bookmark asks for it: a person is to see first what it is.
        return settle(ctx, room);
    }
    if room.state != RoomState::Halted {
        room.state = RoomState::Joining;
    }
    ctx.tx.put_room(&room)?;
    ctx.want_of(Kind::RoomJoin, &room.jid, "")
}

/// The room says that its configuration changed: nothing goes out until we have looked (XEP-0045 section 10.2.1).
pub(super) fn look_again(ctx: &mut Ctx, room: &str) -> Result<()> {
    ctx.tx.want_instead(Kind::RoomInfo.code(), room, "", room, ctx.now.wall)
}
