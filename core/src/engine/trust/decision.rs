//! Words on keys: a person's here, and those of devices that count. Each is kept by key, also of keys that nobody has shown
//! yet, and the devices with that key follow it.

use super::super::Ctx;
use super::{is_authenticated, vouching};
use crate::error::Result;
use crate::model::Trust;
use crate::store::device::DeviceRow;
use crate::store::trust::Word;

/// What was said of the device's key before counts for it, whatever its id. The row is not written.
pub(crate) fn recall(ctx: &Ctx, row: &mut DeviceRow) -> Result<bool> {
    let Some(identity) = row.identity else { return Ok(false) };
    let word = ctx.tx.word(&row.jid, &identity, row.signing.as_ref())?;
    let Some(word) = word.filter(|word| word.trust != row.trust) else { return Ok(false) };
    (row.trust, row.due) = (word.trust, false);
    Ok(true)
}

/// The key of a device was seen for the first time: what was said of it counts from now on.
pub(crate) fn key_seen(ctx: &mut Ctx, row: &mut DeviceRow) -> Result<()> {
    ctx.tx.name_alarms(&row.jid, row.device, &row.fingerprint())?;
    if recall(ctx, row)? {
        ctx.tx.put_device(row)?;
        followed(ctx, row)?;
    }
    Ok(())
}

/// A person decides on a device; its key, once known, carries the decision on.
pub(crate) fn of_person(ctx: &mut Ctx, row: &DeviceRow, trust: Trust) -> Result<()> {
    match row.signing.or(row.identity) {
        Some(key) => {
            of_key(ctx, &row.jid, &key, Word { trust, said: ctx.now.wall })?;
            match trust {
                Trust::Verified | Trust::Distrusted => vouching::tell(ctx, &row.jid, &key, trust == Trust::Verified),
                _ => Ok(()),
            }
        }
        None => {
            let mut row = DeviceRow { trust, due: false, ..row.clone() };
            ctx.tx.put_device(&row)?;
            followed(ctx, &mut row)
        }
    }
}

/// A word on a key that counts. All devices with that key follow it.
pub(crate) fn of_key(ctx: &mut Ctx, jid: &str, key: &[u8; 32], word: Word) -> Result<()> {
    ctx.tx.put_word(jid, key, word)?;
    for mut row in ctx.tx.devices(jid)? {
        let itself = jid == ctx.me.jid.as_str() && row.device == ctx.me.device;
        if !itself && recall(ctx, &mut row)? {
            ctx.tx.put_device(&row)?;
            followed(ctx, &mut row)?;
        }
    }
    Ok(())
}

/// The trust in a device changed and is written: what follows from that.
fn followed(ctx: &mut Ctx, row: &mut DeviceRow) -> Result<()> {
    let answer = match row.trust {
        Trust::Undecided => return ctx.tx.tell_device(row, "trust"),
        Trust::Distrusted => {
            ctx.tx.end_sessions(&row.jid, row.device)?;
            "rejected"
        }
        _ => "accepted",
    };
    ctx.tx.settle_alarms(&row.jid, Some(row.device), answer)?;
    ctx.tx.tell_device(row, "trust")?;
    if is_authenticated(row.trust) {
        vouching::counts_now(ctx, row)?;
        super::super::room::spoken::counts_now(ctx, row)?;
    }
    if row.trust == Trust::Verified { vouching::introduce(ctx, row) } else { Ok(()) }
}

/// Whether this is the key of this very device.
pub(crate) fn is_ours(ctx: &Ctx, key: &[u8; 32]) -> bool {
    let ours = ctx.me.identity.public();
    *key == ours.montgomery() || ours.ed25519().is_some_and(|signing| signing == *key)
}
