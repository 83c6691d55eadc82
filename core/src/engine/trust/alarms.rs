//! Alarms: what a person has to know of somebody's keys, and what they answer.

use super::super::room::admission;
use super::super::{Ctx, devices, server};
use super::{decision, verification};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Trust;
use crate::store::device::DeviceRow;
use crate::store::trust::Word;

/// What an alarm is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A device appeared with a contact that was known before.
    Quarantined,
    /// An id is in our own list that none of our devices announced.
    OwnUnknown,
    /// A device shows another key than before.
    KeyChanged,
    /// A device sees another list of its owner's devices than we are shown.
    OtherList,
    /// A device of ours that was rejected is on our list again.
    OwnReturned,
    /// Under the id of this very device the server shows other keys.
    OwnKeys,
    /// A device list is too large to be read.
    ListUnreadable,
    /// A login did not fit what the account's server proved before.
    ServerContradicts,
}

impl What {
    /// The name in the store and on the border.
    pub(crate) fn code(self) -> &'static str {
        match self {
            What::Quarantined => "quarantined",
            What::OwnUnknown => "own_unknown",
            What::KeyChanged => "key_changed",
            What::OtherList => "other_list",
            What::OwnReturned => "own_returned",
            What::OwnKeys => "own_keys",
            What::ListUnreadable => "list_unreadable",
            What::ServerContradicts => "server_contradicts",
        }
    }
}

/// Raises an alarm about a device, unless the same is open already. True if it is a new one.
pub(crate) fn raise(ctx: &mut Ctx, what: What, row: &DeviceRow, fingerprint: &str) -> Result<bool> {
    let raised = ctx.tx.raise_alarm(what.code(), &row.jid, (Some(row.device), None), fingerprint, ctx.now.wall)?;
    Ok(raised.is_some())
}

/// Raises one about the list of this person as a whole.
pub(crate) fn raise_of_list(ctx: &Ctx, jid: &str) -> Result<()> {
    ctx.tx.raise_alarm(What::ListUnreadable.code(), jid, (None, None), "", ctx.now.wall).map(drop)
}

/// What a person can answer.
const ANSWERS: [&str; 3] = ["accepted", "rejected", "dismissed"];

/// A person answers an alarm: they accept the device it is about without comparing keys, reject it, or have seen the alarm.
pub(crate) fn answer(ctx: &mut Ctx, id: &str, answer: &str) -> Result<()> {
    let alarm = match id.parse() {
        Ok(id) => ctx.tx.alarm(id)?,
        Err(_) => None,
    };
    let alarm = alarm.filter(|alarm| !alarm.answered).ok_or_else(|| Error::about(ErrorKind::UnknownAlarm, id))?;
    let answer = ANSWERS.into_iter().find(|known| *known == answer);
    let answer = answer.ok_or_else(|| Error::about(ErrorKind::InvalidInput, "answer"))?;
    let row = match alarm.device {
        Some(device) => ctx.tx.device(&alarm.jid, device)?,
        None => None,
    };
    let is = |all: &[What]| all.iter().any(|what| what.code() == alarm.what);
    let about_trust = is(&[What::Quarantined, What::OwnUnknown, What::OwnReturned]);
    let own = alarm.jid == ctx.me.jid.as_str();
    if let (Some(room), "accepted" | "rejected") = (&alarm.room, answer)
        && ctx.tx.member(room, &alarm.jid)?.is_some()
    {
        admission::decide(ctx, room, &alarm.jid, answer == "accepted")?;
    }
    match (answer, row) {
        ("accepted", Some(row)) if about_trust && (row.trust == Trust::Undecided || is(&[What::OwnReturned])) => {
            decision::of_person(ctx, &row, Trust::FirstUse)?;
        }
        // The other key takes the place of the one that was there as soon as it is shown again.
        ("accepted", Some(_)) if alarm.what == What::KeyChanged.code() => {
            if let Some(key) = verification::key(&alarm.fingerprint) {
                let word = Word { trust: Trust::FirstUse, said: ctx.now.wall };
                decision::of_key(ctx, &alarm.jid, &key, word)?;
            }
        }
        ("accepted", None) if alarm.what == What::ServerContradicts.code() && server::contradicts(ctx)? => {
            server::accept(ctx)?;
        }
        ("rejected", Some(row)) if about_trust && own => _ = devices::remove_own(ctx, row.device)?,
        ("rejected", Some(row)) if about_trust => {
            decision::of_person(ctx, &row, Trust::Distrusted)?;
        }
        _ => {}
    }
    ctx.tx.answer_alarm(alarm.id, answer)
}
