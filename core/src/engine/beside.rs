//! What a message says beside its text, each to its own file.

use super::changes::{self, Said};
use super::content::Content;
use super::markers::{self, Marker};
use super::receipts::{self, Receipt};
use super::{Ctx, chat_states, reactions, retractions};
use crate::error::Result;
use crate::model::Sealing;

/// Hands each to its file.
pub(super) fn received(ctx: &mut Ctx, said: &Said, content: &Content) -> Result<()> {
    if let Some(reactions) = &content.reactions {
        reactions::received(ctx, said, reactions)?;
    }
    if let Some(target) = &content.retracts {
        retractions::received(ctx, said, target)?;
    }
    // A device in quarantine, or rejected, may not even have what it calls received.
    if changes::is_barred(said) {
        return Ok(());
    }
    if let Some(Marker::Displayed(id)) = &content.marker {
        markers::received(ctx, said, id)?;
    }
    if let Some(Receipt::Received(id)) = &content.receipt {
        receipts::counted(ctx, said, id)?;
    }
    match content.typing {
        Some(typing) if said.fresh && !said.own && counts(ctx, said)? => chat_states::heard(ctx, said.chat, typing),
        _ => Ok(()),
    }
}

/// Where all is sealed whole, a server could say in clear that somebody types.
fn counts(ctx: &Ctx, said: &Said) -> Result<bool> {
    let whole = ctx.tx.chat(said.chat)?.is_some_and(|chat| chat.sealed == Sealing::Full);
    Ok(said.sealed == Sealing::Full || !whole)
}

#[cfg(test)]
mod tests {
    use super::super::omemo::Author;
    use super::super::roster::tests::{ROMEO, juliet};
    use super::*;
    use crate::model::{Delivery, Trust};
    use crate::store::message::NewMessage;
    use dunnock_omemo::Version;

    #[test]
    fn a_device_in_quarantine_confirms_nothing_and_is_not_seen_typing() {
        juliet(|ctx| {
            let own = ctx.bare();
            let message = NewMessage {
                chat: ROMEO,
                own: true,
                sender: &own,
                origin_id: Some("one"),
                stanza_id: None,
                body: Some("Good night"),
                sealed: Sealing::Full,
                device: None,
                identity: None,
                trust: None,
                sent: 0,
                arrived: 0,
                state: Some(Delivery::Sent),
                reason: None,
                digest: b"",
                reply_to: None,
                waiting: false,
            };
            let row = ctx.tx.insert_message(&message).unwrap();
            let words = || {
                [
                    Content { receipt: Some(Receipt::Received("one".into())), ..Content::default() },
                    Content { marker: Some(Marker::Displayed("one".into())), ..Content::default() },
                    Content { typing: Some(true), ..Content::default() },
                ]
            };
            let hears = |ctx: &mut Ctx, trust| {
                let author = Author { device: 5, identity: [5; 32], trust, version: Version::V2 };
                let said = Said {
                    chat: ROMEO,
                    sender: ROMEO,
                    own: false,
                    origin_id: None,
                    sealed: Sealing::Full,
                    author: Some(author),
                    time: 0,
                    claimed: 0,
                    fresh: true,
                };
                for content in words() {
                    received(ctx, &said, &content).unwrap();
                }
                (ctx.tx.message(row).unwrap().unwrap().state.unwrap(), ctx.effects.len())
            };
            assert_eq!(hears(ctx, Trust::Undecided), (Delivery::Sent, 0));
            assert_eq!(hears(ctx, Trust::Distrusted), (Delivery::Sent, 0));
            assert_eq!(hears(ctx, Trust::FirstUse), (Delivery::Displayed, 1));
        });
    }
}
