//! What is left of a device that went: its rows in the timeline with its key, and for a while its sessions, so that what it
//! wrote before can still be read. Nothing is encrypted to it, as it is on no list; then its sessions end.
//!
//! And of ourselves, when this store was put back to an older state: the keys that come next in its sessions were used
//! before, so all sessions end (XEP-0384 section 6) before anything is sealed again. Until then they still open what the
//! archive gives.

use super::super::want::Kind;
use super::super::{Ctx, omemo};
use crate::error::Result;
use crate::store::device::DeviceRow;
use crate::store::want::WantRow;
use minidom::Element;

/// So long what a device wrote before it went may still be under way, milliseconds.
const GRACE: i64 = 24 * 3600 * 1000;
/// What a want says whose sessions were ended; on the next stream it means nothing.
const DONE: &str = "done";

/// Whether this device sealed something in this message.
pub(crate) fn wrote(ctx: &Ctx, message: &Element) -> bool {
    let ours = ctx.me.device.to_string();
    omemo::find(message).is_some_and(|(_, encrypted)| {
        let from_us = encrypted.children().any(|header| header.attr("sid") == Some(&ours));
        from_us && encrypted.children().any(|part| part.name() == "payload")
    })
}

/// The archive holds a message that this device wrote and knows nothing of. Once a stream is enough: sessions that begin
/// after it are new.
pub(crate) fn restored(ctx: &mut Ctx) -> Result<()> {
    if ctx.tx.find_want(Kind::Restored.code(), "", "")?.is_some() {
        return Ok(());
    }
    ctx.want_own(Kind::Restored, "")?;
    ctx.tx.record_own("restored", None, Some(ctx.me.device), "", ctx.now.wall)
}

/// Ends all sessions because of that. The want stays, to say that it was done on this stream.
pub(crate) fn begin_anew(ctx: &mut Ctx, row: &WantRow) -> Result<()> {
    if !row.target.is_empty() {
        return ctx.drop_want(row);
    }
    ctx.tx.end_all_sessions()?;
    ctx.tx.want_instead(&row.kind, "", "", DONE, i64::MAX)
}

/// Ends the sessions of those that went long enough ago.
pub(crate) fn end_sessions(ctx: &mut Ctx) -> Result<()> {
    for row in ctx.tx.devices_gone(ctx.now.wall - GRACE)? {
        ctx.tx.end_sessions(&row.jid, row.device)?;
        ctx.tx.put_device(&DeviceRow { gone: 0, ..row })?;
    }
    Ok(())
}
