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
        fingerprint_2: hex(Identity::from_seed(&seed).public().ed25519()),
        trust: Trust::Verified,
        versions: if row.get(2)? { vec!["0.3", "2"] } else { Vec::new() },
        own: true,
        current: true,
    }))
}

/// The address of this account with the keys of its devices that count, in the form that other clients read.
pub(crate) fn device_uri(reader: &Reader, jid: &str) -> Result<String> {
    let mut uri = format!("xmpp:{}", jid.replace('%', "%25").replace('?', "%3F"));
    for (at, device) in devices(reader, jid)?.into_iter().enumerate() {
        let counts =
            device.current || (matches!(device.trust, Trust::Verified | Trust::Vouched) && !device.versions.is_empty());
        if counts && !device.fingerprint.is_empty() {
            let joint = if at == 0 { '?' } else { ';' };
            uri += &format!("{joint}omemo-sid-{}={}", device.device, device.fingerprint);
        }
    }
    Ok(uri)
}

/// After how many days a device in quarantine ages in.
pub(crate) fn trust_rule(reader: &Reader) -> Result<u32> {
    Ok(reader.sql().query_row("SELECT trust_days FROM account", [], |row| row.get(0))?)
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
            fingerprint_2: hex(row.get(2)?),
            trust: Trust::from_number(row.get(3)?).unwrap_or(Trust::Undecided),
            versions,
            own: row.get(6)?,
            current: false,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The digits of a key; none if it was not seen.
fn hex(key: Option<[u8; 32]>) -> String {
    key.iter().flatten().map(|byte| format!("{byte:02x}")).collect()
}

/// As other clients show it; empty until the key was seen.
fn fingerprint(signing: Option<[u8; 32]>, identity: Option<[u8; 32]>) -> String {
    let signing = signing.and_then(|key| IdentityKey::from_ed25519(&key).ok());
    let key = signing.or_else(|| identity.and_then(|key| IdentityKey::from_curve25519(&key).ok()));
    key.map(|key| key.fingerprint()).unwrap_or_default()
}
