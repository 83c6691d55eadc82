//! What a message says beside its text, each to its own file.

use super::changes::Said;
use super::content::Content;
use super::markers::{self, Marker};
use super::receipts::{self, Receipt};
use super::{Ctx, chat_states, reactions, retractions};
use crate::error::Result;

/// Hands each to its file.
pub(super) fn received(ctx: &mut Ctx, said: &Said, content: &Content) -> Result<()> {
    if let Some(reactions) = &content.reactions {
        reactions::received(ctx, said, reactions)?;
    }
    if let Some(target) = &content.retracts {
        retractions::received(ctx, said, target)?;
    }
    if let Some(Marker::Displayed(id)) = &content.marker {
        markers::received(ctx, said, id)?;
    }
    if let Some(Receipt::Received(id)) = &content.receipt {
        receipts::counted(ctx, said, id)?;
    }
    match content.typing {
        Some(typing) if said.fresh && !said.own => chat_states::heard(ctx, said.chat, typing),
        _ => Ok(()),
    }
}
