//! After an unclean end: which stanza was in hand, and those that cannot be handled.

use super::Tx;
use crate::error::Result;
use rusqlite::{OptionalExtension, params};

impl Tx<'_> {
    /// A stanza with this digest is about to be handled: how often that was tried, this time included.
    pub(crate) fn suspect(&self, digest: &[u8; 32]) -> Result<i64> {
        let mut row = self.sql().prepare_cached(
            "INSERT INTO suspect (digest, times) VALUES (?, 1) ON CONFLICT (digest) DO UPDATE SET times = times + 1 RETURNING times",
        )?;
        Ok(row.query_row([digest.as_slice()], |row| row.get(0))?)
    }

    /// It crashed us for certain, as if it had been met so often.
    pub(crate) fn convict(&self, digest: &[u8; 32], times: i64) -> Result<()> {
        self.sql().execute("UPDATE suspect SET times = ? WHERE digest = ?", params![times, digest.as_slice()])?;
        Ok(())
    }

    /// It was handled and did no harm.
    pub(crate) fn harmless(&self, digest: &[u8; 32]) -> Result<()> {
        self.sql().prepare_cached("DELETE FROM suspect WHERE digest = ?")?.execute([digest.as_slice()])?;
        Ok(())
    }

    /// All suspicion is forgotten: what was in hand at a crash and has not come again did no harm.
    pub(crate) fn harmless_all(&self) -> Result<()> {
        self.sql().execute("DELETE FROM suspect", [])?;
        Ok(())
    }

    /// The kept stanza that is next to be handled: its id and what it is.
    pub(crate) fn next_kept(&self) -> Result<Option<(i64, String)>> {
        let mut row = self.sql().prepare_cached(
            "SELECT id, raw FROM inbox WHERE poison = 0 AND room IN (SELECT jid FROM want WHERE kind = 'drain') ORDER BY id LIMIT 1",
        )?;
        Ok(row.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// Leaves a kept stanza where it is, but not to be handled: it crashed us.
    pub(crate) fn poison_kept(&self, id: i64) -> Result<()> {
        self.sql().execute("UPDATE inbox SET poison = 1 WHERE id = ?", [id])?;
        Ok(())
    }

    /// Puts a stanza that crashed us aside, to be tried again after an update.
    pub(crate) fn poison(&self, raw: &str, arrived: i64) -> Result<()> {
        self.sql()
            .prepare_cached("INSERT INTO inbox (raw, arrived, poison) VALUES (?, ?, 1)")?
            .execute(params![raw, arrived])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::store::Store;

    #[test]
    fn a_suspect_is_counted_until_it_did_no_harm() {
        let mut store = Store::memory();
        let tx = store.tx().unwrap();
        assert_eq!(tx.suspect(&[7; 32]).unwrap(), 1);
        assert_eq!(tx.suspect(&[7; 32]).unwrap(), 2);
        tx.harmless(&[7; 32]).unwrap();
        assert_eq!(tx.suspect(&[7; 32]).unwrap(), 1);
    }
}
