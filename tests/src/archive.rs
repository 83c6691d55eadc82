//! What a Prosody with SQLite has in its archive.

use rusqlite::{Connection, OpenFlags};
use std::path::Path;

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

/// All messages of all archives, in the order in which they came. Read without a lock: a reader's lock would make the
/// server fail to commit. A read that falls into a write is damaged, and done again.
pub fn read(file: &Path) -> rusqlite::Result<Vec<Archived>> {
    let mut tries = 0;
    loop {
        match read_once(file) {
            Err(_) if tries < 100 => tries += 1,
            done => return done,
        }
    }
}

fn read_once(file: &Path) -> rusqlite::Result<Vec<Archived>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let database = Connection::open_with_flags(format!("file:{}?immutable=1", file.display()), flags)?;
    let mut rows = database
        .prepare("SELECT user, \"with\", value FROM prosodyarchive WHERE store = 'archive' ORDER BY sort_id")?;
    let rows = rows.query_map((), |row| Ok(Archived { owner: row.get(0)?, with: row.get(1)?, stanza: row.get(2)? }))?;
    rows.collect()
}
