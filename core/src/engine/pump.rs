//! The pump: what waits is encrypted at hand-over and no earlier, for the devices and the trust of that moment.

use super::content::{Content, Reply};
use super::omemo::{self, Target};
use super::xml::{Build, el};
use super::{Ctx, bundle, devices, mam, ns, ping, sce};
use crate::error::{ErrorKind, Result};
use crate::model::{Delivery, Sealing, Time, Trust};
use crate::seal::{FALLBACK, PlainAllowed, Sealed};
use crate::store::message::MessageRow;
use crate::store::outgoing::Fate;
use dunnock_omemo::Version;
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
    }
    if (late || mam::is_over(ctx)?) && ctx.tx.any_waiting()? {
        let mut held: BTreeSet<String> = BTreeSet::new();
        let mut done = 0;
        for row in ctx.tx.waiting_messages()? {
            if held.contains(&row.chat) || done == AT_ONCE {
                continue;
            }
            match hand_over(ctx, &row)? {
                true => done += 1,
                false => _ = held.insert(row.chat),
            }
        }
    }
    ping::begin_rounds(ctx)?;
    ctx.ask_due()
}

/// Who gets a message in this chat.
struct Recipients {
    reach: Vec<Target>,
    /// Devices of the other side known, and how many of them are in `reach`.
    known: u32,
    reached: u32,
    /// Those of the other side that are kept out by a lack of keys alone: nobody can decide about them.
    keyless: u32,
    /// Some bundle may still come.
    coming: bool,
}

