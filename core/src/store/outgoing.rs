//! Finished stanzas on their way to the server.

use super::{Touched, Tx};
use crate::error::Result;
use crate::seal::Sealed;
use rusqlite::{OptionalExtension, params};

/// What becomes of an outgoing row when its stream is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It means nothing on another stream: requests, presence.
    Stream = 0,
    /// It goes again as it is: receipts, empty OMEMO messages.
    Again = 1,
    /// A message: it goes again once catch-up told what became of others and of it.
    Message = 2,
}

/// A message handed to a stream.
pub(crate) struct Handed {
    pub id: i64,
    pub message: i64,
    pub bytes: Vec<u8>,
    pub devices: String,
}

impl Tx<'_> {
    /// Queues finished bytes for the wire: their token.
    pub(crate) fn queue(&self, fate: Fate, message: Option<i64>, sealed: &Sealed, devices: &str) -> Result<i64> {
        self.sql()
            .prepare_cached("INSERT INTO outgoing (fate, message, stream, bytes, devices) VALUES (?, ?, 0, ?, ?)")?
            .execute(params![fate as i64, message, sealed.as_bytes(), devices])?;
        self.touch(Touched::Outgoing);
        Ok(self.sql().last_insert_rowid())
    }

    /// Up to `limit` rows after `token` that may go to the wire on `stream` now, in order.
    /// Messages of an earlier stream stay until catch-up decided about them.
    pub(crate) fn outgoing_after(&self, token: i64, limit: usize) -> Result<Vec<(i64, Vec<u8>)>> {
        let mut rows = self
            .sql()
            .prepare_cached("SELECT id, bytes FROM outgoing WHERE id > ? AND stream = 0 ORDER BY id LIMIT ?")?;
        let rows = rows.query_map(params![token, limit as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Up to `limit` rows that a stream may have been given and has not acknowledged, in order.
    pub(in crate::store) fn outgoing_open(&self, limit: usize) -> Result<Vec<(i64, Vec<u8>)>> {
        let mut rows =
            self.sql().prepare_cached("SELECT id, bytes FROM outgoing WHERE stream >= 0 ORDER BY id LIMIT ?")?;
        let rows = rows.query_map([limit as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// These bytes, and all given to the wire before them, were written on `stream`.
    pub(crate) fn written(&self, token: i64, stream: i64) -> Result<()> {
        self.sql()
            .prepare_cached("UPDATE outgoing SET stream = ? WHERE id <= ? AND stream = 0")?
            .execute([stream, token])?;
        Ok(())
    }

    /// The server has `token` and all before it that went to this stream: drops them and gives the messages among them.
    /// It may say so before [`Tx::written`] does: its answer can overtake the end of our own flush.
    pub(crate) fn acked(&self, token: i64) -> Result<Vec<i64>> {
        let mut rows =
            self.sql().prepare_cached("DELETE FROM outgoing WHERE id <= ? AND stream >= 0 RETURNING message")?;
        let rows = rows.query_map([token], |row| row.get::<_, Option<i64>>(0))?;
        let mut messages: Vec<i64> = rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect();
        messages.sort_unstable();
        self.touch(Touched::Outgoing);
        Ok(messages)
    }

    /// The old stream is gone for good: requests vanish, what goes again is put back in the queue.
    pub(crate) fn reset_outgoing(&self) -> Result<()> {
        self.sql().execute("DELETE FROM outgoing WHERE fate = 0", [])?;
        self.sql().execute("UPDATE outgoing SET stream = 0 WHERE fate = 1", [])?;
        // A message that never reached the socket is still held back: the old stream's wire may have had it in hand.
        self.sql().execute("UPDATE outgoing SET stream = -1 WHERE fate = 2", [])?;
        Ok(())
    }

    /// Messages whose stream is lost and about which catch-up has not decided.
    pub(crate) fn undecided_messages(&self) -> Result<Vec<Handed>> {
        let mut rows = self.sql().prepare_cached(
            "SELECT id, message, bytes, devices FROM outgoing WHERE fate = 2 AND stream = -1 AND message IS NOT NULL ORDER BY id",
        )?;
        let rows = rows.query_map([], |row| {
            Ok(Handed { id: row.get(0)?, message: row.get(1)?, bytes: row.get(2)?, devices: row.get(3)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The message of a row, if it is one's, and its bytes.
    pub(crate) fn outgoing_row(&self, id: i64) -> Result<Option<(Option<i64>, Vec<u8>)>> {
        let mut row = self.sql().prepare_cached("SELECT message, bytes FROM outgoing WHERE id = ?")?;
        Ok(row.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// Drops one row.
    pub(crate) fn drop_outgoing(&self, id: i64) -> Result<()> {
        self.sql().execute("DELETE FROM outgoing WHERE id = ?", [id])?;
        Ok(())
    }

    /// The fate of a message is known: its bytes go no further than the stream that may have them. There they are counted
    /// until they are acknowledged (XEP-0198).
    pub(crate) fn drop_outgoing_of(&self, message: i64) -> Result<()> {
        self.sql()
            .prepare_cached("UPDATE outgoing SET fate = 0, message = NULL WHERE message = ? AND stream >= 0")?
            .execute([message])?;
        self.sql().prepare_cached("DELETE FROM outgoing WHERE message = ?")?.execute([message])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn written_and_acknowledged_stand_for_all_before_them() {
        let mut store = Store::memory();
        let tx = store.tx().unwrap();
        let ping = "<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>".parse().unwrap();
        let queue = |message| tx.queue(Fate::Message, Some(message), &Sealed::protocol(&ping).unwrap(), "[]").unwrap();
        let held_back = queue(1);
        tx.reset_outgoing().unwrap();
        let tokens = [queue(2), queue(3), queue(4)];
        let unwritten = queue(5);
        tx.written(tokens[2], 1).unwrap();
        assert_eq!(tx.acked(tokens[1]).unwrap(), [2, 3]);
        assert_eq!(tx.acked(unwritten).unwrap(), [4, 5]);
        tx.written(unwritten, 1).unwrap();
        assert!(tx.outgoing_after(0, 9).unwrap().is_empty());
        assert_eq!(tx.undecided_messages().unwrap()[0].id, held_back);
    }
}
