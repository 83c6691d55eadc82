//! What is remembered of the account's server.

use crate::error::{Error, Result};
use crate::model::{Server, ServerChange, ServerChangeKind, ServerKey, Time};
use crate::store::Reader;
use rusqlite::OptionalExtension;

/// The newest changes that are shown.
const NEWEST: i64 = 50;

/// What the rows say of it.
pub(crate) fn server(reader: &Reader) -> Result<Server> {
    let mut pin =
        reader.sql().prepare_cached("SELECT key, issuer, tls, binding, confirmed, mechanism, since FROM pin")?;
    let known = pin
        .query_row([], |row| {
            Ok(Server {
                key: Some(ServerKey { key: hex(row.get(0)?), issuer: row.get(1)? }),
                tls: row.get(2)?,
                binding: row.get(3)?,
                confirms_offer: row.get(4)?,
                mechanism: row.get(5)?,
                since: Some(Time(row.get(6)?)),
                plain_login: None,
                contradiction: None,
                changes: Vec::new(),
            })
        })
        .optional()?;
    let since = |sql| Ok::<_, Error>(reader.sql().query_row(sql, [], |row| row.get(0)).optional()?.map(Time));
    let plain_login = since("SELECT since FROM plain_login")?;
    let contradiction = since("SELECT since FROM contradiction")?;
    let mut changes = reader.sql().prepare_cached(
        "SELECT kind, at, key_before, issuer_before, key, issuer, because FROM server_change ORDER BY id DESC LIMIT ?",
    )?;
    let changes = changes.query_map([NEWEST], |row| {
        let key = |at: usize| -> rusqlite::Result<Option<ServerKey>> {
            let (key, issuer): (Option<[u8; 32]>, Option<String>) = (row.get(at)?, row.get(at + 1)?);
            Ok(key.zip(issuer).map(|(key, issuer)| ServerKey { key: hex(key), issuer }))
        };
        Ok(ServerChange {
            kind: ServerChangeKind::from_number(row.get(0)?).unwrap_or(ServerChangeKind::Contradiction),
            at: Time(row.get(1)?),
            before: key(2)?,
            after: key(4)?,
            because: row.get(6)?,
        })
    })?;
    let changes = changes.collect::<rusqlite::Result<_>>()?;
    Ok(Server { plain_login, contradiction, changes, ..known.unwrap_or_default() })
}

fn hex(key: [u8; 32]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}
