//! First contact and quarantine. What the first complete lists of a person name is trusted at first use; what appears
//! afterwards gets nothing until somebody who counts says so, and is told as an alarm.
//!
//! While the archive is read an alarm waits: a word on the key may lie there (XEP-0450), and none is raised that the next
//! page would take back. Live, it waits for the bundle only where somebody spoke for a key that was not seen yet.

use super::super::{Ctx, bundle, devices, mam};
use super::alarms::{self, What};
use super::decision;
use crate::error::Result;
use crate::model::Trust;
use crate::store::device::DeviceRow;
use dunnock_omemo::Version;

/// Whether what this list names belongs to the first contact: the first list of its version that names anybody, of a person
/// whom we are just meeting. `known` are the devices before it.
pub(crate) fn is_first(ctx: &Ctx, owner: &str, version: Version, known: &[DeviceRow]) -> Result<bool> {
    Ok(!ctx.tx.is_acquainted(owner)? && !known.iter().any(|row| devices::listed(row, version)))
}

/// Whether nothing goes to this device, not even an empty message, and no session is begun with it on our own. One that
/// writes before its owner's lists were ever read is a stranger's, and not in quarantine yet.
pub(crate) fn is_quarantined(ctx: &Ctx, row: &DeviceRow) -> Result<bool> {
    Ok(row.trust == Trust::Distrusted || (row.trust == Trust::Undecided && ctx.tx.is_acquainted(&row.jid)?))
}

/// A list was heard, or refused: the first contact is over once both versions were answered and somebody is listed. Our own
/// is over with the answers: what comes after was added after us.
pub(crate) fn meet(ctx: &mut Ctx, owner: &str) -> Result<()> {
    if ctx.tx.is_acquainted(owner)? {
        return Ok(());
    }
    let mut answered = true;
    for version in devices::VERSIONS {
        if ctx.tx.device_list(owner, version)?.is_none() {
            // Who only ever tells us of one version would leave the door open for the other.
            devices::want_list(ctx, owner, version)?;
            answered = false;
        }
    }
    let own = owner == ctx.me.jid.as_str();
    if answered && (own || ctx.tx.devices(owner)?.iter().any(DeviceRow::is_listed)) {
        ctx.tx.acquaint(owner, ctx.now.wall)?;
    }
    Ok(())
}

/// A device is listed that was not: what it is worth. The row is not written yet.
pub(crate) fn appeared(ctx: &mut Ctx, row: &mut DeviceRow, first: bool) -> Result<()> {
    row.gone = 0;
    row.since = ctx.now.wall;
    decision::recall(ctx, row)?;
    if row.trust != Trust::Undecided {
        return Ok(());
    }
    if first {
        row.trust = Trust::FirstUse;
        // What it wrote before its list came to us was its first contact too.
        return ctx.tx.raise_trust_of_messages(row);
    }
    row.due = true;
    Ok(())
}

/// The key of a device in quarantine is got, so that it can be compared and words on it found.
pub(crate) fn want_key(ctx: &mut Ctx, row: &DeviceRow) -> Result<bool> {
    let version = if row.listed2 || row.ever2 { Version::V2 } else { Version::V03 };
    bundle::is_coming(ctx, &row.jid, row.device, version)
}

/// Raises the alarms that are due and that nothing can take back any more.
pub(crate) fn raise_due(ctx: &mut Ctx) -> Result<()> {
    let due = ctx.tx.devices_due()?;
    if due.is_empty() || !mam::is_over(ctx)? {
        return Ok(());
    }
    for mut row in due {
        let own = row.jid == ctx.me.jid.as_str();
        let open = row.trust == Trust::Undecided && row.is_listed();
        if open && row.identity.is_none() && ctx.tx.any_unseen_word(&row.jid)? && want_key(ctx, &row)? {
            continue;
        }
        row.due = false;
        ctx.tx.put_device(&row)?;
        if !open {
            continue;
        }
        let what = if own { What::OwnUnknown } else { What::Quarantined };
        if alarms::raise(ctx, what, &row, &row.fingerprint())? && own {
            ctx.tx.tell_device(&row, "own_unknown")?;
        }
    }
    Ok(())
}
