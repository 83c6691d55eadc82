//! After an unclean end: which stanza was in hand, and those that cannot be handled.

use super::Tx;
use crate::error::Result;
use rusqlite::params;

impl Tx<'_> {
    /// A stanza with this digest is about to be handled: how often that was tried, this time included.
    pub(crate) fn suspect(&self, digest: &[u8; 32]) -> Result<i64> {
        let mut row = self.sql().prepare_cached(
            "INSERT INTO suspect (digest, times) VALUES (?, 1) ON CONFLICT (digest) DO UPDATE SET times = times + 1 RETURNING times",
        )?;
        Ok(row.query_row([digest.as_slice()], |row| row.get(0))?)
    }

    /// It was handled and did no harm.
    pub(crate) fn harmless(&self, digest: &[u8; 32]) -> Result<()> {
        self.sql().prepare_cached("DELETE FROM suspect WHERE digest = ?")?.execute([digest.as_slice()])?;
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
