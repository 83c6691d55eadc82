//! What somebody is to be told of, and whether the account was looked after.

use super::{WINDOW, timeline};
use crate::error::Result;
use crate::model::Notification;
use crate::store::Reader;

/// Messages that nobody was told of yet, oldest first, with the numbers of their rows.
pub(crate) fn notifications(reader: &Reader, account: &str) -> Result<Vec<(i64, Notification)>> {
    let sql = format!(
        "SELECT {}, n.id, c.name FROM notification n JOIN message m ON m.id = n.message LEFT JOIN contact c ON c.jid = m.chat
         ORDER BY n.id LIMIT ?",
        timeline::COLUMNS
    );
    let mut statement = reader.sql().prepare_cached(&sql)?;
    let rows = statement.query_map([WINDOW], |row| {
        let id: i64 = row.get(timeline::WIDTH)?;
        let (name, item) = (row.get(timeline::WIDTH + 1)?, timeline::row(row)?);
        Ok((id, Notification { notification: id.to_string(), account: account.to_owned(), name, item }))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether the round of this name is still to come, and whether a person wants the account online.
pub(crate) fn round(reader: &Reader, name: &str) -> Result<(bool, bool)> {
    let open = reader.sql().prepare_cached("SELECT 1 FROM want WHERE kind = 'round' AND arg = ?")?.exists([name])?;
    let wanted = reader.sql().prepare_cached("SELECT wanted FROM account")?.query_row([], |row| row.get(0))?;
    Ok((open, wanted))
}
