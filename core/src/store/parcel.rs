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

    /// All that wait, in order.
    pub(crate) fn parcels(&self) -> Result<Vec<ParcelRow>> {
        let mut rows = self.sql().prepare_cached("SELECT id, chat, content, reach, lasting FROM parcel ORDER BY id")?;
        let rows = rows.query_map([], parcel)?;
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
