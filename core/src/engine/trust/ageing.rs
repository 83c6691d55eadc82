//! Ageing: a rule that a person can choose, by which a contact's device leaves its quarantine without anybody's word once it
//! had the same key for so many days. Our own list is left out: there somebody has to look.

use super::super::Ctx;
use super::decision;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Trust;
use crate::store::Tx;

const DAY: i64 = 24 * 3600 * 1000;
/// A rule of more days is a mistake in writing.
const MOST: u32 = 36_500;

/// A person chooses the rule.
pub(crate) fn set(ctx: &Ctx, days: u32) -> Result<()> {
    if days > MOST {
        return Err(Error::about(ErrorKind::InvalidInput, "days"));
    }
    ctx.tx.set_trust_days(days)
}

/// Lets those in whose time has come.
pub(crate) fn age(ctx: &mut Ctx) -> Result<()> {
    let days = ctx.tx.trust_days()?;
    if days == 0 {
        return Ok(());
    }
    for row in ctx.tx.devices_aged(ctx.now.wall - i64::from(days) * DAY)? {
        if row.jid != ctx.me.jid.as_str() {
            decision::of_person(ctx, &row, Trust::FirstUse)?;
        }
    }
    Ok(())
}

/// When the next one's time comes.
pub(crate) fn next(tx: &Tx) -> Result<Option<i64>> {
    let days = tx.trust_days()?;
    if days == 0 {
        return Ok(None);
    }
    Ok(tx.oldest_in_quarantine()?.map(|since| since + i64::from(days) * DAY))
}
