//! OMEMO devices and the lists that name them.

use super::{Touched, Tx};
use crate::error::Result;
use crate::model::Trust;
use dunnock_omemo::{IdentityKey, Version};
use rusqlite::{OptionalExtension, Row, params};

/// A device as stored.
#[derive(Clone, PartialEq)]
pub(crate) struct DeviceRow {
    pub jid: String,
    pub device: u32,
    pub identity: Option<[u8; 32]>,
    pub signing: Option<[u8; 32]>,
    pub trust: Trust,
    pub listed03: bool,
    pub listed2: bool,
    pub ever2: bool,
    pub heard: i64,
    pub healed: i64,
}

const COLUMNS: &str = "jid, device, identity, signing, trust, listed03, listed2, ever2, heard, healed";

fn device(row: &Row) -> rusqlite::Result<DeviceRow> {
    Ok(DeviceRow {
        jid: row.get(0)?,
        device: row.get(1)?,
        identity: row.get(2)?,
        signing: row.get(3)?,
        trust: Trust::from_number(row.get(4)?).unwrap_or(Trust::Undecided),
        listed03: row.get(5)?,
        listed2: row.get(6)?,
        ever2: row.get(7)?,
        heard: row.get(8)?,
        healed: row.get(9)?,
    })
}

/// How a version is numbered in the store.
pub(crate) fn number(version: Version) -> i64 {
    match version {
        Version::V03 => 3,
        Version::V2 => 2,
    }
}

impl Tx<'_> {
    /// One device.
    pub(crate) fn device(&self, jid: &str, id: u32) -> Result<Option<DeviceRow>> {
        let sql = format!("SELECT {COLUMNS} FROM device WHERE jid = ? AND device = ?");
        Ok(self.sql().prepare_cached(&sql)?.query_row(params![jid, id], device).optional()?)
    }

    /// All devices of a person, listed or not.
    pub(crate) fn devices(&self, jid: &str) -> Result<Vec<DeviceRow>> {
        let sql = format!("SELECT {COLUMNS} FROM device WHERE jid = ? ORDER BY device");
        let mut rows = self.sql().prepare_cached(&sql)?;
        let rows = rows.query_map([jid], device)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Writes a device down, new or changed.
    pub(crate) fn put_device(&self, row: &DeviceRow) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO device (jid, device, identity, signing, trust, listed03, listed2, ever2, heard, healed)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (jid, device) DO UPDATE SET identity = excluded.identity, signing = excluded.signing,
                   trust = excluded.trust, listed03 = excluded.listed03, listed2 = excluded.listed2, ever2 = excluded.ever2,
                   heard = excluded.heard, healed = excluded.healed",
            )?
            .execute(params![
                row.jid,
                row.device,
                row.identity,
                row.signing,
                row.trust as i64,
                row.listed03,
                row.listed2,
                row.ever2,
                row.heard,
                row.healed
            ])?;
        self.touch(Touched::Devices(row.jid.clone()));
        Ok(())
    }

    /// Forgets a device.
    pub(crate) fn drop_device(&self, jid: &str, id: u32) -> Result<()> {
        self.sql().prepare_cached("DELETE FROM device WHERE jid = ? AND device = ?")?.execute(params![jid, id])?;
        self.touch(Touched::Devices(jid.to_owned()));
        Ok(())
    }

    /// We read something from this device again; no screen shows that.
    pub(crate) fn set_heard(&self, jid: &str, id: u32, now: i64) -> Result<()> {
        self.sql()
            .prepare_cached("UPDATE device SET heard = ? WHERE jid = ? AND device = ?")?
            .execute(params![now, jid, id])?;
        Ok(())
    }

    /// Tells that a device came, went or changed.
    pub(crate) fn tell_device(&self, row: &DeviceRow, change: &str) -> Result<()> {
        let data = serde_json::json!({ "fingerprint": row.fingerprint(), "change": change });
        self.touch(Touched::Devices(row.jid.clone()));
        self.event("device", None, Some(&row.jid), Some(row.device), &data.to_string())
    }

    /// The stream on which this list was last confirmed, and when it was first read; none if never.
    pub(crate) fn device_list(&self, jid: &str, version: Version) -> Result<Option<(i64, i64)>> {
        Ok(self
            .sql()
            .prepare_cached("SELECT stream, first FROM device_list WHERE jid = ? AND version = ?")?
            .query_row(params![jid, number(version)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?)
    }

    /// This list was read on `stream`.
    pub(crate) fn confirm_device_list(&self, jid: &str, version: Version, stream: i64, now: i64) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO device_list (jid, version, stream, first) VALUES (?, ?, ?, ?)
                 ON CONFLICT (jid, version) DO UPDATE SET stream = excluded.stream",
            )?
            .execute(params![jid, number(version), stream, now])?;
        Ok(())
    }
}

impl DeviceRow {
    /// A device that nothing is known of yet.
    pub(crate) fn unknown(jid: &str, device: u32) -> Self {
        DeviceRow {
            jid: jid.to_owned(),
            device,
            identity: None,
            signing: None,
            trust: Trust::Undecided,
            listed03: false,
            listed2: false,
            ever2: false,
            heard: 0,
            healed: 0,
        }
    }

    /// Its identity key, once seen.
    pub(crate) fn key(&self) -> Option<IdentityKey> {
        let signing = self.signing.and_then(|key| IdentityKey::from_ed25519(&key).ok());
        signing.or_else(|| self.identity.and_then(|key| IdentityKey::from_curve25519(&key).ok()))
    }

    /// Its fingerprint as other clients show it; empty until its key was seen.
    pub(crate) fn fingerprint(&self) -> String {
        self.key().map(|key| key.fingerprint()).unwrap_or_default()
    }
}
