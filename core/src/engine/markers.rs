//! Displayed Markers (XEP-0333): what was displayed, up to a message. They only move forward.

use super::changes::{self, Said, Way};
use super::content::{Content, id_of};
use super::xml::{Build, el};
use super::{Ctx, ns, parcel};
use crate::error::Result;
use crate::model::{Delivery, Sealing};
use crate::store::parcel::Reach;
use minidom::Element;

/// So many messages become `displayed` by one marker; older ones have long been, or nobody looks any more.
const AT_ONCE: u32 = 500;

/// That a message was displayed, or the wish to hear of it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Marker {
    /// The sender wants to hear of it.
    Wanted,
    /// All up to the message of this id were displayed.
    Displayed(String),
}

/// Reads one. A marker is never answered by one: who says `displayed` asks for nothing.
pub(super) fn read(parent: &Element) -> Option<Marker> {
    if let Some(displayed) = parent.get_child("displayed", ns::MARKERS) {
        return id_of(displayed).map(Marker::Displayed);
    }
    parent.has_child("markable", ns::MARKERS).then_some(Marker::Wanted)
}

/// Says so.
pub(super) fn element(marker: &Marker) -> Element {
    match marker {
        Marker::Wanted => el("markable", ns::MARKERS),
        Marker::Displayed(id) => el("displayed", ns::MARKERS).at("id", &**id),
    }
}

/// Somebody saw all up to the message of this id; of another own device, that one of us read it there.
pub(super) fn received(ctx: &mut Ctx, said: &Said, id: &str) -> Result<()> {
    let Some(row) = ctx.tx.message_named(said.chat, id, None)?.filter(|row| row.own != said.own) else {
        return ctx.tx.count("marker_stranger");
    };
    // Like a receipt, one in clear can be forged by any server: of what was sealed whole it says nothing.
    if row.sealed > said.sealed && row.sealed == Sealing::Full {
        return ctx.tx.count("marker_unsealed");
    }
    if said.own {
        return ctx.tx.read_up_to(said.chat, row.position);
    }
    // One that was never handed over cannot have been seen: its id was guessed.
    if row.state.is_none_or(|state| state == Delivery::Waiting) {
        return if row.state.is_none() { Ok(()) } else { ctx.tx.count("marker_stranger") };
    }
    ctx.tx.climb(row.id, Delivery::Displayed, None)?;
    for id in ctx.tx.undisplayed(said.chat, row.position, AT_ONCE)? {
        ctx.tx.climb(id, Delivery::Displayed, None)?;
    }
    Ok(())
}

/// The person read the chat: tells the other side how far, once, where it asked for that. Whoever never got a word from us
/// and does not see our presence does not learn from this that we are here (XEP-0333 section 6).
pub(super) fn tell(ctx: &mut Ctx, chat: &str) -> Result<()> {
    if !ctx.tx.tells_displayed()? || !(ctx.tx.wrote_to(chat)? || sees_us(ctx, chat)?) {
        return Ok(());
    }
    let newest = match ctx.tx.to_be_marked(chat)? {
        Some(id) => ctx.tx.message(id)?,
        None => None,
    };
    let Some(row) = newest else { return Ok(()) };
    let allowed = match changes::way(ctx, chat)? {
        Way::Sealed => row.sealed == Sealing::Full,
        Way::Extras => true,
        Way::Plain | Way::Barred | Way::Closed => false,
    };
    if let (true, Some(name)) = (allowed, row.origin_id) {
        let content = Content { marker: Some(Marker::Displayed(name)), ..Content::default() };
        parcel::put(ctx, chat, &content, Reach::Everyone, true)?;
        ctx.tx.set_marked(chat, row.position)?;
    }
    Ok(())
}

fn sees_us(ctx: &Ctx, chat: &str) -> Result<bool> {
    let contact = ctx.tx.contact(chat)?;
    Ok(contact.is_some_and(|contact| contact.subscription.seen_by_them()))
}
