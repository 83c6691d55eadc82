//! Chat State Notifications (XEP-0085): somebody types. Never stored, never from an archive.
//!
//! Sealed, a state takes an index of each device's chain, also of devices that sleep: so it goes only to those that were
//! heard from of late, and only while their chain is short. Who sleeps misses nothing.

use super::changes::{self, Way};
use super::content::Content;
use super::xml::el;
use super::{Ctx, Effect, ns, parcel};
use crate::error::Result;
use crate::store::parcel::Reach;
use minidom::Element;

/// Whether the sender types now.
pub(super) fn read(parent: &Element) -> Option<bool> {
    parent.children().filter(|child| child.ns() == ns::CHAT_STATES).find_map(|child| match child.name() {
        "composing" => Some(true),
        "active" | "paused" | "inactive" | "gone" => Some(false),
        _ => None,
    })
}

/// Says so.
pub(super) fn element(typing: bool) -> Element {
    el(if typing { "composing" } else { "paused" }, ns::CHAT_STATES)
}

/// Somebody types or stopped: tells the screens.
pub(crate) fn heard(ctx: &mut Ctx, chat: &str, typing: bool) -> Result<()> {
    // Where there is no chat there is no line to show it in, and strangers cannot make us remember them.
    if ctx.tx.chat(chat)?.is_some() {
        ctx.effects.push(Effect::Typing { chat: chat.to_owned(), typing });
    }
    Ok(())
}

/// Tells the other side that we type or stopped, where that can be sealed or was allowed in clear; elsewhere it stays unsaid.
pub(crate) fn set(ctx: &mut Ctx, chat: &str, typing: bool) -> Result<()> {
    // In a room it would cost each of many members a place in the chain.
    if !ctx.online || ctx.tx.chat(chat)?.is_none() || ctx.tx.is_room(chat)? {
        return Ok(());
    }
    if matches!(changes::way(ctx, chat)?, Way::Closed | Way::Barred) {
        return Ok(());
    }
    let content = Content { typing: Some(typing), ..Content::default() };
    parcel::put(ctx, chat, &content, Reach::Awake, false)
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{ROMEO, juliet, xml};
    use super::*;

    #[test]
    fn typing_shows_only_in_a_chat_that_exists() {
        juliet(|ctx| {
            heard(ctx, ROMEO, true).unwrap();
            assert!(ctx.effects.is_empty());
            ctx.tx.ensure_chat(ROMEO).unwrap();
            heard(ctx, ROMEO, true).unwrap();
            heard(ctx, ROMEO, false).unwrap();
            let typing = |typing| Effect::Typing { chat: ROMEO.into(), typing };
            assert_eq!(ctx.effects, [typing(true), typing(false)]);
        });
    }

    #[test]
    fn only_states_that_are_known_say_anything() {
        let of = |state: &str| {
            read(&xml(&format!(
                "<message xmlns='jabber:client'><{state} xmlns='http://jabber.org/protocol/chatstates'/></message>"
            )))
        };
        let all = ["composing", "paused", "active", "inactive", "gone", "juggling"].map(of);
        assert_eq!(all, [Some(true), Some(false), Some(false), Some(false), Some(false), None]);
    }
}
