//! Changes to what was said before: what corrections, retractions and reactions have in common.
//!
//! A change counts only at the level of sealing of what it changes or higher, and from a trusted device; otherwise it is
//! dropped and counted. Version 0.3 seals texts only, so what stands beside one in clear is a change of level `none`.

use super::content::Content;
use super::omemo::Author;
use super::{Ctx, devices, parcel, pump, recipients, trust};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Sealing, Trust};
use crate::store::message::MessageRow;
use crate::store::parcel::Reach;

/// Who says something, where, and how well that was sealed.
pub(crate) struct Said<'a> {
    /// The chat's bare JID.
    pub chat: &'a str,
    /// The sender's bare JID.
    pub sender: &'a str,
    /// Whether one of our own devices says it.
    pub own: bool,
    /// The sender's id of the stanza.
    pub origin_id: Option<&'a str>,
    /// How well it was sealed.
    pub sealed: Sealing,
    /// The device, if it was.
    pub author: Option<Author>,
    /// When, as servers and our own clock say.
    pub time: i64,
    /// When, as the sender says where servers do not contradict, else the same.
    pub claimed: i64,
    /// Whether it came by itself just now.
    pub fresh: bool,
}

/// How what is no text can be said in a chat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// Sealed, to the devices of version 2; or it is not known yet how.
    Sealed,
    /// In clear, as a person allowed here what version 0.3 cannot seal.
    Extras,
    /// In clear like all in this chat, as a person allowed.
    Plain,
    /// To nobody, before a person decides on their devices.
    Barred,
    /// Not at all.
    Closed,
}

/// How it can be said in this chat, as far as the device lists that were read tell.
pub(crate) fn way(ctx: &Ctx, chat: &str) -> Result<Way> {
    let (mut known, mut barred, mut confirmed) = (false, false, true);
    for jid in recipients::people(ctx, chat)? {
        for version in devices::VERSIONS {
            confirmed &= devices::is_confirmed(ctx, &jid, version)?;
        }
        for device in ctx.tx.devices(&jid)? {
            let this = jid == ctx.me.jid.as_str() && device.device == ctx.me.device;
            if this {
                continue;
            }
            if trust::is_barred(&device) {
                barred |= device.is_listed();
                continue;
            }
            if device.listed2 {
                return Ok(Way::Sealed);
            }
            known |= device.listed03;
        }
    }
    let row = ctx.tx.chat(chat)?;
    Ok(match row {
        Some(row) if known && row.extras_allowed => Way::Extras,
        _ if known => Way::Closed,
        _ if barred => Way::Barred,
        Some(row) if row.plain_allowed && row.sealed == Sealing::None => Way::Plain,
        _ if recipients::vanished(ctx, chat)? => Way::Sealed,
        _ if confirmed => Way::Closed,
        _ => Way::Sealed,
    })
}

/// Says something about a message that is no text: behind all that waits for its chat.
pub(crate) fn say(ctx: &mut Ctx, row: &MessageRow, content: &Content) -> Result<()> {
    let refusal = match way(ctx, &row.chat)? {
        Way::Closed if ctx.tx.devices(&row.chat)?.is_empty() => Some(pump::refusal(ctx, &row.chat)?),
        Way::Closed => Some(ErrorKind::ExtrasNotAllowed),
        Way::Barred => Some(ErrorKind::NoTrustedDevice),
        // In clear it would not count for what was sealed.
        Way::Plain if row.sealed > Sealing::None => Some(ErrorKind::PlainNotAllowed),
        _ => None,
    };
    match refusal {
        Some(kind) => Err(Error::about(kind, &*row.chat)),
        None => parcel::put(ctx, &row.chat, content, Reach::Everyone, true),
    }
}

/// What others call this message: in a room as its archive does (XEP-0444 section 4.2), as anybody there could use the
/// sender's id again. One that has no such name cannot be spoken of.
pub(crate) fn name_of(ctx: &Ctx, row: &MessageRow) -> Result<String> {
    let name = if ctx.tx.is_room(&row.chat)? { &row.stanza_id } else { &row.origin_id };
    name.clone().ok_or_else(|| Error::about(ErrorKind::NotChangeable, row.id.to_string()))
}

/// Whether a message is ours and may be changed.
pub(crate) fn ours(row: &MessageRow) -> Result<()> {
    if !row.own || row.retracted.is_some() || row.body.is_none() {
        return Err(Error::about(ErrorKind::NotChangeable, row.id.to_string()));
    }
    Ok(())
}

