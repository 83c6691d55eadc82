//! Content without a row of the timeline of its own, on its way to be sealed.

use super::{Touched, Tx};
use crate::error::Result;
use rusqlite::{Row, params};

/// Which of the devices that may read a chat get a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All.
    Everyone = 0,
    /// Only those of the other side that were heard from of late: for what is not worth a place in the chains of sleeping ones.
    Awake = 1,
    /// Only those whose keys count: a person compared them, or one that counts spoke for them (XEP-0450).
    Authenticated = 2,
}

/// A parcel as stored.
pub(crate) struct ParcelRow {
    pub id: i64,
    pub chat: String,
    pub content: String,
    pub reach: Reach,
    pub lasting: bool,
    pub made: i64,
}

fn parcel(row: &Row) -> rusqlite::Result<ParcelRow> {
    Ok(ParcelRow {
        id: row.get(0)?,
        chat: row.get(1)?,
        content: row.get(2)?,
        reach: match row.get(3)? {
            1 => Reach::Awake,
            2 => Reach::Authenticated,
            _ => Reach::Everyone,
        },
        lasting: row.get(4)?,
        made: row.get(5)?,
    })
}

impl Tx<'_> {
    /// Puts a parcel behind those that wait; `content` is the XML of what is to be sealed.
    pub(crate) fn put_parcel(&self, chat: &str, content: &str, reach: Reach, lasting: bool, made: i64) -> Result<()> {
        self.sql()
            .prepare_cached("INSERT INTO parcel (chat, content, reach, lasting, made) VALUES (?, ?, ?, ?, ?)")?
            .execute(params![chat, content, reach as i64, lasting, made])?;
        self.touch(Touched::Outgoing);
        Ok(())
    }

    /// The chats in which some wait, however many those are.
    pub(crate) fn chats_of_parcels(&self) -> Result<Vec<String>> {
        let mut rows = self.sql().prepare_cached(
            "WITH RECURSIVE next (chat) AS (
               SELECT min(chat) FROM parcel
               UNION ALL SELECT (SELECT min(chat) FROM parcel WHERE chat > next.chat) FROM next WHERE chat IS NOT NULL
             ) SELECT chat FROM next WHERE chat IS NOT NULL",
        )?;
        let rows = rows.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The first that wait in a chat, in order, and no more than this.
    pub(crate) fn parcels_of(&self, chat: &str, most: usize) -> Result<Vec<ParcelRow>> {
        let sql = "SELECT id, chat, content, reach, lasting, made FROM parcel WHERE chat = ? ORDER BY id LIMIT ?";
        let mut rows = self.sql().prepare_cached(sql)?;
        let rows = rows.query_map(params![chat, most as i64], parcel)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether any waits.
    pub(crate) fn any_parcel(&self) -> Result<bool> {
        Ok(self.sql().prepare_cached("SELECT 1 FROM parcel")?.exists([])?)
    }

    /// It was sealed, or means nothing any more.
    pub(crate) fn drop_parcel(&self, id: i64) -> Result<()> {
        self.sql().prepare_cached("DELETE FROM parcel WHERE id = ?")?.execute([id])?;
        Ok(())
    }

    /// What means nothing on another stream is dropped.
    pub(crate) fn drop_passing_parcels(&self) -> Result<()> {
        self.sql().execute("DELETE FROM parcel WHERE lasting = 0", [])?;
        Ok(())
    }
}
