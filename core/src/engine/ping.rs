//! XMPP Ping (XEP-0199): answering one, and rounds of our own.
//!
//! A round is a ping to our own server, put once the archive was read and our server was told where to push. A server works in
//! order: when its answer was handled, all that it had for us before has been handled too, and it has all that we wrote.

use super::iq::Outcome;
use super::want::{Kind, Question};
use super::xml::el;
use super::{Ctx, Effect, mam, ns};
use crate::error::Result;
use crate::store::Touched;
use crate::store::want::WantRow;

/// When a round is due that waits for something else than time.
pub(crate) const UNTIL_READY: i64 = i64::MAX;

/// Somebody asks whether we are there.
pub(crate) fn asked() -> Outcome {
    Outcome::Result(None)
}

/// Wants a round of this name; it is over when the want is gone.
pub(crate) fn want_round(ctx: &Ctx, name: &str) -> Result<()> {
    let domain = ctx.me.jid.domain().as_str();
    ctx.tx.want(Kind::Round.code(), "", name, domain, UNTIL_READY)
}

/// Somebody in another process waits for a round: that is no time for long pauses.
pub(crate) fn hurry(ctx: &mut Ctx) -> Result<()> {
    if !ctx.online && ctx.tx.any_want(Kind::Round.code())? {
        ctx.effects.push(Effect::Hurry);
    }
    Ok(())
}

/// Makes rounds due once there is nothing more to wait for.
pub(crate) fn begin_rounds(ctx: &Ctx) -> Result<()> {
    if ctx.tx.any_want(Kind::Round.code())? && is_ready(ctx)? {
        ctx.tx.bring_forward(Kind::Round.code(), ctx.now.wall)?;
    }
    Ok(())
}

pub(crate) fn is_ready(ctx: &Ctx) -> Result<bool> {
    let push = [Kind::PushDisco, Kind::PushEnable].map(Kind::code);
    Ok(mam::is_over(ctx)? && !ctx.tx.any_fresh(&push)?)
}

pub(crate) fn question() -> Question {
    Question::get(el("ping", ns::PING))
}

/// An answer, whichever: a server that knows no ping says so in its turn.
pub(crate) fn answered(ctx: &mut Ctx, row: &WantRow) -> Result<()> {
    ctx.tx.touch(Touched::Connection);
    ctx.drop_want(row)
}