/// Whether a device says it that is in quarantine or rejected.
pub(crate) fn is_barred(said: &Said) -> bool {
    said.author.is_some_and(|author| matches!(author.trust, Trust::Undecided | Trust::Distrusted))
}

/// Whether the device may change anything.
pub(crate) fn is_trusted(ctx: &Ctx, said: &Said) -> Result<bool> {
    if is_barred(said) {
        ctx.tx.count("change_untrusted")?;
        return Ok(false);
    }
    Ok(true)
}

/// Whether a change counts for this message.
pub(crate) fn counts(ctx: &Ctx, said: &Said, row: &MessageRow) -> Result<bool> {
    if said.sealed < level(row) {
        ctx.tx.count("change_unsealed")?;
        return Ok(false);
    }
    is_trusted(ctx, said)
}

/// How well a change to this message has to be sealed. How well one was that could not be read is not known.
fn level(row: &MessageRow) -> Sealing {
    if row.reason.is_some() { Sealing::Full } else { row.sealed }
}

/// A message came: what came before it and is about it is carried out.
pub(crate) fn overtaken(ctx: &mut Ctx, id: i64) -> Result<()> {
    let Some(row) = ctx.tx.message(id)? else { return Ok(()) };
    let mut all = Vec::new();
    for name in [&row.stanza_id, &row.origin_id].into_iter().flatten() {
        all.append(&mut ctx.tx.take_early(&row.chat, name)?);
    }
    for early in all {
        if early.sealed < level(&row) || (early.emojis.is_none() && early.sender != row.sender) {
            ctx.tx.count("change_unsealed")?;
            continue;
        }
        match early.emojis.as_deref().map(serde_json::from_str::<Vec<String>>) {
            None => return ctx.tx.retract(&row, early.made),
            Some(Ok(emojis)) => _ = ctx.tx.react(&row, &early.sender, &emojis, early.made)?,
            Some(Err(_)) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::content::Content;
    use super::super::reactions::{self, Reactions};
    use super::super::roster::tests::{ROMEO, juliet};
    use super::super::xml::{Build, el};
    use super::super::{markers, ns, retractions};
    use super::*;
    use crate::model::Delivery;
    use crate::store::message::NewMessage;
    use crate::store::room::RoomRow;

    fn message(ctx: &Ctx, own: bool, id: &str, state: Option<Delivery>) -> i64 {
        let sender = if own { "juliet@capulet.example" } else { ROMEO };
        let message = NewMessage {
            chat: ROMEO,
            own,
            sender,
            origin_id: Some(id),
            stanza_id: None,
            body: Some("words"),
            sealed: Sealing::Full,
            device: None,
            identity: None,
            trust: None,
            sent: 0,
            arrived: 0,
            state,
            reason: None,
            digest: b"",
            reply_to: None,
            waiting: false,
        };
        ctx.tx.insert_message(&message).unwrap()
    }

    fn said(sender: &str, sealed: Sealing, time: i64) -> Said<'_> {
        Said {
            chat: ROMEO,
            sender,
            own: sender != ROMEO,
            origin_id: None,
            sealed,
            author: None,
            time,
            claimed: time,
            fresh: true,
        }
    }

    fn thinks(ctx: &mut Ctx, id: &str, emoji: &str, sealed: Sealing, time: i64) {
        let reactions = Reactions { id: id.into(), emojis: vec![emoji.into()] };
        reactions::received(ctx, &said(ROMEO, sealed, time), &reactions).unwrap();
    }

    fn stored(ctx: &Ctx, sql: &str) -> i64 {
        ctx.tx.look().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn what_is_kept_for_messages_to_come_is_bounded() {
        juliet(|ctx| {
            for n in 0..1_000 {
                thinks(ctx, &n.to_string(), "👍", Sealing::Full, n);
                retractions::received(ctx, &said(ROMEO, Sealing::Full, n), &n.to_string()).unwrap();
            }
            assert_eq!(stored(ctx, "SELECT count(*) FROM early"), 100);
            // The newest are those that are kept.
            let id = message(ctx, false, "999", None);
            overtaken(ctx, id).unwrap();
            assert!(ctx.tx.message(id).unwrap().unwrap().retracted.is_some());
        });
    }

    #[test]
    fn one_who_changes_his_mind_ten_thousand_times_has_one_mind_and_late_ones_change_nothing() {
        juliet(|ctx| {
            message(ctx, false, "one", None);
            for n in 0..10_000 {
                thinks(ctx, "one", if n % 2 == 0 { "👍" } else { "👎" }, Sealing::Full, n);
            }
            thinks(ctx, "one", "👍", Sealing::Full, 5_000);
            assert_eq!(stored(ctx, "SELECT count(*) FROM reaction WHERE emojis = '[\"👎\"]'"), 1);
            assert_eq!(stored(ctx, "SELECT count(*) FROM reaction"), 1);
        });
    }

    #[test]
    fn early_or_late_a_change_that_is_sealed_less_or_somebody_elses_is_dropped() {
        juliet(|ctx| {
            thinks(ctx, "one", "👍", Sealing::None, 1);
            retractions::received(ctx, &said("juliet@capulet.example", Sealing::Full, 1), "one").unwrap();
            let id = message(ctx, false, "one", None);
            overtaken(ctx, id).unwrap();
            let row = ctx.tx.message(id).unwrap().unwrap();
            assert_eq!((row.retracted, stored(ctx, "SELECT count(*) FROM reaction")), (None, 0));
            retractions::received(ctx, &said("juliet@capulet.example", Sealing::Full, 1), "one").unwrap();
            thinks(ctx, "one", "👍", Sealing::Content, 1);
            let row = ctx.tx.message(id).unwrap().unwrap();
            assert_eq!((row.retracted, stored(ctx, "SELECT count(*) FROM reaction")), (None, 0));
            assert_eq!((ctx.tx.counted("change_stranger"), ctx.tx.counted("change_unsealed")), (1, 3));
        });
    }

    #[test]
    fn a_marker_moves_only_what_was_sent_and_only_forward() {
        juliet(|ctx| {
            let states =
                [Delivery::Displayed, Delivery::Failed, Delivery::Sent, Delivery::Delivered, Delivery::Waiting];
            let ids: Vec<i64> =
                states.iter().enumerate().map(|(n, state)| message(ctx, true, &n.to_string(), Some(*state))).collect();
            message(ctx, false, "theirs", None);
            for id in ["theirs", "nobody's", "4"] {
                markers::received(ctx, &said(ROMEO, Sealing::Full, 0), id).unwrap();
            }
            assert_eq!(ctx.tx.counted("marker_stranger"), 3);
            markers::received(ctx, &said(ROMEO, Sealing::None, 0), "3").unwrap();
            assert_eq!(ctx.tx.counted("marker_unsealed"), 1);
            let now = |ctx: &Ctx| -> Vec<Delivery> {
                ids.iter().map(|id| ctx.tx.message(*id).unwrap().unwrap().state.unwrap()).collect()
            };
            assert_eq!(now(ctx), states);
            markers::received(ctx, &said(ROMEO, Sealing::Full, 0), "3").unwrap();
            let displayed = Delivery::Displayed;
            assert_eq!(now(ctx), [displayed, Delivery::Failed, displayed, displayed, Delivery::Waiting]);
        });
    }

    #[test]
    fn in_a_room_a_message_is_called_by_the_id_that_nobody_there_can_choose() {
        juliet(|ctx| {
            let real = message(ctx, false, "chosen", None);
            ctx.tx.set_stanza_id(real, "given").unwrap();
            // Somebody uses the id that the archive gave as one of his own, and it stands before.
            let trap = message(ctx, false, "given", None);
            let named = |ctx: &Ctx| ctx.tx.message_named(ROMEO, "given", None).unwrap().unwrap().id;
            assert_eq!(named(ctx), trap);
            ctx.tx.put_room(&RoomRow::unknown(ROMEO, "juliet")).unwrap();
            assert_eq!(named(ctx), real);
            let row = ctx.tx.message(real).unwrap().unwrap();
            assert_eq!(name_of(ctx, &row).unwrap(), "given");
            let unarchived = ctx.tx.message(trap).unwrap().unwrap();
            assert_eq!(name_of(ctx, &unarchived).err().unwrap().kind, ErrorKind::NotChangeable);
        });
    }

    #[test]
    fn ids_that_are_too_long_or_empty_name_nothing() {
        let names = [
            ("reactions", ns::REACTIONS),
            ("replace", ns::CORRECT),
            ("retract", ns::RETRACT),
            ("displayed", ns::MARKERS),
            ("received", ns::RECEIPTS),
            ("reply", ns::REPLY),
        ];
        for id in ["", &"x".repeat(1025), &"x".repeat(1024 * 1024)] {
            let all = names.map(|(name, namespace)| el(name, namespace).at("id", id));
            assert!(Content::of(&el("message", ns::CLIENT).kids(all)) == Content::default());
        }
        let all = names.map(|(name, namespace)| el(name, namespace).at("id", "x"));
        assert_eq!(Content::of(&el("message", ns::CLIENT).kids(all)).elements().len(), names.len());
    }
}
