//! Who gets what is said in a chat: people, their devices, and the version in which each is reached.

use super::omemo::Target;
use super::trust::is_barred;
use super::want::Kind;
use super::{Ctx, bundle, devices, room};
use crate::error::Result;
use crate::model::Trust;
use crate::store::device::DeviceRow;
use crate::store::room::RoomRow;
use dunnock_omemo::Version;

/// How long until a list that vanished is looked at again, milliseconds.
const LOOK_AGAIN: i64 = 60_000;

/// The devices that may read a chat.
pub(crate) struct Recipients {
    /// Those to encrypt for now, our own other ones among them.
    pub reach: Vec<Target>,
    /// Devices of the other side known, and how many of them are in `reach`.
    pub known: u32,
    pub reached: u32,
    /// Those of the other side that are kept out by a lack of keys alone: nobody can decide about them.
    pub keyless: u32,
    /// Some bundle may still come.
    pub coming: bool,
}

/// The other side of a chat, by bare JID: the members of a room that get what is said there; in notes to ourselves that is us.
pub(crate) fn people(ctx: &Ctx, chat: &str) -> Result<Vec<String>> {
    people_of(ctx, chat, None)
}

fn people_of(ctx: &Ctx, chat: &str, written: Option<i64>) -> Result<Vec<String>> {
    match room_of(ctx, chat)? {
        Some(row) => room::admission::people(ctx, &row, written),
        None => Ok(vec![chat.to_owned()]),
    }
}

fn room_of(ctx: &Ctx, chat: &str) -> Result<Option<RoomRow>> {
    if ctx.tx.is_room(chat)? { ctx.tx.room(chat) } else { Ok(None) }
}

/// Whether this person had devices when we met them. If none is listed now, somebody took them off; that is no reason to
/// speak in clear.
pub(crate) fn vanished(ctx: &Ctx, chat: &str) -> Result<bool> {
    Ok(chat != ctx.me.jid.as_str() && ctx.tx.is_acquainted(chat)?)
}

/// Something waits for a list that vanished: it is looked at again after a while, as nobody tells those of it who have no
/// subscription.
pub(crate) fn look_again(ctx: &Ctx, jid: &str) -> Result<()> {
    let due = ctx.now.wall + LOOK_AGAIN;
    devices::VERSIONS
        .iter()
        .try_for_each(|version| ctx.tx.want(Kind::List.code(), jid, devices::code(*version), jid, due))
}

/// Whether all device lists that count in this chat were read on this stream; those that were not are asked for. A member
/// whose server does not answer holds no room up.
pub(crate) fn lists_confirmed(ctx: &mut Ctx, chat: &str) -> Result<bool> {
    let mut confirmed = true;
    let is_room = ctx.tx.is_room(chat)?;
    for jid in with_ourselves(ctx, people(ctx, chat)?) {
        for version in devices::VERSIONS {
            if !devices::is_confirmed(ctx, &jid, version)? {
                devices::want_list(ctx, &jid, version)?;
                confirmed &= is_room && devices::is_late(ctx, &jid, version)?;
            }
        }
    }
    Ok(confirmed)
}

fn with_ourselves(ctx: &Ctx, mut people: Vec<String>) -> Vec<String> {
    let own = ctx.bare();
    if !people.contains(&own) {
        people.push(own);
    }
    people
}

/// The devices of both sides as they are now, for what was `written` then. What is missing to reach one is asked for.
pub(crate) fn of(ctx: &mut Ctx, chat: &str, written: i64) -> Result<Recipients> {
    let mut found = Recipients { reach: Vec::new(), known: 0, reached: 0, keyless: 0, coming: false };
    let others = people_of(ctx, chat, Some(written))?;
    if let Some(row) = room_of(ctx, chat)? {
        for jid in room::admission::kept_out(ctx, &row)? {
            found.known += ctx.tx.devices(&jid)?.iter().filter(|device| device.is_listed()).count() as u32;
        }
    }
    for jid in with_ourselves(ctx, others.clone()) {
        let other = u32::from(others.contains(&jid));
        for device in ctx.tx.devices(&jid)? {
            let this = jid == ctx.me.jid.as_str() && device.device == ctx.me.device;
            if !this && (device.listed03 || device.listed2) {
                add(ctx, &mut found, &device, other)?;
            }
        }
    }
    Ok(found)
}

/// Adds one device; `other` is 1 if it is the other side's.
fn add(ctx: &mut Ctx, found: &mut Recipients, device: &DeviceRow, other: u32) -> Result<()> {
    found.known += other;
    let barred = is_barred(device);
    let version = version(device);
    let Some(version) = version.filter(|_| !barred) else {
        // Of an undecided one only the key can be compared and trusted.
        let undecidable = device.trust == Trust::Undecided && device.identity.is_none();
        found.keyless += other * u32::from(!barred || undecidable);
        if let Some(version) = version.filter(|_| undecidable) {
            bundle::is_coming(ctx, &device.jid, device.device, version)?;
        }
        return Ok(());
    };
    if ctx.tx.current_session(&device.jid, device.device, version)?.is_some() {
        found.reach.push(Target { jid: device.jid.clone(), device: device.device, version });
        found.reached += other;
    } else if bundle::is_coming(ctx, &device.jid, device.device, version)? {
        found.coming = true;
    } else {
        found.keyless += other;
    }
    Ok(())
}

/// In which version a device is reached: one once seen with version 2 is never silently served 0.3.
fn version(device: &DeviceRow) -> Option<Version> {
    match (device.listed2, device.ever2) {
        (true, _) => Some(Version::V2),
        (false, true) => None,
        (false, false) => Some(Version::V03),
    }
}
