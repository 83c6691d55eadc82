//! Who may read along. One matter a file: first contact and quarantine, a person's words on keys and those of other
//! devices, alarms, ageing, removal, our own list.
//!
//! Invariants:
//! - A device that appears after the first contact gets no message key before a person, a device that counts, or a rule
//!   that the person chose says so: [`is_barred`] is asked wherever something is encrypted or a session begun.
//! - What was said of a key is a row of `word` and outlives the device; `device.trust` follows it.

pub(crate) mod ageing;
pub(crate) mod alarms;
pub(crate) mod decision;
pub(crate) mod messages;
pub(crate) mod own_devices;
pub(crate) mod quarantine;
pub(crate) mod removal;
pub(crate) mod verification;
pub(crate) mod view;
pub(crate) mod vouching;

use super::Ctx;
use super::room::admission;
use crate::error::Result;
use crate::model::Trust;
use crate::store::Tx;
use crate::store::device::DeviceRow;

/// What is due of all this; called at the end of each transaction while there is a stream.
pub(crate) fn due(ctx: &mut Ctx) -> Result<()> {
    ageing::age(ctx)?;
    removal::end_sessions(ctx)?;
    view::judge(ctx)?;
    quarantine::raise_due(ctx)?;
    admission::raise_due(ctx)
}

/// When something will be due by time alone.
pub(crate) fn next_deadline(tx: &Tx) -> Result<Option<i64>> {
    Ok(ageing::next(tx)?.into_iter().chain(view::next(tx)?).chain(admission::next(tx)?).min())
}

/// Whether nothing is to be encrypted to this device.
pub(crate) fn is_barred(row: &DeviceRow) -> bool {
    matches!(row.trust, Trust::Undecided | Trust::Distrusted)
}

/// Whether the key of this device counts as authenticated (XEP-0450 section 3): by a person, or by one that counts.
pub(crate) fn is_authenticated(trust: Trust) -> bool {
    matches!(trust, Trust::Verified | Trust::Vouched)
}
