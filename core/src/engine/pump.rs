//! The pump: what waits is encrypted at hand-over and no earlier, for the devices and the trust of that moment.

use super::content::{Content, Reply};
use super::letter::{self, Words};
use super::markers::Marker;
use super::receipts::Receipt;
use super::recipients::{self, Recipients};
use super::xml::{Build, el};
use super::{Ctx, changes, mam, ns, parcel, ping, room, trust};
use crate::error::{ErrorKind, Result};
use crate::model::{Delivery, Sealing, Time, Trust};
use crate::seal::{self, ExtrasAllowed, PlainAllowed, Sealed};
use crate::store::message::MessageRow;
use crate::store::outgoing::Fate;
use crate::wire::Arrived;
use minidom::Element;
use std::collections::BTreeSet;

/// Messages encrypted in one transaction; more wait for the next, so that incoming ones get their turn.
const AT_ONCE: usize = 32;

/// Turns what is due into rows for the wire. Called at the end of each transaction.
pub(crate) fn pump(ctx: &mut Ctx) -> Result<()> {
    if !ctx.online {
        return Ok(());
    }
    mam::drain(ctx)?;
    let late = mam::is_late(ctx)?;
    if late {
        // What was sent before goes before.
        decide_handed(ctx)?;
        mam::seal_again(ctx)?;
    }
    // What is due may be a receipt, which goes out as a parcel: with this turn, as nothing may come to wake us for another.
    ctx.ask_due()?;
    if (late || mam::is_over(ctx)?) && (ctx.tx.any_waiting()? || ctx.tx.any_parcel()?) {
        let mut held: BTreeSet<String> = BTreeSet::new();
        let mut done = 0;
        for row in ctx.tx.waiting_messages()? {
            if !held.contains(&row.chat) && done < AT_ONCE && hand_over(ctx, &row)? {
                done += 1;
            } else {
                held.insert(row.chat);
            }
        }
        parcel::pump(ctx, &held)?;
    }
    trust::due(ctx)?;
    ping::begin_rounds(ctx)?;
    ctx.ask_due()
}

/// Encrypts one message and queues it. False: it waits, and its chat with it.
fn hand_over(ctx: &mut Ctx, row: &MessageRow) -> Result<bool> {
    if let Some(reason) = room::held_by(ctx, &row.chat)? {
        ctx.tx.set_waits_for(row.id, Some(reason))?;
        return Ok(false);
    }
    if !recipients::lists_confirmed(ctx, &row.chat)? {
        ctx.tx.set_waits_for(row.id, Some("device_lists"))?;
        return Ok(false);
    }
    let recipients = recipients::of(ctx, &row.chat, row.sent)?;
    let nobody = recipients.reached == 0 && !recipients.coming;
    if nobody && room::is_from_before_a_halt(ctx, &row.chat, row.sent)? {
        ctx.tx.climb(row.id, Delivery::Failed, Some(ErrorKind::RoomNotPrivate.code()))?;
        return Ok(true);
    }
    if recipients.known == 0 && ctx.tx.is_room(&row.chat)? {
        // Plain text goes into no room, whatever anybody allows.
        ctx.tx.set_waits_for(row.id, Some(ErrorKind::NoUsableDevice.code()))?;
        return Ok(false);
    }
    if recipients.known == 0 {
        return plain(ctx, row);
    }
    if recipients.coming {
        ctx.tx.set_waits_for(row.id, Some("bundles"))?;
        return Ok(false);
    }
    if recipients.reached == 0 {
        let kind = if recipients.keyless > 0 { ErrorKind::NoUsableDevice } else { ErrorKind::NoTrustedDevice };
        ctx.tx.set_waits_for(row.id, Some(kind.code()))?;
        return Ok(false);
    }
    sealed(ctx, row, recipients)?;
    Ok(true)
}

