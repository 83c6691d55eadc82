//! Message Delivery Receipts (XEP-0184).
//!
//! A live message is confirmed at once. During catch-up only the newest of each chat is remembered, as a want of kind
//! `receipt`: its `jid` is the chat and its `target` the id to confirm. When the archive was read to its end these
//! become due one after the other, so that a long absence does not end in a burst.

use super::want::Question;
use super::xml::{Build, el};
use super::{Ctx, ns};
use crate::error::Result;
use crate::model::Delivery;
use crate::seal::Sealed;
use crate::store::outgoing::Fate;
use crate::store::want::WantRow;
use minidom::Element;

/// The kind of want that remembers a receipt to be sent.
pub(crate) const KIND: &str = "receipt";
/// How long a remembered receipt waits for the end of catch-up before it is sent anyway, milliseconds.
const PARKED: i64 = 3_600_000;
/// The pause between two of them, milliseconds.
const PACE: i64 = 200;
/// Longer ids are nobody's; they would only make us send much.
const ID_LENGTH: usize = 512;

/// The id to confirm, if the sender asks for that.
pub(crate) fn requested(message: &Element) -> Option<String> {
    let asks = message.has_child("request", ns::RECEIPTS) && !message.has_child("received", ns::RECEIPTS);
    let other = matches!(message.attr("type"), Some("error" | "groupchat"));
    let id = message.attr("id").filter(|id| !id.is_empty() && id.len() <= ID_LENGTH);
    id.filter(|_| asks && !other).map(str::to_owned)
}

/// Confirms a message. The receipt goes again on a new stream: a second one does no harm, a lost one does.
pub(crate) fn confirm(ctx: &mut Ctx, to_bare: &str, id: &str) -> Result<()> {
    let message = el("message", ns::CLIENT)
        .at("type", "chat")
        .at("to", to_bare)
        .at("id", ctx.fresh_id())
        .kid(el("received", ns::RECEIPTS).at("id", id))
        .kid(el("store", ns::HINTS));
    ctx.tx.queue(Fate::Again, None, &Sealed::message(&message)?, "[]")?;
    Ok(())
}

/// Remembers, during catch-up, that the newest message of this chat is to be confirmed; an older one is forgotten.
pub(crate) fn confirm_later(ctx: &mut Ctx, chat: &str, id: &str) -> Result<()> {
    ctx.tx.want_instead(KIND, chat, "", id, ctx.now.wall + PARKED)
}

/// The archive was read to its end: what was remembered becomes due, one after the other.
pub(crate) fn after_catch_up(ctx: &mut Ctx) -> Result<()> {
    let parked = ctx.tx.due_wants(i64::MAX)?.into_iter().filter(|row| row.kind == KIND);
    for (row, turn) in parked.zip(0..) {
        ctx.tx.ask_again(&row, ctx.now.wall + turn * PACE)?;
    }
    Ok(())
}

/// A remembered receipt is due. Nobody answers it, so there is no question and the want is done.
pub(crate) fn question(ctx: &mut Ctx, row: &WantRow) -> Result<Option<Question>> {
    confirm(ctx, &row.jid, &row.target)?;
    Ok(None)
}

/// Takes a receipt from `from_bare`; `own` if one of our own devices sent it. Gives whether the message was a receipt
/// and nothing else: content beside a receipt is never hidden by it.
pub(crate) fn received(ctx: &mut Ctx, from_bare: &str, message: &Element, own: bool) -> Result<bool> {
    let Some(receipt) = message.get_child("received", ns::RECEIPTS) else { return Ok(false) };
    match message.attr("type") {
        // One of ours came back: that is a matter of errors.
        Some("error") => return Ok(false),
        Some("groupchat") => ctx.tx.count("receipt_stranger")?,
        _ if own => {}
        _ => count_in(ctx, from_bare, receipt.attr("id").unwrap_or(""))?,
    }
    let content = |child: &Element| child.name() == "encrypted" || child.is("body", ns::CLIENT);
    Ok(!message.children().any(content))
}

