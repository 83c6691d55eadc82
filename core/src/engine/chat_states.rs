//! Chat State Notifications (XEP-0085): somebody types. Never stored, never from an archive.

use super::xml::{Build, el};
use super::{Ctx, Effect, ns};
use crate::error::Result;
use crate::model::Sealing;
use crate::seal::{PlainAllowed, Sealed};
use crate::store::outgoing::Fate;
use minidom::Element;

/// Reads the state of a live message from `chat`, clear or out of its envelope, and tells the screens.
pub(crate) fn heard(ctx: &mut Ctx, chat: &str, message: &Element) -> Result<()> {
    if matches!(message.attr("type"), Some("error" | "groupchat")) {
        return Ok(());
    }
    let typing =
        message.children().filter(|child| child.ns() == ns::CHAT_STATES).find_map(|child| match child.name() {
            "composing" => Some(true),
            "active" | "paused" | "inactive" | "gone" => Some(false),
            _ => None,
        });
    // Where there is no chat there is no line to show it in, and strangers cannot make us remember them.
    if let Some(typing) = typing
        && ctx.tx.chat(chat)?.is_some()
    {
        ctx.effects.push(Effect::Typing { chat: chat.to_owned(), typing });
    }
    Ok(())
}

/// Tells the other side that we type or stopped: in clear, where a person allowed that and nothing was ever sealed.
/// Elsewhere it stays unsaid: a sealed state uses up chain indexes of sleeping devices.
pub(crate) fn set(ctx: &mut Ctx, chat: &str, typing: bool) -> Result<()> {
    let Some(row) = ctx.tx.chat(chat)?.filter(|row| ctx.online && row.sealed == Sealing::None) else { return Ok(()) };
    let Some(allowed) = PlainAllowed::by_person(row.plain_allowed) else { return Ok(()) };
    if !ctx.tx.devices(chat)?.is_empty() {
        return Ok(());
    }
    let state = if typing { "composing" } else { "paused" };
    let message = el("message", ns::CLIENT)
        .at("type", "chat")
        .at("to", chat)
        .kid(el(state, ns::CHAT_STATES))
        .kid(el("no-store", ns::HINTS));
    ctx.tx.queue(Fate::Stream, None, &Sealed::plain(&message, allowed), "[]")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{ROMEO, juliet, sent, xml};
    use super::*;
    use crate::store::device::DeviceRow;

    fn hears(ctx: &mut Ctx, attributes: &str, state: &str) {
        let text = format!(
            "<message xmlns='jabber:client' {attributes}><{state} xmlns='http://jabber.org/protocol/chatstates'/></message>"
        );
        heard(ctx, ROMEO, &xml(&text)).unwrap();
    }

    #[test]
    fn typing_shows_only_in_a_chat_that_exists() {
        juliet(|ctx| {
            hears(ctx, "", "composing");
            assert!(ctx.effects.is_empty());
            ctx.tx.ensure_chat(ROMEO).unwrap();
            hears(ctx, "type='error'", "composing");
            hears(ctx, "", "juggling");
            assert!(ctx.effects.is_empty());
            hears(ctx, "type='chat'", "composing");
            hears(ctx, "", "gone");
            let typing = |typing| Effect::Typing { chat: ROMEO.into(), typing };
            assert_eq!(ctx.effects, [typing(true), typing(false)]);
        });
    }

    #[test]
    fn typing_is_told_only_where_plain_text_is_allowed_and_nothing_can_be_sealed() {
        juliet(|ctx| {
            set(ctx, ROMEO, true).unwrap();
            ctx.tx.ensure_chat(ROMEO).unwrap();
            set(ctx, ROMEO, true).unwrap();
            assert!(sent(ctx).is_empty());
            ctx.tx.allow_plain(ROMEO, true).unwrap();
            ctx.online = false;
            set(ctx, ROMEO, true).unwrap();
            assert!(sent(ctx).is_empty());
            ctx.online = true;
            set(ctx, ROMEO, true).unwrap();
            set(ctx, ROMEO, false).unwrap();
            let told = sent(ctx);
            assert_eq!(told.len(), 2);
            assert!(told[0].has_child("composing", ns::CHAT_STATES) && told[0].has_child("no-store", ns::HINTS));
            assert!(told[1].has_child("paused", ns::CHAT_STATES));
            ctx.tx.put_device(&DeviceRow::unknown(ROMEO, 5)).unwrap();
            set(ctx, ROMEO, true).unwrap();
            assert_eq!(sent(ctx).len(), 2);
        });
    }
}