fn sealed(ctx: &mut Ctx, row: &MessageRow, recipients: Recipients) -> Result<()> {
    crate::killpoint::reach("encrypt");
    let content = content(ctx, row)?;
    let words = Words { chat: &row.chat, content: &content, lasting: true };
    let frame = envelope(ctx, row)?;
    let letter = letter::seal(ctx, frame, &words, &recipients.reach)?.ok_or(ErrorKind::Internal)?;
    let fate = room::outbox::keep(ctx, row, &letter.stanza, &letter.devices)?;
    ctx.tx.queue(fate, Some(row.id), &letter.stanza, &letter.devices)?;
    ctx.tx.set_handed(row.id, letter.level, letter.reached, recipients.known)?;
    ctx.tx.move_to_end(row.id, &row.chat, letter.level)?;
    ctx.tx.climb(row.id, Delivery::Sending, None)?;
    Ok(())
}

/// What a message of ours says.
fn content(ctx: &Ctx, row: &MessageRow) -> Result<Content> {
    // A room tells itself that it has a message, and a hundred members that each tell it too would be a crowd.
    let alone = !ctx.tx.is_room(&row.chat)?;
    Ok(Content {
        body: row.body.clone(),
        reply: reply(ctx, row)?,
        receipt: alone.then_some(Receipt::Wanted),
        marker: alone.then_some(Marker::Wanted),
        ..Content::default()
    })
}

/// The message that this one answers, as others know it.
pub(crate) fn reply(ctx: &Ctx, row: &MessageRow) -> Result<Option<Reply>> {
    let answered = match row.reply_to {
        Some(id) => ctx.tx.message(id)?,
        None => None,
    };
    Ok(match answered {
        Some(row) => changes::name_of(ctx, &row).ok().map(|id| Reply { id, to: row.sender }),
        None => None,
    })
}

/// What a message is refused with that could only go in plain text, which nobody allowed. Whose devices cannot be looked up
/// may have some.
pub(crate) fn refusal(ctx: &Ctx, chat: &str) -> Result<ErrorKind> {
    Ok(match chat == ctx.me.jid.as_str() {
        true => ErrorKind::NoOtherDevice,
        false if ctx.tx.any_list_refused(chat)? => ErrorKind::ContactUnreachable,
        false => ErrorKind::PlainNotAllowed,
    })
}

/// The other side has no device: plain text if a person allowed it for this chat, else the message is refused.
fn plain(ctx: &mut Ctx, row: &MessageRow) -> Result<bool> {
    // A permission given before the chat was ever sealed does not outlive the first sealed message: else whoever empties
    // a device list would turn the chat back to plain text.
    let allowed = ctx.tx.chat(&row.chat)?.is_some_and(|chat| chat.plain_allowed && chat.sealed == Sealing::None);
    let Some(allowed) = PlainAllowed::by_person(allowed) else {
        if recipients::vanished(ctx, &row.chat)? {
            ctx.tx.set_waits_for(row.id, Some(ErrorKind::ListVanished.code()))?;
            recipients::look_again(ctx, &row.chat)?;
            return Ok(false);
        }
        ctx.tx.climb(row.id, Delivery::Failed, Some(refusal(ctx, &row.chat)?.code()))?;
        return Ok(true);
    };
    let content = Content { marker: None, ..content(ctx, row)? };
    let stanza = envelope(ctx, row)?.kids(content.in_clear());
    ctx.tx.queue(Fate::Message, Some(row.id), &Sealed::plain(&stanza, allowed), "[]")?;
    ctx.tx.set_handed(row.id, Sealing::None, 0, 0)?;
    ctx.tx.move_to_end(row.id, &row.chat, Sealing::None)?;
    ctx.tx.climb(row.id, Delivery::Sending, None)?;
    Ok(true)
}

/// The stanza around a message of ours: where it goes, and its ids.
fn envelope(ctx: &Ctx, row: &MessageRow) -> Result<Element> {
    letter::frame(ctx, &row.chat, row.origin_id.as_deref().unwrap_or_default())
}

/// Bytes were written to the socket.
pub(crate) fn written(ctx: &mut Ctx, token: i64) -> Result<()> {
    ctx.tx.written(token, ctx.stream)
}