/// Encrypts one message and queues it. False: it waits, and its chat with it.
fn hand_over(ctx: &mut Ctx, row: &MessageRow) -> Result<bool> {
    if !lists_confirmed(ctx, &row.chat)? {
        ctx.tx.set_waits_for(row.id, Some("device_lists"))?;
        return Ok(false);
    }
    let recipients = recipients(ctx, &row.chat)?;
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

fn lists_confirmed(ctx: &mut Ctx, chat: &str) -> Result<bool> {
    let own = ctx.bare();
    let mut confirmed = true;
    for jid in [chat, own.as_str()] {
        for version in devices::VERSIONS {
            if !devices::is_confirmed(ctx, jid, version)? {
                devices::want_list(ctx, jid, version)?;
                confirmed = false;
            }
        }
    }
    Ok(confirmed)
}

fn recipients(ctx: &mut Ctx, chat: &str) -> Result<Recipients> {
    let own = ctx.bare();
    let mut found = Recipients { reach: Vec::new(), known: 0, reached: 0, keyless: 0, coming: false };
    let mut people = vec![chat.to_owned()];
    if chat != own {
        people.push(own);
    }
    for jid in people {
        for device in ctx.tx.devices(&jid)? {
            let ours = jid == ctx.me.jid.as_str();
            if (ours && device.device == ctx.me.device) || !(device.listed03 || device.listed2) {
                continue;
            }
            // A device once seen with version 2 is never silently served 0.3.
            let version = match (device.listed2, device.ever2) {
                (true, _) => Some(Version::V2),
                (false, true) => None,
                (false, false) => Some(Version::V03),
            };
            let other = u32::from(jid == chat);
            found.known += other;
            let barred = matches!(device.trust, Trust::Undecided | Trust::Distrusted);
            let Some(version) = version.filter(|_| !barred) else {
                // Of an undecided one only the key can be compared and trusted.
                let undecidable = device.trust == Trust::Undecided && device.identity.is_none();
                found.keyless += other * u32::from(!barred || undecidable);
                if let Some(version) = version.filter(|_| undecidable) {
                    bundle::is_coming(ctx, &jid, device.device, version)?;
                }
                continue;
            };
            if ctx.tx.current_session(&jid, device.device, version)?.is_some() {
                found.reach.push(Target { jid: jid.clone(), device: device.device, version });
                found.reached += other;
            } else if bundle::is_coming(ctx, &jid, device.device, version)? {
                found.coming = true;
            } else {
                found.keyless += other;
            }
        }
    }
    Ok(found)
}

fn sealed(ctx: &mut Ctx, row: &MessageRow, recipients: Recipients) -> Result<()> {
    crate::killpoint::reach("encrypt");
    let content = content(ctx, row)?;
    let mut parts = Vec::new();
    let mut devices_reached: Vec<Target> = Vec::new();
    let mut level = Sealing::Full;
    for version in devices::VERSIONS {
        let targets: Vec<Target> =
            recipients.reach.iter().filter(|target| target.version == version).cloned().collect();
        if targets.is_empty() {
            continue;
        }
        let clear = match version {
            Version::V2 => sce::wrap(ctx, &content, &row.chat, row.sent),
            // What this version cannot seal beside the text is not sent at all.
            Version::V03 => content.body.clone().unwrap_or_default().into_bytes(),
        };
        let (encrypted, reached) = omemo::encrypt(ctx, version, Some(&clear), &targets)?;
        if version == Version::V03 && reached.iter().any(|target| target.jid == row.chat) {
            level = Sealing::Content;
        }
        parts.push(encrypted);
        devices_reached.extend(reached);
    }
    let reached = devices_reached.iter().filter(|target| target.jid == row.chat).count() as u32;
    let newest =
        parts.first().map_or(ns::OMEMO2, |part| if part.ns() == ns::OMEMO2 { ns::OMEMO2 } else { ns::OMEMO03 });
    let stanza = envelope(row)
        .kids(parts)
        .kid(el("encryption", ns::EME).at("namespace", newest).at("name", "OMEMO"))
        .kid(el("body", ns::CLIENT).words(FALLBACK))
        .kid(el("store", ns::HINTS));
    let devices: Vec<(&str, u32)> = devices_reached.iter().map(|target| (target.jid.as_str(), target.device)).collect();
    let devices = serde_json::to_string(&devices).expect("a list of devices serialises");
    ctx.tx.queue(Fate::Message, Some(row.id), &Sealed::message(&stanza)?, &devices)?;
    ctx.tx.set_handed(row.id, level, reached, recipients.known)?;
    ctx.tx.move_to_end(row.id, &row.chat, level)?;
    ctx.tx.climb(row.id, Delivery::Sending, None)?;
    Ok(())
}

/// What a message of ours says.
fn content(ctx: &Ctx, row: &MessageRow) -> Result<Content> {
    let answered = match row.reply_to {
        Some(id) => ctx.tx.message(id)?,
        None => None,
    };
    let reply = answered.and_then(|answered| Some(Reply { id: answered.origin_id?, to: answered.sender }));
    Ok(Content { body: row.body.clone(), reply })
}

/// What a message is refused with that could only go in plain text, which nobody allowed.
pub(crate) fn refusal(ctx: &Ctx, chat: &str) -> ErrorKind {
    if chat == ctx.me.jid.as_str() { ErrorKind::NoOtherDevice } else { ErrorKind::PlainNotAllowed }
}

/// The other side has no device: plain text if a person allowed it for this chat, else the message is refused.
fn plain(ctx: &mut Ctx, row: &MessageRow) -> Result<bool> {
    // A permission given before the chat was ever sealed does not outlive the first sealed message: else whoever empties
    // a device list would turn the chat back to plain text.
    let allowed = ctx.tx.chat(&row.chat)?.is_some_and(|chat| chat.plain_allowed && chat.sealed == Sealing::None);
    let Some(allowed) = PlainAllowed::by_person(allowed) else {
        ctx.tx.climb(row.id, Delivery::Failed, Some(refusal(ctx, &row.chat).code()))?;
        return Ok(true);
    };
    let stanza = envelope(row).kid(el("body", ns::CLIENT).words(row.body.clone().unwrap_or_default()));
    ctx.tx.queue(Fate::Message, Some(row.id), &Sealed::plain(&stanza, allowed), "[]")?;
    ctx.tx.set_handed(row.id, Sealing::None, 0, 0)?;
    ctx.tx.move_to_end(row.id, &row.chat, Sealing::None)?;
    ctx.tx.climb(row.id, Delivery::Sending, None)?;
    Ok(true)
}

/// The stanza around a message of ours: where it goes, its ids, and the wish for a receipt.
fn envelope(row: &MessageRow) -> Element {
    let id = row.origin_id.clone().unwrap_or_default();
    el("message", ns::CLIENT)
        .at("to", &*row.chat)
        .at("type", "chat")
        .at("id", &*id)
        .kid(el("origin-id", ns::SID).at("id", &*id))
        .kid(el("request", ns::RECEIPTS))
}

/// Bytes were written to the socket.
pub(crate) fn written(ctx: &mut Ctx, token: i64) -> Result<()> {
    ctx.tx.written(token, ctx.stream)
}

/// The server has these bytes and all before them.
pub(crate) fn acked(ctx: &mut Ctx, token: i64) -> Result<()> {
    for message in ctx.tx.acked(token)? {
        ctx.tx.climb(message, Delivery::Sent, None)?;
    }
    Ok(())
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
        let sealed = match PlainAllowed::by_person(row.sealed == Sealing::None && devices.is_empty()) {
            Some(allowed) => Sealed::plain(&again, allowed),
            None => Sealed::message(&again)?,
        };
        ctx.tx.queue(Fate::Message, Some(row.id), &sealed, &handed.devices)?;
    }
    Ok(())
}
