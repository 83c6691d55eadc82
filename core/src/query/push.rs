//! How far the push of an account is.

use crate::error::Result;
use crate::model::{Push, PushState};
use crate::store::Reader;
use rusqlite::OptionalExtension;

/// What the rows say of it.
pub(crate) fn push(reader: &Reader) -> Result<Push> {
    let wanted = reader
        .sql()
        .prepare_cached("SELECT app_server, node IS NOT NULL, stream, error FROM push")?
        .query_row([], |row| {
            let state = match (row.get(1)?, row.get::<_, i64>(2)?) {
                (false, _) => PushState::Registering,
                (true, 0) => PushState::Enabling,
                (true, _) => PushState::Enabled,
            };
            Ok(Push { state, app_server: Some(row.get(0)?), error: row.get(3)? })
        })
        .optional()?;
    if let Some(push) = wanted {
        return Ok(push);
    }
    let untold = reader
        .sql()
        .prepare_cached("SELECT 1 FROM want WHERE kind IN ('push_disable', 'push_unregister')")?
        .exists([])?;
    let state = if untold { PushState::Disabling } else { PushState::Off };
    Ok(Push { state, app_server: None, error: None })
}

/// Whether this is the node at which the account's server publishes.
pub(crate) fn is_node(reader: &Reader, node: &str) -> Result<bool> {
    Ok(reader.sql().prepare_cached("SELECT 1 FROM push WHERE node = ?")?.exists([node])?)
}
