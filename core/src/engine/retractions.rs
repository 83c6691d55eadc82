//! Message Retraction (XEP-0424). What was taken back leaves a row without text; whoever read it has read it.

use super::changes::{self, Said};
use super::content::{Content, id_of};
use super::xml::{Build, el};
use super::{Ctx, ns};
use crate::error::Result;
use crate::model::Delivery;
use crate::store::change::EarlyRow;
use crate::store::message::MessageRow;
use minidom::Element;

/// The message that is taken back.
pub(super) fn read(parent: &Element) -> Option<String> {
    id_of(parent.get_child("retract", ns::RETRACT)?)
}

/// Says so.
pub(super) fn element(id: &str) -> Element {
    el("retract", ns::RETRACT).at("id", id)
}

/// Somebody took back what they said under the id `target`.
pub(super) fn received(ctx: &mut Ctx, said: &Said, target: &str) -> Result<()> {
    let Some(row) = ctx.tx.message_named(said.chat, target, Some(said.sender))? else {
        if ctx.tx.message_named(said.chat, target, None)?.is_some() {
            return ctx.tx.count("change_stranger");
        }
        if !changes::is_trusted(ctx, said)? {
            return Ok(());
        }
        let early = EarlyRow { sender: said.sender.to_owned(), emojis: None, sealed: said.sealed, made: said.time };
        return ctx.tx.keep_early(said.chat, target, &early);
    };
    if row.retracted.is_some() || !changes::counts(ctx, said, &row)? {
        return Ok(());
    }
    ctx.tx.retract(&row, said.time)
}

/// Takes back a message of ours. One that was not handed over yet is not sent at all.
pub(super) fn say(ctx: &mut Ctx, row: &MessageRow) -> Result<()> {
    changes::ours(row)?;
    if row.state != Some(Delivery::Waiting) {
        let name = changes::name_of(ctx, row)?;
        changes::say(ctx, row, &Content { retracts: Some(name), ..Content::default() })?;
    }
    ctx.tx.retract(row, ctx.now.wall)
}
