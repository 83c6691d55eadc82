//! What a Prosody with SQLite has in its archive.

use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// One archived message.
#[derive(Debug, Clone)]
pub struct Archived {
    /// Whose archive it is: the name before the `@`.
    pub owner: String,
    /// The other side, a bare JID.
    pub with: String,
    /// The whole stanza as XML.
    pub stanza: String,
}

/// All messages of all archives, in the order in which they came.
pub fn read(file: &Path) -> rusqlite::Result<Vec<Archived>> {
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    database.busy_timeout(Duration::from_secs(60))?;
    let mut rows = database
        .prepare("SELECT user, \"with\", value FROM prosodyarchive WHERE store = 'archive' ORDER BY sort_id")?;
    let rows = rows.query_map((), |row| Ok(Archived { owner: row.get(0)?, with: row.get(1)?, stanza: row.get(2)? }))?;
    rows.collect()
}
