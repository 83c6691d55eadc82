//! The stream that may be resumed (XEP-0198), counted in the very transactions that do the work.

use super::Tx;
use crate::error::Result;
use crate::wire::{Left, Resumable};
use jid::FullJid;
use rusqlite::params;

/// More stanzas than this are not written again as they are: on a new stream the archive tells first what arrived.
const MOST: usize = 4096;

impl Tx<'_> {
    /// A new stream is up: nothing of it is counted yet. None if it cannot be resumed.
    pub(crate) fn begin_resumption(&self, stream: Option<&Resumable>) -> Result<()> {
        self.sql()
            .prepare_cached(
                "UPDATE resumption SET id = ?, jid = ?, location = ?, heard = 0, acked = 0, serial = serial + 1",
            )?
            .execute(params![
                stream.map(|stream| &stream.id),
                stream.map(|stream| stream.jid.as_str()),
                stream.and_then(|stream| stream.location.as_ref())
            ])?;
        Ok(())
    }

    /// The stream is over for good.
    pub(crate) fn end_resumption(&self) -> Result<()> {
        self.begin_resumption(None)
    }

    /// This many of its stanzas are in this transaction and those before it. On a resumed stream a stanza may come again
    /// that was committed: then the count stays.
    pub(crate) fn heard(&self, count: u32) -> Result<()> {
        self.sql()
            .prepare_cached(
                "UPDATE resumption SET heard = ?1, serial = serial + 1
                 WHERE id IS NOT NULL AND ((?1 - heard) & 4294967295) BETWEEN 1 AND 2147483647",
            )?
            .execute([count])?;
        Ok(())
    }

    /// The server has this many of ours; their rows go in the same transaction.
    pub(crate) fn set_acked_count(&self, count: u32) -> Result<()> {
        self.sql()
            .prepare_cached("UPDATE resumption SET acked = ?1, serial = serial + 1 WHERE id IS NOT NULL")?
            .execute([count])?;
        Ok(())
    }

    /// What is compared with the witness beside the file.
    pub(crate) fn serial(&self) -> Result<i64> {
        Ok(self.sql().prepare_cached("SELECT serial FROM resumption")?.query_row([], |row| row.get(0))?)
    }

    /// The stream to be resumed; none if there is none, or too much of it is open.
    pub(crate) fn left(&self) -> Result<Option<Left>> {
        let (id, jid, location, heard, acked) = self
            .sql()
            .prepare_cached("SELECT id, jid, location, heard, acked FROM resumption")?
            .query_row([], |row| {
                let (id, jid): (Option<String>, Option<String>) = (row.get(0)?, row.get(1)?);
                Ok((id, jid, row.get(2)?, row.get(3)?, row.get(4)?))
            })?;
        let jid = jid.and_then(|jid| FullJid::new(&jid).ok());
        let (Some(id), Some(jid)) = (id, jid) else { return Ok(None) };
        let sent = self.outgoing_open(MOST + 1)?;
        if sent.len() > MOST {
            return Ok(None);
        }
        Ok(Some(Left { stream: Resumable { id, jid, location }, heard, acked, sent }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Sealed;
    use crate::store::Store;
    use crate::store::outgoing::Fate;

    fn stream() -> Resumable {
        Resumable { id: "s1".into(), jid: "juliet@x.test/r".parse().unwrap(), location: None }
    }

    fn queue(tx: &Tx, message: i64) -> i64 {
        let ping = "<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>".parse().unwrap();
        tx.queue(Fate::Message, Some(message), &Sealed::protocol(&ping).unwrap(), "[]").unwrap()
    }

    fn open(tx: &Tx) -> Vec<i64> {
        tx.left().unwrap().unwrap().sent.into_iter().map(|(token, _)| token).collect()
    }

    #[test]
    fn counts_go_on_over_the_end_of_their_numbers_and_never_back() {
        let mut store = Store::memory();
        let tx = store.tx().unwrap();
        tx.heard(7).unwrap();
        assert!(tx.left().unwrap().is_none(), "there is no stream");
        tx.begin_resumption(Some(&stream())).unwrap();
        for (count, is) in [
            (1, 1),
            (3, 3),
            (2, 3),
            (2_147_483_640, 2_147_483_640),
            (3_000_000_000, 3_000_000_000),
            (u32::MAX, u32::MAX),
            (0, 0),
        ] {
            tx.heard(count).unwrap();
            assert_eq!(tx.left().unwrap().unwrap().heard, is);
        }
        let before = tx.serial().unwrap();
        tx.end_resumption().unwrap();
        assert!(tx.left().unwrap().is_none() && tx.serial().unwrap() > before);
    }

    #[test]
    fn what_was_given_to_the_stream_is_counted_in_order_whatever_became_of_it() {
        let mut store = Store::memory();
        let tx = store.tx().unwrap();
        queue(&tx, 1);
        tx.reset_outgoing().unwrap();
        tx.begin_resumption(Some(&stream())).unwrap();
        let tokens = [queue(&tx, 2), queue(&tx, 3), queue(&tx, 4), queue(&tx, 5)];
        tx.written(tokens[2], 1).unwrap();
        tx.drop_outgoing_of(3).unwrap();
        assert_eq!(open(&tx), tokens, "that of an earlier stream is not among them");
        assert_eq!(tx.acked(tokens[1]).unwrap(), [2], "nothing more is said of one whose fate is known");
        assert_eq!(open(&tx), tokens[2..]);
        tx.drop_outgoing_of(1).unwrap();
        assert!(tx.undecided_messages().unwrap().is_empty());
    }

    #[test]
    fn too_much_that_is_open_is_left_to_a_new_stream() {
        let mut store = Store::memory();
        let tx = store.tx().unwrap();
        tx.begin_resumption(Some(&stream())).unwrap();
        (0..MOST as i64).for_each(|message| _ = queue(&tx, message));
        assert!(tx.left().unwrap().is_some());
        queue(&tx, -1);
        assert!(tx.left().unwrap().is_none());
    }
}