/// The server has these bytes and all before them.
pub(crate) fn acked(ctx: &mut Ctx, token: i64, h: Option<u32>) -> Result<()> {
    if let Some(h) = h {
        ctx.tx.set_acked_count(h)?;
    }
    for message in ctx.tx.acked(token)? {
        ctx.tx.climb(message, Delivery::Sent, None)?;
    }
    Ok(())
}

/// The server takes nothing as large as these bytes, as it said itself (XEP-0478): a message has failed, and a request is
/// refused, as the server would have done at the price of the stream.
pub(crate) fn too_large(ctx: &mut Ctx, token: i64) -> Result<()> {
    let Some((message, bytes)) = ctx.tx.outgoing_row(token)? else { return Ok(()) };
    ctx.tx.drop_outgoing(token)?;
    ctx.tx.count("too_large_to_send")?;
    if let Some(message) = message {
        return ctx.tx.climb(message, Delivery::Failed, Some(ErrorKind::TooLarge.code())).map(drop);
    }
    let stanza = String::from_utf8(bytes).ok().and_then(|text| super::xml::parse(&text));
    let Some(iq) = stanza.filter(|stanza| stanza.name() == "iq") else { return Ok(()) };
    let error = el("error", ns::CLIENT).at("type", "modify").kid(el("policy-violation", ns::STANZAS));
    let mut answer = el("iq", ns::CLIENT).at("type", "error").at("id", iq.attr("id").unwrap_or_default()).kid(error);
    if let Some(to) = iq.attr("to") {
        answer = answer.at("from", to);
    }
    super::message::arrived(ctx, Arrived::Whole(answer))
}

/// Catch-up is over, or late: messages of a lost stream that the server never acknowledged go again, the same bytes with
/// their delay, also those that our own archive has: a server that dies between the archives of sender and recipient keeps
/// only ours. Whoever has the first copy drops the second. One that names a device distrusted since does not go.
pub(crate) fn decide_handed(ctx: &mut Ctx) -> Result<()> {
    for handed in ctx.tx.undecided_messages()? {
        ctx.tx.drop_outgoing(handed.id)?;
        let Some(row) = ctx.tx.message(handed.message)? else { continue };
        let devices: Vec<(String, u32)> = serde_json::from_str(&handed.devices).unwrap_or_default();
        let mut distrusted = false;
        for (jid, device) in &devices {
            distrusted |= ctx.tx.device(jid, *device)?.is_some_and(|row| row.trust == Trust::Distrusted);
        }
        if distrusted {
            // What the server has is not called failed: said again, it would be there twice.
            if row.state < Some(Delivery::Sent) {
                ctx.tx.climb(row.id, Delivery::Failed, Some(ErrorKind::DeviceChanged.code()))?;
            }
            continue;
        }
        // A receipt comes from one device; others of the same person may have it only from their archive.
        if row.state == Some(Delivery::Failed) {
            continue;
        }
        let stanza = String::from_utf8(handed.bytes).ok().and_then(|text| super::xml::parse(&text));
        let stanza = stanza.ok_or(ErrorKind::DamagedStore)?;
        let stamp = Time(row.sent).to_string();
        let again = if stanza.has_child("delay", ns::DELAY) {
            stanza
        } else {
            stanza.kid(el("delay", ns::DELAY).at("stamp", stamp))
        };
        let extras = ctx.tx.chat(&row.chat)?.is_some_and(|chat| chat.extras_allowed);
        let plain = PlainAllowed::by_person(row.sealed == Sealing::None && devices.is_empty());
        let sealed = match (plain, ExtrasAllowed::by_person(extras)) {
            (Some(allowed), _) => Sealed::plain(&again, allowed),
            (None, Some(allowed)) => Sealed::with_extras(&again, allowed)?,
            (None, None) => Sealed::message(&seal::without_extras(&again))?,
        };
        ctx.tx.queue(Fate::Message, Some(row.id), &sealed, &handed.devices)?;
    }
    Ok(())
}
