//! The list of our own devices: what happened to it is written down where nothing is ever changed, and what took us off it
//! is repaired (XEP-0384 section 5.3.1). Ids that none of our devices announced are an alarm of `quarantine.rs`.

use super::super::Ctx;
use super::alarms::{self, What};
use crate::error::Result;
use crate::store::device::DeviceRow;
use dunnock_omemo::Version;

/// So many things may happen to our list in [`HOUR`] before repairs wait.
const REPAIRS: i64 = 60;
const HOUR: i64 = 3_600_000;
/// So long they wait then, milliseconds.
pub(crate) const PAUSE: i64 = 600_000;

/// A list of ours was read that is not as it should be: it is written down, and whether the list may be repaired at once. On
/// the very first reading it is as it should be. Whoever damages it again and again is not answered each time: that would
/// fill the store and keep the server busy.
pub(crate) fn may_repair(ctx: &Ctx, change: &str, version: Version) -> Result<bool> {
    if !ctx.tx.account()?.published {
        return Ok(true);
    }
    if ctx.tx.own_events_since(ctx.now.wall - HOUR)? >= REPAIRS {
        ctx.tx.count("repair_paused")?;
        return Ok(false);
    }
    ctx.tx.record_own(change, Some(version), None, "", ctx.now.wall)?;
    Ok(true)
}

/// A device of ours came or went.
pub(crate) fn changed(ctx: &Ctx, row: &DeviceRow, change: &str) -> Result<()> {
    ctx.tx.record_own(change, None, Some(row.device), &row.fingerprint(), ctx.now.wall)
}

/// The server has our list with us on it.
pub(crate) fn published(ctx: &Ctx, version: Version) -> Result<()> {
    ctx.tx.record_own("published", Some(version), None, "", ctx.now.wall)
}

/// Under our own id the server shows somebody else's keys: whoever met us meanwhile wrote to them.
pub(crate) fn keys_replaced(ctx: &mut Ctx, version: Version, fingerprint: &str) -> Result<()> {
    let device = ctx.me.device;
    ctx.tx.record_own("keys_replaced", Some(version), Some(device), fingerprint, ctx.now.wall)?;
    let row = DeviceRow::unknown(&ctx.bare(), device);
    alarms::raise(ctx, What::OwnKeys, &row, fingerprint).map(drop)
}
