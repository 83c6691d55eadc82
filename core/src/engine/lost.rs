//! Messages that cannot be read: each leaves a row with its reason, so that nothing is missing without a trace.

use super::message::{Unwrapped, Way};
use super::{Ctx, changes, ns, omemo, room};
use crate::error::Result;
use crate::model::Sealing;
use crate::store::message::NewMessage;
use sha2::{Digest, Sha256};

/// What was sealed and cannot be opened, and why: a row, unless there was nothing to lose.
pub(super) fn unreadable(
    ctx: &mut Ctx,
    unwrapped: &Unwrapped,
    chat: &str,
    reason: &str,
    device: Option<u32>,
    digest: &[u8],
) -> Result<()> {
    // Without a payload there was nothing to read: an empty message that failed is no loss to show.
    let payload = omemo::find(unwrapped.message)
        .is_some_and(|(_, encrypted)| encrypted.children().any(|child| child.name() == "payload"));
    if !payload {
        ctx.tx.remember_payload(unwrapped.sender.as_str(), digest)?;
        return ctx.tx.count("empty_unreadable");
    }
    if let Some(origin) = unwrapped.origin_id()
        && ctx.tx.is_repeated(unwrapped.sender.as_str(), origin, digest)?
    {
        return ctx.tx.count("message_repeated");
    }
    // What is over in a moment, as typing is, goes to few devices: the others lose nothing.
    if unwrapped.message.has_child("no-store", ns::HINTS) {
        return ctx.tx.count("passing_unreadable");
    }
    if let Some(room) = &unwrapped.room
        && unwrapped.way == Way::Archive
        && reason == "not_for_this_device"
        && room::archive::is_first(ctx, room)?
    {
        return ctx.tx.count("before_membership");
    }
    // Much of what goes past a device in quarantine are receipts and words between devices: one row says it for all.
    if reason == "not_for_this_device" && ctx.tx.is_last_of(chat, unwrapped.sender.as_str(), reason)? {
        return ctx.tx.count("not_for_this_device");
    }
    lost(ctx, unwrapped, chat, reason, device, digest)
}

/// The row of a message that cannot be shown.
fn lost(
    ctx: &mut Ctx,
    unwrapped: &Unwrapped,
    chat: &str,
    reason: &str,
    device: Option<u32>,
    digest: &[u8],
) -> Result<()> {
    let id = ctx.tx.insert_message(&NewMessage {
        chat,
        own: unwrapped.own(ctx),
        sender: unwrapped.sender.as_str(),
        origin_id: unwrapped.origin_id(),
        stanza_id: unwrapped.stanza_id.as_deref(),
        body: None,
        sealed: Sealing::None,
        device,
        identity: None,
        trust: None,
        sent: unwrapped.stamp.unwrap_or(unwrapped.arrived),
        arrived: unwrapped.arrived,
        state: None,
        reason: Some(reason),
        digest,
        reply_to: None,
        waiting: false,
    })?;
    changes::overtaken(ctx, id)?;
    ctx.tx.event("unreadable", Some(id), None, None, "{}")
}

/// A message of which only the head is left.
pub(super) fn too_large(ctx: &mut Ctx, unwrapped: &Unwrapped, chat: &str, sender: &str) -> Result<()> {
    let origin = unwrapped.origin_id();
    let digest = Sha256::digest(format!("oversized {}", origin.unwrap_or("")));
    if let Some(origin) = origin
        && ctx.tx.is_repeated(sender, origin, &digest)?
    {
        return Ok(());
    }
    lost(ctx, unwrapped, chat, "too_large", None, &digest)
}
