//! How the connection stands.

use crate::error::Result;
use crate::model::{Connection, Proof, State};
use crate::store::Reader;

/// What the rows say of it.
pub(crate) fn connection(reader: &Reader) -> Result<Connection> {
    let mut statement = reader
        .sql()
        .prepare_cached("SELECT state, proof, archive, resumable, error, about, caught_up, caught FROM connection")?;
    Ok(statement.query_row([], |row| {
        Ok(Connection {
            state: State::from_number(row.get(0)?).unwrap_or(State::Offline),
            proof: row.get::<_, Option<String>>(1)?.as_deref().and_then(proof),
            archive: row.get(2)?,
            resumable: row.get(3)?,
            error: row.get(4)?,
            about: row.get(5)?,
            caught_up: row.get(6)?,
            caught: row.get(7)?,
        })
    })?)
}

/// The proof of this name.
pub(super) fn proof(code: &str) -> Option<Proof> {
    Some(match code {
        "proved" => Proof::Proved,
        "pinned" => Proof::Pinned,
        "first_use" => Proof::FirstUse,
        _ => return None,
    })
}
