//! The contact list.

use super::WINDOW;
use crate::error::Result;
use crate::model::Contact;
use crate::store::Reader;

/// People in the roster, who asked, who were named or blocked; by name, then by JID.
pub(crate) fn contacts(reader: &Reader) -> Result<Vec<Contact>> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT c.jid, c.name, c.subscription, c.asked, c.requests, c.blocked,
           EXISTS (SELECT 1 FROM presence p WHERE p.bare = c.jid AND p.stream = (SELECT stream FROM account))
             AND (SELECT state FROM connection) = 2
         FROM contact c ORDER BY coalesce(c.name, c.jid) COLLATE NOCASE, c.jid LIMIT ?",
    )?;
    let rows = statement.query_map([WINDOW], |row| {
        Ok(Contact {
            jid: row.get(0)?,
            name: row.get(1)?,
            subscription: row.get(2)?,
            asked: row.get(3)?,
            requests: row.get(4)?,
            blocked: row.get(5)?,
            online: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
