//! Message Archive Management (XEP-0313): catching up over any gap, from a stored cursor.
//!
//! Until the archive was read to its end, only its pages move the cursor, and live messages wait in the inbox: else a
//! crash would skip pages for ever, and a live message far ahead in its chain would exceed the skip limit.

use super::want::{self, Answer, Kind, Question};
use super::xml::{Build, child_text, el, jid_of, parse};
use super::{Ctx, message, ns, pubsub, receipts, room, second_look};
use crate::error::{ErrorKind, Result};
use crate::model::Time;
use crate::store::Tx;
use crate::store::want::WantRow;
use minidom::Element;

/// Messages asked for at once.
pub(crate) const PAGE: &str = "100";
/// Kept messages handled in one transaction.
const DRAIN: usize = 64;
/// So often the archive is asked for a page before messages come and go without it: soon enough for a person, late enough
/// for a busy server, as what it gives out after that stands behind what came live.
const TRIES: u32 = 3;
/// How long to wait before an archive that refused is asked again; doubled each time, milliseconds.
const REFUSED_PAUSE: i64 = 5_000;
/// How far before the newest known message we go on when the server forgot our cursor, milliseconds.
const OVERLAP: i64 = 24 * 3600 * 1000;

/// What the last stream asked of the archive is asked no more, before anything is asked on a new one.
pub(crate) fn forget(ctx: &Ctx) -> Result<()> {
    ctx.tx.unwant_kind(Kind::Page.code())?;
    ctx.tx.unwant_kind(Kind::SecondLook.code())
}

/// Begins the catch-up of a new stream.
pub(crate) fn begin(ctx: &mut Ctx) -> Result<()> {
    ctx.want_own(Kind::Page, "")
}

/// Whether the archive keeps us waiting: what a person writes shall not wait with us.
pub(crate) fn is_late(ctx: &Ctx) -> Result<bool> {
    Ok(ctx.online && ctx.tx.any_asked_again(Kind::Page.code())?)
}

/// Whether our archive was read to its end on this stream.
pub(crate) fn is_complete(ctx: &Ctx) -> Result<bool> {
    Ok(ctx.online && ctx.tx.archive(ctx.me.jid.as_str())?.is_some_and(|archive| archive.complete == ctx.stream))
}

/// Whether messages come and go as they are: the archive was read, or does not answer on this stream.
pub(crate) fn is_over(ctx: &Ctx) -> Result<bool> {
    let archive = ctx.tx.archive(ctx.me.jid.as_str())?;
    Ok(ctx.online && archive.is_some_and(|archive| archive.complete.abs() == ctx.stream))
}

/// Whether anything may be sealed in a session that was there before this stream.
pub(crate) fn may_seal(ctx: &Ctx) -> Result<bool> {
    Ok(is_over(ctx)? || is_late(ctx)?)
}

/// What waited for that moment is due.
pub(crate) fn seal_again(ctx: &Ctx) -> Result<()> {
    [Kind::Restored, Kind::Answer].iter().try_for_each(|kind| ctx.tx.bring_forward(kind.code(), ctx.now.wall))
}

/// Disco told whether there is an archive at all.
pub(crate) fn archive_known(ctx: &mut Ctx, exists: bool) -> Result<()> {
    if exists {
        return ctx.want_own(Kind::ArchivePrefs, "");
    }
    ctx.tx.unwant_kind(Kind::Page.code())?;
    if is_complete(ctx)? { Ok(()) } else { finish(ctx) }
}

