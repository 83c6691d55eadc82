//! The list of our own devices: what happened to it is written down where nothing is ever changed, and what took us off it
//! is repaired (XEP-0384 section 5.3.1). Ids that none of our devices announced are an alarm of `quarantine.rs`.

use super::super::Ctx;
use crate::error::Result;
use crate::store::device::DeviceRow;
use dunnock_omemo::Version;

/// A list of ours was read in which we are not; it is about to be published again. On the very first reading that is as it
/// should be.
pub(crate) fn lacks_us(ctx: &Ctx, version: Version, emptied: bool) -> Result<()> {
    if !ctx.tx.account()?.published {
        return Ok(());
    }
    let change = if emptied { "list_emptied" } else { "list_lost_us" };
    ctx.tx.record_own(change, Some(version), None, "", ctx.now.wall)
}

/// A device of ours came or went.
pub(crate) fn changed(ctx: &Ctx, row: &DeviceRow, change: &str) -> Result<()> {
    ctx.tx.record_own(change, None, Some(row.device), &row.fingerprint(), ctx.now.wall)
}

/// The server has our list with us on it.
pub(crate) fn published(ctx: &Ctx, version: Version) -> Result<()> {
    ctx.tx.record_own("published", Some(version), None, "", ctx.now.wall)
}
