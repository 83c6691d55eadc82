//! A second look at the archive (XEP-0313), soon after it was read to its end: a server may hold us for absent and archive
//! a message only after our last page, and hand it to nobody before the next stream (seen with ejabberd).
//!
//! Live messages move the archive's cursor meanwhile, so this look has a place of its own: the argument of its want.

use super::want::{Answer, Kind, Question};
use super::xml::{Build, el};
use super::{Ctx, mam, ns, room};
use crate::error::Result;
use crate::store::want::WantRow;
use minidom::Element;

/// How long after the catch-up: a server that is slower with its own archive is in trouble. Milliseconds.
const PAUSE: i64 = 5_000;

/// Wants the look, behind what was read so far. Without archive ids on live messages (XEP-0359) a copy of one could not be
/// told from a new one.
pub(crate) fn begin(ctx: &mut Ctx) -> Result<()> {
    let cursor = ctx.tx.archive(&ctx.bare())?.and_then(|archive| archive.cursor);
    match cursor {
        Some(cursor) if ctx.tx.connection()?.sid => {
            ctx.tx.want(Kind::SecondLook.code(), "", &cursor, "", ctx.now.wall + PAUSE)
        }
        _ => settled(ctx),
    }
}

/// Whether it is still to come: until then pre-keys that were used may be met again.
pub(crate) fn is_due(ctx: &Ctx) -> Result<bool> {
    ctx.tx.any_want(Kind::SecondLook.code())
}

fn query_id(stream: i64) -> String {
    format!("second-look-{stream}")
}

/// Whether this result answers the look.
pub(crate) fn asked(ctx: &Ctx, result: &Element) -> Result<bool> {
    Ok(ctx.online && result.attr("queryid") == Some(&query_id(ctx.stream)) && is_due(ctx)?)
}

pub(crate) fn question(ctx: &Ctx, row: &WantRow) -> Question {
    let mut set = el("set", ns::RSM).kid(el("max", ns::RSM).words(mam::PAGE));
    if !row.arg.is_empty() {
        set = set.kid(el("after", ns::RSM).words(&row.arg));
    }
    Question::set(el("query", ns::MAM).at("queryid", query_id(ctx.stream)).kid(set))
}

/// A page ended. The cursor follows only where no live message has moved it on.
pub(crate) fn answered(ctx: &mut Ctx, row: &WantRow, answer: Answer) -> Result<()> {
    ctx.drop_want(row)?;
    let Answer::Result(stanza) = answer else { return settled(ctx) };
    let own = ctx.bare();
    if let Some(last) = mam::last_of_page(stanza)
        && ctx.tx.archive(&own)?.and_then(|archive| archive.cursor).as_ref() == Some(&row.arg)
    {
        ctx.tx.set_cursor(&own, Some(&last), 0)?;
    }
    match mam::next_page(stanza, row) {
        Some(last) => ctx.want_own(Kind::SecondLook, &last),
        None => settled(ctx),
    }
}

/// Nothing old comes any more.
fn settled(ctx: &mut Ctx) -> Result<()> {
    match room::is_behind(ctx)? {
        true => Ok(()),
        false => ctx.tx.delete_used_pre_keys(),
    }
}
