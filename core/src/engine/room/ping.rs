//! MUC Self-Ping (XEP-0410): whether the room still holds us for present, which nobody tells us when a connection between
//! servers was lost.

use super::super::Ctx;
use super::super::want::{Answer, Kind};
use super::{again, is_inside};
use crate::error::Result;
use crate::store::room::RoomRow;
use crate::store::want::WantRow;

/// How often we ask, milliseconds.
const PAUSE: i64 = 15 * 60_000;
/// How often where nobody looks: messages of a room that lost us are read once somebody does.
const UNSEEN_PAUSE: i64 = 60 * 60_000;
/// How soon again, when the room could not be reached, milliseconds.
const AWAY_PAUSE: i64 = 60_000;

/// The stream was resumed: it may have been away for long.
pub(crate) fn all(ctx: &mut Ctx) -> Result<()> {
    for row in ctx.tx.rooms()? {
        if is_inside(ctx, &row) {
            put(ctx, &row, ctx.now.wall)?;
        }
    }
    Ok(())
}

/// We came in, or are known to be inside: ask again in a while.
pub(super) fn later(ctx: &mut Ctx, row: &RoomRow) -> Result<()> {
    let pause = if ctx.inactive { UNSEEN_PAUSE } else { PAUSE };
    put(ctx, row, ctx.now.wall + pause)
}

/// Somebody looks again, or nobody does: what is planned is planned anew.
pub(crate) fn looked(ctx: &mut Ctx) -> Result<()> {
    let online = ctx.online;
    for row in ctx.tx.rooms()?.into_iter().filter(|_| online) {
        if !is_inside(ctx, &row) {
            continue;
        }
        if ctx.inactive {
            later(ctx, &row)?;
        } else {
            // A quarter of an hour and more may have gone by since it was asked.
            put(ctx, &row, ctx.now.wall)?;
        }
    }
    Ok(())
}

fn put(ctx: &mut Ctx, row: &RoomRow, due: i64) -> Result<()> {
    let target = format!("{}/{}", row.jid, row.nick);
    ctx.tx.want_instead(Kind::RoomPing.code(), &row.jid, "", &target, due)
}

/// An answer (XEP-0410 section 3.1).
pub(super) fn answered(ctx: &mut Ctx, row: RoomRow, want: &WantRow, answer: Answer) -> Result<()> {
    if !is_inside(ctx, &row) {
        return ctx.drop_want(want);
    }
    match answer {
        Answer::Result(_) => later(ctx, &row),
        Answer::Error(condition, _) => match condition.as_str() {
            "service-unavailable" | "feature-not-implemented" | "item-not-found" => later(ctx, &row),
            "remote-server-not-found" | "remote-server-timeout" => ctx.later(want, AWAY_PAUSE),
            _ => {
                ctx.tx.count("room_lost_us")?;
                again(ctx, row, 0)
            }
        },
    }
}
