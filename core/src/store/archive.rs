//! Archive cursors, and what waits for the end of catch-up.

use super::Tx;
use crate::error::Result;
use rusqlite::{OptionalExtension, params};

/// How far an archive was read.
#[derive(Clone)]
pub(crate) struct ArchiveRow {
    /// Newest id handled; empty: the archive was empty when we first looked.
    pub cursor: Option<String>,
    pub newest: i64,
    /// The stream on which it was read to its end; negative, if it did not answer on that stream.
    pub complete: i64,
}

impl Tx<'_> {
    /// How far this archive was read; none if never looked at.
    pub(crate) fn archive(&self, jid: &str) -> Result<Option<ArchiveRow>> {
        let row = self.sql().prepare_cached("SELECT cursor, newest, complete FROM archive WHERE jid = ?")?;
        let mut row = row;
        let row = row
            .query_row([jid], |row| Ok(ArchiveRow { cursor: row.get(0)?, newest: row.get(1)?, complete: row.get(2)? }));
        Ok(row.optional()?)
    }

    /// Moves the cursor; `newest` is the time of that message.
    pub(crate) fn set_cursor(&self, jid: &str, cursor: Option<&str>, newest: i64) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO archive (jid, cursor, newest, complete) VALUES (?1, ?2, ?3, 0)
                 ON CONFLICT (jid) DO UPDATE SET cursor = ?2, newest = max(newest, ?3)",
            )?
            .execute(params![jid, cursor, newest])?;
        Ok(())
    }

    /// The archive was read to its end on this stream, or does not answer on it (negative).
    pub(crate) fn set_complete(&self, jid: &str, stream: i64) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO archive (jid, cursor, newest, complete) VALUES (?1, NULL, 0, ?2)
                 ON CONFLICT (jid) DO UPDATE SET complete = ?2",
            )?
            .execute(params![jid, stream])?;
        Ok(())
    }

    /// Keeps a live message for after the catch-up of our own archive.
    pub(crate) fn put_inbox(&self, raw: &str, arrived: i64) -> Result<()> {
        self.put_inbox_of("", raw, arrived)
    }

    /// The same for the archive of a room.
    pub(crate) fn put_inbox_of(&self, room: &str, raw: &str, arrived: i64) -> Result<()> {
        self.sql()
            .prepare_cached("INSERT INTO inbox (raw, arrived, poison, room) VALUES (?, ?, 0, ?)")?
            .execute(params![raw, arrived, room])?;
        Ok(())
    }

    /// What waited for a room is wanted no more.
    pub(crate) fn clear_inbox_of(&self, room: &str) -> Result<()> {
        self.sql().prepare_cached("DELETE FROM inbox WHERE room = ? AND poison = 0")?.execute([room])?;
        Ok(())
    }

    /// Takes up to `limit` kept messages out whose archives were read, oldest first: what they are, when they came, and the
    /// room whose they are. While one of them is suspected of having crashed us it comes alone.
    pub(crate) fn take_inbox(&self, limit: usize) -> Result<Vec<(String, i64, String)>> {
        let mut rows = self.sql().prepare_cached(
            "SELECT id, raw, arrived, room FROM inbox
             WHERE poison = 0 AND room IN (SELECT jid FROM want WHERE kind = 'drain') ORDER BY id
             LIMIT CASE WHEN EXISTS (SELECT 1 FROM suspect) THEN 1 ELSE ? END",
        )?;
        let rows =
            rows.query_map([limit as i64], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        let mut taken = Vec::new();
        for row in rows {
            let (id, raw, arrived, room) = row?;
            self.sql().prepare_cached("DELETE FROM inbox WHERE id = ?")?.execute([id])?;
            taken.push((raw, arrived, room));
        }
        Ok(taken)
    }
}
