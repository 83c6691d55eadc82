//! The devices that can read or write a chat.

use super::WINDOW;
use crate::error::Result;
use crate::model::{DeviceView, Trust};
use crate::store::Reader;
use dunnock_omemo::IdentityKey;
use rusqlite::params;

/// The devices of `jid` that are listed now or were decided about; those of the own account too if it is the own JID.
pub(crate) fn devices(reader: &Reader, jid: &str) -> Result<Vec<DeviceView>> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT d.device, d.identity, d.signing, d.trust, d.listed03, d.listed2, a.jid = d.jid, a.jid = d.jid AND a.device = d.device
         FROM device d, account a WHERE d.jid = ? ORDER BY d.listed03 + d.listed2 = 0, d.device LIMIT ?",
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
            current: row.get(7)?,
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
