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

/// Makes the empty database before Prosody does, so that reading and writing it do not wait for each other.
///
/// Otherwise a reader can make a commit of Prosody's fail; it goes on with the lock held, the archive cannot be read until
/// it writes again, and what it wrote may be gone.
pub fn prepare(file: &Path) -> rusqlite::Result<()> {
    Connection::open(file)?.pragma_update(None, "journal_mode", "WAL")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_reader_in_the_midst_does_not_hold_up_a_commit() {
        let scratch = Scratch::new("archive");
        let file = scratch.join("archive.sqlite");
        prepare(&file).unwrap();
        let writer = Connection::open(&file).unwrap();
        writer.busy_timeout(Duration::ZERO).unwrap();
        writer.execute_batch("CREATE TABLE kept (word TEXT); INSERT INTO kept VALUES ('one'), ('two')").unwrap();
        let reader = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut words = reader.prepare("SELECT word FROM kept").unwrap();
        let mut rows = words.query(()).unwrap();
        assert!(rows.next().unwrap().is_some());
        writer.execute("INSERT INTO kept VALUES ('three')", ()).unwrap();
    }
}
