//! What happened, for whoever listens: rows written in the transaction of what they tell.

use super::{Touched, Tx};
use crate::error::Result;
use rusqlite::params;

/// How many events are kept for listeners that lag.
const KEPT: i64 = 20_000;

impl Tx<'_> {
    /// Appends an event; `data` is JSON of what its rows do not hold.
    pub(crate) fn event(
        &self,
        kind: &str,
        message: Option<i64>,
        jid: Option<&str>,
        device: Option<u32>,
        data: &str,
    ) -> Result<()> {
        self.sql()
            .prepare_cached("INSERT INTO event (kind, message, jid, device, data) VALUES (?, ?, ?, ?, ?)")?
            .execute(params![kind, message, jid, device, data])?;
        let id = self.sql().last_insert_rowid();
        if id % 1000 == 0 {
            self.sql().execute("DELETE FROM event WHERE id <= ?", [id - KEPT])?;
        }
        self.touch(Touched::Events);
        Ok(())
    }

    /// Counts one more thing dropped for this reason.
    pub(crate) fn count(&self, name: &str) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO counter (name, count) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET count = count + 1",
            )?
            .execute([name])?;
        Ok(())
    }

    /// How often `name` was counted.
    #[cfg(test)]
    pub(crate) fn counted(&self, name: &str) -> i64 {
        self.sql()
            .query_row("SELECT coalesce(sum(count), 0) FROM counter WHERE name = ?", [name], |row| row.get(0))
            .expect("counter reads")
    }

    /// What was told about devices, oldest first.
    #[cfg(test)]
    pub(crate) fn told_of_devices(&self) -> Vec<String> {
        let sql = "SELECT json_extract(data, '$.change') FROM event WHERE kind = 'device' ORDER BY id";
        let mut rows = self.sql().prepare(sql).expect("events read");
        let rows = rows.query_map([], |row| row.get(0)).expect("events read");
        rows.map(|row| row.expect("a device's event names its change")).collect()
    }
}