/// The next page. A store that never looked asks for the newest id only: nothing older can be read by this device.
pub(crate) fn question(ctx: &mut Ctx, row: &WantRow) -> Result<Option<Question>> {
    let mut set = el("set", ns::RSM);
    let mut fields = Vec::new();
    let stamp;
    let cursor = ctx.tx.archive(ctx.me.jid.as_str())?.and_then(|archive| archive.cursor);
    match (row.arg.as_str(), cursor) {
        ("by time", _) => {
            let newest = ctx.tx.archive(ctx.me.jid.as_str())?.map_or(0, |archive| archive.newest);
            stamp = Time((newest - OVERLAP).max(0)).to_string();
            fields.push(("start", stamp.as_str()));
            set = set.kid(el("max", ns::RSM).words(PAGE));
        }
        (_, None) => set = set.kid(el("max", ns::RSM).words("1")).kid(el("before", ns::RSM)),
        (after, Some(cursor)) => {
            set = set.kid(el("max", ns::RSM).words(PAGE));
            let after = if after.is_empty() { cursor.as_str() } else { after };
            if !after.is_empty() {
                set = set.kid(el("after", ns::RSM).words(after));
            }
        }
    }
    let form = (!fields.is_empty()).then(|| pubsub::form(ns::MAM, &fields));
    let id = query_id(ctx.stream);
    Ok(Some(Question::set(el("query", ns::MAM).at("queryid", id).kids(form).kid(set))))
}

/// Ties results to the questions of this stream.
fn query_id(stream: i64) -> String {
    format!("catch-up-{stream}")
}

/// Whether this stanza says that a page ended.
pub(crate) fn ends_page(stanza: &Element) -> bool {
    stanza.name() == "iq" && stanza.has_child("fin", ns::MAM)
}

/// The page that this one ends is still to be handled: the next one is asked for meanwhile. The cursor stays where it is
/// until then, so after a crash the pages are asked for again.
pub(crate) fn foreseen(ctx: &mut Ctx, end: &Element) -> Result<()> {
    let row = match end.attr("id") {
        Some(id) if end.attr("type") == Some("result") => ctx.tx.want_by_iq(id)?,
        _ => None,
    };
    let page = row.filter(|row| row.kind == Kind::Page.code() && want::may_answer(ctx, &row.target, end));
    let next = page.and_then(|row| next_page(end, &row));
    match next {
        Some(next) if ctx.tx.archive(&ctx.bare())?.is_some_and(|archive| archive.cursor.is_some()) => {
            ctx.want_own(Kind::Page, &next)
        }
        _ => Ok(()),
    }
}

/// Behind which id the page after this one begins; none if this is the last.
pub(crate) fn next_page(end: &Element, row: &WantRow) -> Option<String> {
    let complete = end.get_child("fin", ns::MAM)?.attr("complete") == Some("true");
    last_of_page(end).filter(|last| !complete && *last != row.arg)
}

/// The newest id of the page that this one ends.
pub(crate) fn last_of_page(end: &Element) -> Option<String> {
    let set = end.get_child("fin", ns::MAM)?.get_child("set", ns::RSM)?;
    child_text(set, "last", ns::RSM)
}

/// A page ended, or was refused.
pub(crate) fn answered(ctx: &mut Ctx, row: &WantRow, answer: Answer) -> Result<()> {
    let own = ctx.bare();
    match answer {
        Answer::Result(stanza) => {
            ctx.drop_want(row)?;
            crate::killpoint::reach("catchup");
            if !ends_page(stanza) {
                return finish(ctx);
            }
            let last = last_of_page(stanza);
            let never_looked = ctx.tx.archive(&own)?.and_then(|archive| archive.cursor).is_none();
            if never_looked && row.arg.is_empty() {
                ctx.tx.set_cursor(&own, Some(last.as_deref().unwrap_or("")), 0)?;
                return finish(ctx);
            }
            match next_page(stanza, row) {
                Some(last) => {
                    ctx.tx.set_cursor(&own, Some(&last), 0)?;
                    ctx.want_own(Kind::Page, &last)
                }
                None => finish(ctx),
            }
        }
        // The cursor was purged: go on by time.
        Answer::Error(condition, _) if condition == "item-not-found" && row.arg != "by time" => {
            ctx.drop_want(row)?;
            ctx.tx.count("cursor_purged")?;
            ctx.want_own(Kind::Page, "by time")
        }
        Answer::Error(condition, _)
            if matches!(condition.as_str(), "service-unavailable" | "feature-not-implemented") =>
        {
            ctx.drop_want(row)?;
            let mut row = ctx.tx.connection()?;
            row.archive = Some(false);
            ctx.tx.set_connection(&row)?;
            finish(ctx)
        }
        Answer::Error(..) => {
            ctx.tx.count("page_refused")?;
            unanswered(ctx, row)?;
            ctx.later(row, REFUSED_PAUSE << row.tries.min(5))
        }
    }
}