/// Only the very person that a message was sent to can have received it.
fn count_in(ctx: &mut Ctx, from_bare: &str, id: &str) -> Result<()> {
    match ctx.tx.own_message(from_bare, id)? {
        // A message of another device of ours has no state here.
        Some(row) if row.state.is_none() => Ok(()),
        // One that was never handed over cannot have arrived: its id was guessed.
        Some(row) if row.state != Some(Delivery::Waiting) => ctx.tx.climb(row.id, Delivery::Delivered, None).map(drop),
        _ => ctx.tx.count("receipt_stranger"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster::tests::{ROMEO, juliet, sent, xml};
    use super::*;
    use crate::model::Sealing;
    use crate::store::message::NewMessage;

    fn says(ctx: &Ctx, id: &str, state: Delivery) -> i64 {
        let message = NewMessage {
            chat: ROMEO,
            own: true,
            sender: "juliet@capulet.example",
            origin_id: Some(id),
            stanza_id: None,
            body: Some("Good night"),
            sealed: Sealing::Full,
            device: None,
            identity: None,
            trust: None,
            sent: 0,
            arrived: 0,
            state: Some(state),
            reason: None,
            digest: b"",
            reply_to: None,
            waiting: false,
        };
        ctx.tx.insert_message(&message).unwrap()
    }

    fn receipt(id: &str, more: &str) -> Element {
        xml(&format!(
            "<message xmlns='jabber:client' type='chat'><received xmlns='urn:xmpp:receipts' id='{id}'/>{more}</message>"
        ))
    }

    fn state(ctx: &Ctx, id: i64) -> Delivery {
        ctx.tx.message(id).unwrap().unwrap().state.unwrap()
    }

    #[test]
    fn only_whom_we_wrote_to_can_confirm() {
        juliet(|ctx| {
            let id = says(ctx, "one", Delivery::Sent);
            assert!(received(ctx, "tybalt@capulet.example", &receipt("one", ""), false).unwrap());
            assert!(received(ctx, ROMEO, &receipt("two", ""), false).unwrap());
            assert_eq!((state(ctx, id), ctx.tx.counted("receipt_stranger")), (Delivery::Sent, 2));
            assert!(received(ctx, "juliet@capulet.example", &receipt("one", ""), true).unwrap());
            assert_eq!((state(ctx, id), ctx.tx.counted("receipt_stranger")), (Delivery::Sent, 2));
            assert!(received(ctx, ROMEO, &receipt("one", ""), false).unwrap());
            assert_eq!(state(ctx, id), Delivery::Delivered);
        });
    }

    #[test]
    fn a_receipt_lifts_failed_and_does_not_lower_displayed_nor_touch_the_unsent() {
        juliet(|ctx| {
            for (id, (before, after)) in [
                (Delivery::Waiting, Delivery::Waiting),
                (Delivery::Sending, Delivery::Delivered),
                (Delivery::Failed, Delivery::Delivered),
                (Delivery::Displayed, Delivery::Displayed),
            ]
            .into_iter()
            .enumerate()
            {
                let row = says(ctx, &id.to_string(), before);
                received(ctx, ROMEO, &receipt(&id.to_string(), ""), false).unwrap();
                assert_eq!(state(ctx, row), after);
            }
        });
    }

    #[test]
    fn a_receipt_hides_no_message_beside_it() {
        juliet(|ctx| {
            assert!(!received(ctx, ROMEO, &receipt("x", "<body>But soft</body>"), false).unwrap());
            assert!(!received(ctx, ROMEO, &receipt("x", "<encrypted xmlns='urn:xmpp:omemo:2'/>"), false).unwrap());
            assert!(!received(ctx, ROMEO, &xml("<message xmlns='jabber:client'/>"), false).unwrap());
            assert!(received(ctx, ROMEO, &receipt("x", "<store xmlns='urn:xmpp:hints'/>"), false).unwrap());
        });
    }

    #[test]
    fn a_receipt_or_an_error_asks_for_none() {
        let asks = |attributes: &str, more: &str| {
            requested(&xml(&format!(
                "<message xmlns='jabber:client' {attributes}><request xmlns='urn:xmpp:receipts'/>{more}</message>"
            )))
        };
        assert_eq!(asks("id='a'", "").as_deref(), Some("a"));
        assert_eq!(asks("id='a' type='error'", ""), None);
        assert_eq!(asks("id='a' type='groupchat'", ""), None);
        assert_eq!(asks("", ""), None);
        assert_eq!(asks("id='a'", "<received xmlns='urn:xmpp:receipts' id='b'/>"), None);
        assert_eq!(requested(&xml("<message xmlns='jabber:client' id='a'/>")), None);
    }

    #[test]
    fn after_catch_up_each_chat_gets_one_receipt_at_its_turn() {
        juliet(|ctx| {
            for id in ["one", "two", "three"] {
                confirm_later(ctx, ROMEO, id).unwrap();
                confirm_later(ctx, "nurse@capulet.example", id).unwrap();
            }
            assert!(ctx.tx.due_wants(ctx.now.wall).unwrap().is_empty());
            after_catch_up(ctx).unwrap();
            assert_eq!(ctx.tx.due_wants(ctx.now.wall).unwrap().len(), 1);
            let due = ctx.tx.due_wants(ctx.now.wall + PACE).unwrap();
            for row in &due {
                assert!(question(ctx, row).unwrap().is_none());
            }
            let told = sent(ctx);
            assert_eq!(told.len(), 2);
            assert!(
                told.iter()
                    .all(|stanza| stanza.get_child("received", ns::RECEIPTS).unwrap().attr("id") == Some("three"))
            );
            assert!(told.iter().all(|stanza| stanza.has_child("store", ns::HINTS)));
        });
    }
}
