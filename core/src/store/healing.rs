//! What was done by itself about sessions that do not work.

use super::Tx;
use super::device::number;
use crate::error::Result;
use dunnock_omemo::Version;
use rusqlite::{OptionalExtension, params};

/// The past of a device in one version; all zero if there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Healing {
    pub healed: i64,
    pub heals: u32,
    pub awaited: bool,
    pub window: i64,
    pub answers: u32,
}

impl Tx<'_> {
    /// What was done so far about sessions with this device.
    pub(crate) fn healing(&self, jid: &str, device: u32, version: Version) -> Result<Healing> {
        let row = self
            .sql()
            .prepare_cached(
                "SELECT healed, heals, awaited, window, answers FROM healing WHERE jid = ? AND device = ? AND version = ?",
            )?
            .query_row(params![jid, device, number(version)], |row| {
                Ok(Healing {
                    healed: row.get(0)?,
                    heals: row.get(1)?,
                    awaited: row.get(2)?,
                    window: row.get(3)?,
                    answers: row.get(4)?,
                })
            })
            .optional()?;
        Ok(row.unwrap_or_default())
    }

    /// Writes it down.
    pub(crate) fn put_healing(&self, jid: &str, device: u32, version: Version, row: &Healing) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT OR REPLACE INTO healing (jid, device, version, healed, heals, awaited, window, answers)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                jid,
                device,
                number(version),
                row.healed,
                row.heals,
                row.awaited,
                row.window,
                row.answers
            ])?;
        Ok(())
    }

    /// How many devices of a person wrote before we knew them.
    pub(crate) fn count_awaited(&self, jid: &str) -> Result<i64> {
        let mut rows = self.sql().prepare_cached("SELECT count(*) FROM healing WHERE jid = ? AND awaited = 1")?;
        Ok(rows.query_row([jid], |row| row.get(0))?)
    }
}
