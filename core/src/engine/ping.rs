//! XMPP Ping (XEP-0199): answering one, and rounds of our own.
//!
//! A round is a ping to our own server, put once the archive was read and our server was told where to push. A server works in
//! order: when its answer was handled, all that it had for us before has been handled too, and it has all that we wrote.

use super::iq::Outcome;
use super::want::{Kind, Question};
use super::xml::el;
use super::{Ctx, Effect, mam, ns, room};
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
    Ok(mam::is_over(ctx)? && !ctx.tx.any_fresh(&push)? && room::is_settled(ctx)? && !is_about_to_say(ctx)?)
}

/// Whether something waits to be said, and what it waits for was just asked: a device list, or keys.
fn is_about_to_say(ctx: &Ctx) -> Result<bool> {
    let lists = [Kind::List, Kind::Bundle].map(Kind::code);
    Ok((ctx.tx.any_waiting()? || ctx.tx.any_parcel()?) && ctx.tx.any_fresh_of_others(&lists, ctx.now.wall)?)
}

pub(crate) fn question() -> Question {
    Question::get(el("ping", ns::PING))
}

/// An answer, whichever: a server that knows no ping says so in its turn.
pub(crate) fn answered(ctx: &mut Ctx, row: &WantRow) -> Result<()> {
    ctx.tx.touch(Touched::Connection);
    ctx.drop_want(row)
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{juliet, sent};
    use super::*;

    /// The pings put so far.
    fn pings(ctx: &mut Ctx) -> usize {
        begin_rounds(ctx).unwrap();
        ctx.ask_due().unwrap();
        sent(ctx).iter().filter(|iq| iq.has_child("ping", ns::PING)).count()
    }

    #[test]
    fn a_round_waits_for_the_archive_and_for_the_push_to_be_enabled() {
        juliet(|ctx| {
            want_round(ctx, "a").unwrap();
            assert_eq!(pings(ctx), 0);
            // A new stream asks everything again, but not this.
            ctx.tx.reset_wants(ctx.now.wall).unwrap();
            assert_eq!(pings(ctx), 0);
            let own = ctx.bare();
            ctx.tx.set_cursor(&own, Some("one"), 0).unwrap();
            ctx.tx.set_complete(&own, ctx.stream).unwrap();
            for kind in [Kind::PushDisco, Kind::PushEnable] {
                ctx.want_own(kind, "").unwrap();
                assert_eq!(pings(ctx), 0, "the server would not push on this stream");
                ctx.tx.unwant_kind(kind.code()).unwrap();
            }
            // An app server is not waited for.
            ctx.want_of(Kind::PushRegister, "push.example", "").unwrap();
            assert_eq!(pings(ctx), 1);
        });
    }

    #[test]
    fn an_unanswered_round_is_not_taken_for_one_that_is_over() {
        juliet(|ctx| {
            let own = ctx.bare();
            ctx.tx.set_cursor(&own, Some("one"), 0).unwrap();
            ctx.tx.set_complete(&own, ctx.stream).unwrap();
            want_round(ctx, "a").unwrap();
            for tries in 1..12 {
                assert_eq!(pings(ctx), tries);
                ctx.now.wall += 40 * 60_000;
            }
        });
    }
}
