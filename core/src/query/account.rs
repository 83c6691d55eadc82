//! Whose database it is.

use crate::error::Result;
use crate::store::Reader;

/// The account's bare JID, and when it was added here.
pub(crate) fn account(reader: &Reader) -> Result<(String, i64)> {
    Ok(reader.sql().query_row("SELECT jid, created FROM account", [], |row| Ok((row.get(0)?, row.get(1)?)))?)
}
