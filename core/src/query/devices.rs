//! The devices that can read or write a chat.

use super::WINDOW;
use crate::error::Result;
use crate::model::{DeviceView, Trust};
use crate::store::Reader;
use dunnock_omemo::{Identity, IdentityKey};
use rusqlite::params;
use zeroize::Zeroizing;

/// The devices of `jid` that are listed now or were decided about. For the own JID the device that runs this comes first.
pub(crate) fn devices(reader: &Reader, jid: &str) -> Result<Vec<DeviceView>> {
    let mut devices: Vec<DeviceView> = this_device(reader, jid)?.into_iter().collect();
    devices.extend(others(reader, jid)?);
    Ok(devices)
}

/// This device, which needs no row of its own: its key is the account's.
fn this_device(reader: &Reader, jid: &str) -> Result<Option<DeviceView>> {
    let mut statement = reader.sql().prepare_cached("SELECT device, identity, published FROM account WHERE jid = ?")?;
    let mut rows = statement.query([jid])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(row.get(1)?);
    Ok(Some(DeviceView {
        device: row.get(0)?,
        fingerprint: Identity::from_seed(&seed).public().fingerprint(),
        trust: Trust::Verified,
        versions: if row.get(2)? { vec!["0.3", "2"] } else { Vec::new() },
        own: true,
        current: true,
    }))
}

fn others(reader: &Reader, jid: &str) -> Result<Vec<DeviceView>> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT d.device, d.identity, d.signing, d.trust, d.listed03, d.listed2, a.jid = d.jid
         FROM device d, account a WHERE d.jid = ? AND (d.jid != a.jid OR d.device != a.device) ORDER BY d.listed03 + d.listed2 = 0, d.device LIMIT ?",
    )?;
    let rows = statement.query_map(params![jid, WINDOW], |row| {
        let mut versions = Vec::new();
        if row.get(4)? {
            versions.push("0.3");
        }
        if row.get(5)? {
            versions.push("2");
        }
        Ok(DeviceView {
            device: row.get(0)?,
            fingerprint: fingerprint(row.get(2)?, row.get(1)?),
            trust: Trust::from_number(row.get(3)?).unwrap_or(Trust::Undecided),
            versions,
            own: row.get(6)?,
            current: false,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// As other clients show it; empty until the key was seen.
fn fingerprint(signing: Option<[u8; 32]>, identity: Option<[u8; 32]>) -> String {
    let signing = signing.and_then(|key| IdentityKey::from_ed25519(&key).ok());
    let key = signing.or_else(|| identity.and_then(|key| IdentityKey::from_curve25519(&key).ok()));
    key.map(|key| key.fingerprint()).unwrap_or_default()
}
