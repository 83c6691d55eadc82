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
    /// Since when it is listed with the key it has.
    pub since: i64,
    /// An alarm is due, unless a word on its key comes first.
    pub due: bool,
    /// When it went from the last list, until its sessions ended.
    pub gone: i64,
}

const COLUMNS: &str = "jid, device, identity, signing, trust, listed03, listed2, ever2, heard, since, due, gone";

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
        since: row.get(9)?,
        due: row.get(10)?,
        gone: row.get(11)?,
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

    /// Devices of which an alarm is due.
    pub(crate) fn devices_due(&self) -> Result<Vec<DeviceRow>> {
        let sql = format!("SELECT {COLUMNS} FROM device WHERE due = 1 ORDER BY jid, device");
        let mut rows = self.sql().prepare_cached(&sql)?;
        let rows = rows.query_map([], device)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Devices that are on no list since before `before`, and whose sessions were kept so far.
    pub(crate) fn devices_gone(&self, before: i64) -> Result<Vec<DeviceRow>> {
        let sql = format!("SELECT {COLUMNS} FROM device WHERE gone != 0 AND gone < ? ORDER BY jid, device");
        let mut rows = self.sql().prepare_cached(&sql)?;
        let rows = rows.query_map([before], device)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Listed devices in quarantine that have the key they have since before `before`.
    pub(crate) fn devices_aged(&self, before: i64) -> Result<Vec<DeviceRow>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM device WHERE trust = 0 AND (listed03 = 1 OR listed2 = 1) AND identity IS NOT NULL
             AND since != 0 AND since <= ? ORDER BY jid, device"
        );
        let mut rows = self.sql().prepare_cached(&sql)?;
        let rows = rows.query_map([before], device)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
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
                "INSERT INTO device (jid, device, identity, signing, trust, listed03, listed2, ever2, heard, since, due,
                   gone)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (jid, device) DO UPDATE SET identity = excluded.identity, signing = excluded.signing,
                   trust = excluded.trust, listed03 = excluded.listed03, listed2 = excluded.listed2, ever2 = excluded.ever2,
                   heard = excluded.heard, since = excluded.since, due = excluded.due,
                   gone = excluded.gone",
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
                row.since,
                row.due,
                row.gone
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
                 ON CONFLICT (jid, version) DO UPDATE SET stream = excluded.stream, refused = 0",
            )?
            .execute(params![jid, number(version), stream, now])?;
        Ok(())
    }
}

impl Tx<'_> {
    /// This list could not be had: they refuse it, or their server is away.
    pub(crate) fn device_list_refused(&self, jid: &str, version: Version) -> Result<()> {
        self.sql()
            .prepare_cached("UPDATE device_list SET refused = 1 WHERE jid = ? AND version = ?")?
            .execute(params![jid, number(version)])?;
        Ok(())
    }

    /// Whether a list of this person could not be had when it was asked for last.
    pub(crate) fn any_list_refused(&self, jid: &str) -> Result<bool> {
        Ok(self.sql().prepare_cached("SELECT 1 FROM device_list WHERE jid = ? AND refused = 1")?.exists([jid])?)
    }

    /// This list is another one than before, as far as we heard.
    pub(crate) fn device_list_changed(&self, jid: &str, version: Version, stream: i64) -> Result<()> {
        self.sql()
            .prepare_cached("UPDATE device_list SET changed = ? WHERE jid = ? AND version = ?")?
            .execute(params![stream, jid, number(version)])?;
        Ok(())
    }

    /// Whether one of this person's lists was heard to change on `stream`.
    pub(crate) fn any_list_changed(&self, jid: &str, stream: i64) -> Result<bool> {
        let mut rows = self.sql().prepare_cached("SELECT 1 FROM device_list WHERE jid = ? AND changed = ?")?;
        Ok(rows.exists(params![jid, stream])?)
    }
}

impl DeviceRow {
    /// Whether it is on a list now.
    pub(crate) fn is_listed(&self) -> bool {
        self.listed03 || self.listed2
    }

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
            since: 0,
            due: false,
            gone: 0,
        }
    }

    /// Its identity key, once seen.
    pub(crate) fn key(&self) -> Option<IdentityKey> {
        let signing = self.signing.and_then(|key| IdentityKey::from_ed25519(&key).ok());
        signing.or_else(|| self.identity.and_then(|key| IdentityKey::from_curve25519(&key).ok()))
    }

    /// The Ed25519 form of its key, as some clients of version 2 show it: 64 hexadecimal digits, empty until it was seen.
    pub(crate) fn fingerprint_2(&self) -> String {
        self.signing.iter().flatten().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Its fingerprint as other clients show it; empty until its key was seen.
    pub(crate) fn fingerprint(&self) -> String {
        self.key().map(|key| key.fingerprint()).unwrap_or_default()
    }
}
