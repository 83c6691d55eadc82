//! Message Delivery Receipts (XEP-0184).
//!
//! A live message is confirmed at once. During catch-up only the newest of each chat is remembered, as a want of kind
//! `receipt`: its `jid` is the chat and its `target` the id to confirm. When the archive was read to its end these
//! become due one after the other, so that a long absence does not end in a burst.
//!
//! A receipt goes as the message came: sealed for one that was sealed whole (version 2), in clear for one of version 0.3,
//! whose server sees the delivery anyway. In clear it names an id and nothing else.

use super::changes::Said;
use super::content::{Content, id_of};
use super::want::Question;
use super::xml::{Build, el};
use super::{Ctx, ns, parcel};
use crate::error::Result;
use crate::model::{Delivery, Sealing};
use crate::seal::Sealed;
use crate::store::outgoing::Fate;
use crate::store::parcel::Reach;
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
/// What a want says of a receipt that is to be sealed.
const SEALED: &str = "sealed";

/// A receipt, or the wish for one.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Receipt {
    /// The sender wants one.
    Wanted,
    /// The message of this id arrived.
    Received(String),
}

/// Reads one. A receipt is never answered by one: who says `received` asks for nothing.
pub(super) fn read(parent: &Element) -> Option<Receipt> {
    if let Some(received) = parent.get_child("received", ns::RECEIPTS) {
        return id_of(received).map(Receipt::Received);
    }
    parent.has_child("request", ns::RECEIPTS).then_some(Receipt::Wanted)
}

/// Says so.
pub(super) fn element(receipt: &Receipt) -> Element {
    match receipt {
        Receipt::Wanted => el("request", ns::RECEIPTS),
        Receipt::Received(id) => el("received", ns::RECEIPTS).at("id", &**id),
    }
}

/// Confirms a message that came at this level. The receipt goes again on a new stream: a second one does no harm, a lost
/// one does.
pub(crate) fn confirm(ctx: &mut Ctx, to_bare: &str, id: &str, sealed: Sealing) -> Result<()> {
    if id.is_empty() || id.len() > ID_LENGTH {
        return Ok(());
    }
    if sealed == Sealing::Full {
        let content = Content { receipt: Some(Receipt::Received(id.to_owned())), ..Content::default() };
        return parcel::put(ctx, to_bare, &content, Reach::Everyone, true);
    }
    let message = el("message", ns::CLIENT)
        .at("type", "chat")
        .at("to", to_bare)
        .at("id", ctx.fresh_id())
        .kid(el("received", ns::RECEIPTS).at("id", id))
        .kid(el("store", ns::HINTS));
    ctx.tx.queue(Fate::Again, None, &Sealed::receipt(&message)?, "[]")?;
    Ok(())
}

/// Remembers, during catch-up, that the newest message of this chat is to be confirmed; an older one is forgotten.
pub(crate) fn confirm_later(ctx: &mut Ctx, chat: &str, id: &str, sealed: Sealing) -> Result<()> {
    if id.is_empty() || id.len() > ID_LENGTH {
        return Ok(());
    }
    let how = if sealed == Sealing::Full { SEALED } else { "" };
    ctx.tx.want_instead(KIND, chat, how, id, ctx.now.wall + PARKED)
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
    let sealed = if row.arg == SEALED { Sealing::Full } else { Sealing::Content };
    confirm(ctx, &row.jid, &row.target, sealed)?;
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
        _ => count_in(ctx, from_bare, receipt.attr("id").unwrap_or(""), Sealing::None)?,
    }
    let content = |child: &Element| child.name() == "encrypted" || child.is("body", ns::CLIENT);
    Ok(!message.children().any(content))
}

/// A receipt came out of an envelope.
pub(super) fn counted(ctx: &mut Ctx, said: &Said, id: &str) -> Result<()> {
    if said.own { Ok(()) } else { count_in(ctx, said.chat, id, said.sealed) }
}

/// Only the very person that a message was sent to can have received it. What was sealed whole is confirmed sealed: one in
/// clear is the word of a server.
fn count_in(ctx: &mut Ctx, chat: &str, id: &str, sealed: Sealing) -> Result<()> {
    match ctx.tx.own_message(chat, id)? {
        Some(row) if row.sealed == Sealing::Full && sealed != Sealing::Full => ctx.tx.count("receipt_unsealed"),
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
    use super::super::{devices, pump};
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
            sealed: Sealing::Content,
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
    fn of_what_was_sealed_whole_a_receipt_in_clear_says_nothing() {
        juliet(|ctx| {
            let id = says(ctx, "one", Delivery::Sent);
            ctx.tx.set_handed(id, Sealing::Full, 1, 1).unwrap();
            received(ctx, ROMEO, &receipt("one", ""), false).unwrap();
            assert_eq!((state(ctx, id), ctx.tx.counted("receipt_unsealed")), (Delivery::Sent, 1));
            count_in(ctx, ROMEO, "one", Sealing::Full).unwrap();
            assert_eq!(state(ctx, id), Delivery::Delivered);
        });
    }

    #[test]
    fn a_receipt_asks_for_none() {
        let of = |inner: &str| read(&xml(&format!("<message xmlns='jabber:client'>{inner}</message>")));
        assert_eq!(of("<request xmlns='urn:xmpp:receipts'/>"), Some(Receipt::Wanted));
        let both = "<request xmlns='urn:xmpp:receipts'/><received xmlns='urn:xmpp:receipts' id='b'/>";
        assert_eq!(of(both), Some(Receipt::Received("b".into())));
        assert_eq!(of("<received xmlns='urn:xmpp:receipts'/>"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn a_sealed_receipt_that_is_due_goes_with_the_same_turn() {
        juliet(|ctx| {
            let own = ctx.bare();
            ctx.tx.set_complete(&own, ctx.stream).unwrap();
            for (jid, version) in [own.as_str(), ROMEO].into_iter().flat_map(|jid| devices::VERSIONS.map(|v| (jid, v)))
            {
                ctx.tx.confirm_device_list(jid, version, ctx.stream, 0).unwrap();
            }
            confirm_later(ctx, ROMEO, "one", Sealing::Full).unwrap();
            after_catch_up(ctx).unwrap();
            pump::pump(ctx).unwrap();
            // Romeo has no device here to seal it for; that it was looked at is what counts.
            assert_eq!((ctx.tx.any_parcel().unwrap(), ctx.tx.counted("parcel_unsealable")), (false, 1));
        });
    }

    #[test]
    fn after_catch_up_each_chat_gets_one_receipt_at_its_turn() {
        juliet(|ctx| {
            for id in ["one", "two", "three"] {
                confirm_later(ctx, ROMEO, id, Sealing::Content).unwrap();
                confirm_later(ctx, "nurse@capulet.example", id, Sealing::Content).unwrap();
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