/// The archive does not answer, or refuses again and again. It is asked on, but messages wait for it no more: what lies in
/// the inbox is handled, and new ones come and go. The cursor stays behind what only the archive has.
pub(crate) fn unanswered(ctx: &mut Ctx, row: &WantRow) -> Result<()> {
    if row.tries < TRIES || is_over(ctx)? {
        return Ok(());
    }
    ctx.tx.count("archive_silent")?;
    let mut row = ctx.tx.connection()?;
    row.error = Some(ErrorKind::ArchiveSilent.code().to_owned());
    ctx.tx.set_connection(&row)?;
    finish(ctx)
}

/// All pages were read, or it is no use to wait for them: now the live messages that waited, then the rest of the world.
fn finish(ctx: &mut Ctx) -> Result<()> {
    // The pump does it, at the end of this transaction or in one of its own.
    ctx.tx.want("drain", "", "", "", i64::MAX)
}

/// Handles what waited for the end of catch-up, some at a time; then the archive counts as read.
pub(crate) fn drain(ctx: &mut Ctx) -> Result<()> {
    if !ctx.online || !is_draining(ctx.tx)? {
        return Ok(());
    }
    let kept = ctx.tx.take_inbox(DRAIN)?;
    for (raw, arrived, room) in &kept {
        match parse(raw) {
            Some(stanza) if room.is_empty() => message::live(ctx, &stanza, *arrived)?,
            Some(stanza) => room::message::kept(ctx, room, &stanza, *arrived)?,
            None => ctx.tx.count("inbox_unparsable")?,
        }
    }
    if !kept.is_empty() {
        return Ok(());
    }
    room::archive::drained(ctx)?;
    if ctx.tx.find_want("drain", "", "")?.is_none() {
        return Ok(());
    }
    ctx.tx.unwant("drain", "", "")?;
    let own = ctx.bare();
    let whole = !ctx.tx.any_want(Kind::Page.code())?;
    ctx.tx.set_complete(&own, if whole { ctx.stream } else { -ctx.stream })?;
    if whole {
        let mut row = ctx.tx.connection()?;
        row.caught_up = true;
        row.error = row.error.filter(|error| error != ErrorKind::ArchiveSilent.code());
        ctx.tx.set_connection(&row)?;
        second_look::begin(ctx)?;
    }
    super::pump::decide_handed(ctx)?;
    room::archive::begin_all(ctx)?;
    seal_again(ctx)?;
    receipts::after_catch_up(ctx)
}

/// Whether more kept messages wait to be handled.
pub(crate) fn is_draining(tx: &Tx) -> Result<bool> {
    tx.any_want("drain")
}

/// An archived message. Only our own archive may answer, and only what we asked on this stream.
pub(crate) fn result(ctx: &mut Ctx, outer: &Element, result: &Element) -> Result<()> {
    // The account itself answers: another client of ours is somebody else, as with carbons.
    let ours = outer.attr("from").is_none()
        || jid_of(outer, "from").is_some_and(|from| from.resource().is_none() && from.to_bare() == ctx.me.jid);
    let own = ctx.bare();
    if !ours && room::archive::result(ctx, outer, result)? {
        return Ok(());
    }
    let archive = ctx.tx.archive(&own)?;
    let complete = ctx.online && archive.as_ref().is_some_and(|archive| archive.complete == ctx.stream);
    let again = second_look::asked(ctx, result)?;
    let asked = result.attr("queryid") == Some(&query_id(ctx.stream)) && !complete;
    if !ours || !(asked || again) {
        return ctx.tx.count("archive_forged");
    }
    let forwarded = result.get_child("forwarded", ns::FORWARD);
    let inner = forwarded.and_then(|forwarded| forwarded.get_child("message", ns::CLIENT));
    let (Some(id), Some(forwarded), Some(inner)) = (result.attr("id"), forwarded, inner) else {
        return ctx.tx.count("archive_malformed");
    };
    if archive.and_then(|archive| archive.cursor).is_none() {
        // This is the question for the newest id; the message itself was before this device's time.
        return Ok(());
    }
    let stamp = forwarded.get_child("delay", ns::DELAY).and_then(|delay| delay.attr("stamp")).and_then(Time::parse);
    message::archived(ctx, inner, id, stamp)?;
    if again {
        return Ok(());
    }
    ctx.tx.caught_one()?;
    ctx.tx.set_cursor(&own, Some(id), stamp.map_or(0, |stamp| stamp.0))
}

