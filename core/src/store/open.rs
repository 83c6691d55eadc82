//! Opening a database file: key, pragmas, migrations.

use super::Tx;
use crate::error::{Error, ErrorKind, Result};
use rusqlite::{Connection, ErrorCode};
use std::path::Path;
use zeroize::Zeroizing;

/// The 32-byte key of a home; every account's file is encrypted with it.
pub struct StoreKey(pub(crate) Zeroizing<[u8; 32]>);

impl StoreKey {
    /// A key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        StoreKey(Zeroizing::new(bytes))
    }
}

/// Migrations, append-only: the number of those applied is the file's `user_version`.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql")];

/// An open database of one account.
pub(crate) struct Store {
    connection: Connection,
}

impl Store {
    /// Opens the file at `path`, or makes it, and brings it up to date.
    pub(crate) fn open(path: &Path, key: &StoreKey) -> Result<Store> {
        let connection = Connection::open(path)?;
        let hex: Zeroizing<String> = Zeroizing::new(key.0.iter().map(|byte| format!("{byte:02x}")).collect());
        let pragma = Zeroizing::new(format!("PRAGMA cipher_log_level = NONE; PRAGMA key = \"x'{}'\";", *hex));
        connection.execute_batch(&pragma)?;
        Store::prepare(connection)
    }

    /// A database in memory, for tests.
    #[cfg(test)]
    pub(crate) fn memory() -> Store {
        Store::prepare(Connection::open_in_memory().expect("SQLite opens memory")).expect("the schema holds")
    }

    fn prepare(mut connection: Connection) -> Result<Store> {
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;
             PRAGMA temp_store = MEMORY; PRAGMA busy_timeout = 10000; PRAGMA cache_size = -4000;",
        )?;
        connection.set_prepared_statement_cache_capacity(256);
        let version = |c: &Connection| c.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
        let known = MIGRATIONS.len() as i64;
        if version(&connection)? < known {
            let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            for (number, sql) in (1i64..).zip(MIGRATIONS).skip(version(&tx)? as usize) {
                tx.execute_batch(sql)?;
                tx.pragma_update(None, "user_version", number)?;
            }
            tx.commit()?;
        }
        if version(&connection)? > known {
            return Err(ErrorKind::StoreTooNew.into());
        }
        Ok(Store { connection })
    }

    /// Begins a write transaction; waits while another process writes.
    pub(crate) fn tx(&mut self) -> Result<Tx<'_>> {
        Tx::begin(&mut self.connection)
    }

    /// The connection, for reading by `query/`.
    pub(crate) fn read(&self) -> &Connection {
        &self.connection
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => ErrorKind::DiskFull,
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => ErrorKind::ReadOnlyHome,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::StoreBusy,
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => ErrorKind::DamagedStore,
            Some(ErrorCode::SystemIoFailure) => ErrorKind::File,
            _ => {
                tracing::error!(target: "dunnock", code = ?error.sqlite_error().map(|e| e.extended_code), "database");
                ErrorKind::Internal
            }
        };
        kind.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_applies_and_savepoint_undoes_only_its_own() {
        let mut store = Store::memory();
        let tx = store.tx().unwrap();
        tx.sql().execute("INSERT INTO counter VALUES ('a', 1)", []).unwrap();
        let refused: Result<()> = tx.savepoint(|| {
            tx.sql().execute("INSERT INTO counter VALUES ('b', 1)", [])?;
            Err(ErrorKind::Internal.into())
        });
        assert!(refused.is_err());
        tx.commit().unwrap();
        let left: i64 = store.read().query_row("SELECT count(*) FROM counter", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 1);
    }
}