/// A live message with our archive's id moves the cursor, once the archive was read to its end.
pub(crate) fn passed(ctx: &mut Ctx, stanza_id: &str) -> Result<()> {
    if is_complete(ctx)? {
        let own = ctx.bare();
        ctx.tx.set_cursor(&own, Some(stanza_id), ctx.now.wall)?;
    }
    Ok(())
}

/// Asks how the server archives (XEP-0441), or tells it to archive everything.
pub(crate) fn prefs_question(row: &WantRow) -> Question {
    match row.arg.as_str() {
        "always" => Question::set(
            el("prefs", ns::MAM).at("default", "always").kid(el("always", ns::MAM)).kid(el("never", ns::MAM)),
        ),
        _ => Question::get(el("prefs", ns::MAM)),
    }
}

/// An archive that drops messages by default is told to keep all: else a second device, or this one after a gap,
/// would miss messages for ever.
pub(crate) fn prefs_answered(ctx: &mut Ctx, row: &WantRow, answer: Answer) -> Result<()> {
    ctx.drop_want(row)?;
    let Answer::Result(stanza) = answer else { return ctx.tx.count("archive_prefs_refused") };
    let default = stanza.get_child("prefs", ns::MAM).and_then(|prefs| prefs.attr("default"));
    match (row.arg.as_str(), default) {
        ("", Some("never" | "roster")) => ctx.want_own(Kind::ArchivePrefs, "always"),
        ("always", _) => {
            tracing::info!(target: "dunnock", "the archive now keeps every message");
            ctx.tx.count("archive_set_to_always")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{juliet, sent, xml};
    use super::*;

    fn end(id: &str, more: &str) -> Element {
        xml(&format!(
            "<iq xmlns='jabber:client' type='result' id='{id}'{more}><fin xmlns='urn:xmpp:mam:2'>
             <set xmlns='http://jabber.org/protocol/rsm'><last>seven</last></set></fin></iq>"
        ))
    }

    /// Where the pages begin that were asked for so far.
    fn pages(ctx: &mut Ctx) -> Vec<(String, String)> {
        ctx.ask_due().unwrap();
        let asked = sent(ctx);
        let page = |iq: &Element| {
            let after = child_text(iq.get_child("query", ns::MAM)?.get_child("set", ns::RSM)?, "after", ns::RSM)?;
            Some((iq.attr("id")?.to_owned(), after))
        };
        asked.iter().filter_map(page).collect()
    }

    #[test]
    fn the_next_page_is_asked_for_before_this_one_is_handled_and_the_cursor_waits_for_that() {
        juliet(|ctx| {
            let own = ctx.bare();
            let cursor = |ctx: &Ctx| ctx.tx.archive(&own).unwrap().unwrap().cursor.unwrap();
            ctx.tx.set_cursor(&own, Some("one"), 0).unwrap();
            begin(ctx).unwrap();
            let first = pages(ctx);
            let (id, after) = &first[0];
            assert_eq!((first.len(), after.as_str()), (1, "one"));
            foreseen(ctx, &end(id, " from='tybalt@capulet.example'")).unwrap();
            foreseen(ctx, &end("another", "")).unwrap();
            assert_eq!(pages(ctx).len(), 1);
            foreseen(ctx, &end(id, "")).unwrap();
            let both = pages(ctx);
            assert_eq!((both.len(), both[1].1.as_str(), cursor(ctx).as_str()), (2, "seven", "one"));
            want::answered(ctx, &end(id, "")).unwrap();
            assert_eq!((pages(ctx).len(), cursor(ctx).as_str()), (2, "seven"));
        });
    }
}
