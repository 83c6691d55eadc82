//! Opening a database file: key, pragmas, migrations.

use super::Tx;
use crate::error::{Error, ErrorKind, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::sync::Once;
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
const MIGRATIONS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("2-route.sql"),
    include_str!("3-rowless.sql"),
    include_str!("4-push.sql"),
    include_str!("5-parcel.sql"),
    include_str!("6-changes.sql"),
    include_str!("7-server.sql"),
    include_str!("8-trust.sql"),
    include_str!("9-room.sql"),
    include_str!("10-healing.sql"),
    include_str!("11-lists.sql"),
    include_str!("12-device.sql"),
    include_str!("13-venture.sql"),
    include_str!("14-members.sql"),
    include_str!("15-session.sql"),
    include_str!("16-refused.sql"),
    include_str!("17-plain.sql"),
    include_str!("18-login.sql"),
    include_str!("19-standing.sql"),
    include_str!("20-due.sql"),
];

/// An open database of one account.
pub(crate) struct Store {
    connection: Connection,
}

/// The smallest file that can be a store of ours: one page.
const PAGE: u64 = 4096;

impl Store {
    /// Makes the file at `path`, which must not exist.
    pub(crate) fn create(path: &Path, key: &StoreKey) -> Result<Store> {
        // Its log files take their mode from it.
        super::home::private_file(path).map_err(|error| super::home::about(path, error))?;
        let mode = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Store::prepare(unlock(path, key, mode)?, 0)
    }

    /// Opens the file at `path` and brings it up to date. The key is known to be right ([`super::Home`]): whatever does
    /// not open with it is damaged, and is left as it is. A missing or empty file is damage too, never a fresh start.
    pub(crate) fn open(path: &Path, key: &StoreKey) -> Result<Store> {
        whole(path)?;
        let mode = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Store::prepare(unlock(path, key, mode)?, 1)
    }

    /// A database in memory, for tests.
    #[cfg(test)]
    pub(crate) fn memory() -> Store {
        set_up();
        Store::prepare(Connection::open_in_memory().expect("SQLite opens memory"), 0).expect("the schema holds")
    }

    /// Sets it up and migrates it. A file made by us has been through `least` migrations at the least.
    fn prepare(mut connection: Connection, least: i64) -> Result<Store> {
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;
             PRAGMA temp_store = MEMORY; PRAGMA busy_timeout = 10000; PRAGMA cache_size = -4000;",
        )?;
        connection.set_prepared_statement_cache_capacity(256);
        let version = |c: &Connection| c.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
        let known = MIGRATIONS.len() as i64;
        if version(&connection)? < least {
            return Err(ErrorKind::DamagedStore.into());
        }
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

    /// The connection, for reading.
    #[cfg(test)]
    pub(crate) fn read(&self) -> &Connection {
        &self.connection
    }

    /// A number that changes when another connection has written.
    pub(crate) fn data_version(&self) -> Result<i64> {
        Ok(self.connection.query_row("PRAGMA data_version", [], |row| row.get(0))?)
    }

    /// Writes the log back into the database file and empties it; as far as nobody else reads it just now.
    pub(crate) fn checkpoint(&self) -> Result<()> {
        Ok(self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }
}

/// A connection that cannot write, for `query/` and for saving what can be read of a damaged file.
pub(crate) struct Reader {
    connection: Connection,
}

impl Reader {
    /// Opens the file at `path`; nothing of it is changed.
    pub(crate) fn open(path: &Path, key: &StoreKey) -> Result<Reader> {
        whole(path)?;
        let mode = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = unlock(path, key, mode)?;
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA busy_timeout = 10000; PRAGMA cache_size = -512;")?;
        connection.set_prepared_statement_cache_capacity(64);
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match version {
            // Its new tables are to be read too. Where it cannot be written, what it has is read.
            1.. if version < MIGRATIONS.len() as i64 => {
                drop(Store::open(path, key));
                Ok(Reader { connection })
            }
            0 => Err(ErrorKind::DamagedStore.into()),
            version if version > MIGRATIONS.len() as i64 => Err(ErrorKind::StoreTooNew.into()),
            _ => Ok(Reader { connection }),
        }
    }

    /// A plain database in memory, of the pages in `image`.
    pub(super) fn of_image(image: &[u8]) -> Result<Reader> {
        set_up();
        let mut connection = Connection::open_in_memory()?;
        connection.deserialize_read_exact("main", image, image.len(), true)?;
        connection.execute_batch("PRAGMA query_only = ON;")?;
        Ok(Reader { connection })
    }

    /// The connection.
    pub(crate) fn sql(&self) -> &Connection {
        &self.connection
    }
}

fn whole(path: &Path) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() && meta.len() >= PAGE => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Err(super::home::about(path, error)),
        _ => Err(ErrorKind::DamagedStore.into()),
    }
}

/// Lets one connection be the first. The library sets itself up with it, and SQLite counts as ready before SQLCipher is: a
/// second thread that opened a database in that moment would be refused.
fn set_up() {
    static FIRST: Once = Once::new();
    FIRST.call_once(|| drop(Connection::open_in_memory()));
}

fn unlock(path: &Path, key: &StoreKey, mode: OpenFlags) -> Result<Connection> {
    set_up();
    let connection = Connection::open_with_flags(path, mode)?;
    let hex: Zeroizing<String> = Zeroizing::new(key.0.iter().map(|byte| format!("{byte:02x}")).collect());
    let pragma = Zeroizing::new(format!("PRAGMA cipher_log_level = NONE; PRAGMA key = \"x'{}'\";", *hex));
    connection.execute_batch(&pragma)?;
    Ok(connection)
}

/// Whether a write failed, or making room for one.
fn is_no_room(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_WRITE};
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(SQLITE_IOERR_WRITE | SQLITE_IOERR_SHMOPEN | SQLITE_IOERR_SHMSIZE | SQLITE_IOERR_SHMMAP))
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => ErrorKind::DiskFull,
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => ErrorKind::ReadOnlyHome,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::StoreBusy,
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => ErrorKind::DamagedStore,
            // A quota or a limit on sizes; SQLite says "full" of a full disk only.
            Some(ErrorCode::SystemIoFailure) if is_no_room(&error) => ErrorKind::DiskFull,
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

    #[test]
    fn the_first_databases_of_a_process_can_be_opened_by_many_threads_at_once() {
        const NAME: &str = "store::open::tests::the_first_databases_of_a_process_can_be_opened_by_many_threads_at_once";
        if let Some(home) = std::env::var_os("DUNNOCK_TEST_HOME") {
            let (home, start) = (Path::new(&home), std::sync::atomic::AtomicU8::new(0));
            let first = |number: u8| {
                // No lock: whoever waits for one comes too late.
                start.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                while start.load(std::sync::atomic::Ordering::SeqCst) < 4 {
                    std::hint::spin_loop();
                }
                let mode = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
                let opened = unlock(&home.join(number.to_string()), &StoreKey::from_bytes([number; 32]), mode).unwrap();
                opened.execute_batch("CREATE TABLE t (x)").unwrap();
            };
            let first = &first;
            return std::thread::scope(|scope| (0..4).for_each(|number| drop(scope.spawn(move || first(number)))));
        }
        for _ in 0..100 {
            let folder = crate::scratch::Folder::new();
            crate::scratch::in_a_small_world(NAME, folder.path(), 100_000);
        }
    }

    #[test]
    fn who_only_reads_an_older_store_finds_its_new_tables_too() {
        let folder = crate::scratch::Folder::new();
        let (path, key) = (folder.path().join("store.db"), StoreKey::from_bytes([7; 32]));
        super::super::home::private_file(&path).unwrap();
        let mode = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let old = unlock(&path, &key, mode).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.execute_batch("PRAGMA user_version = 1").unwrap();
        drop(old);
        let reader = Reader::open(&path, &key).unwrap();
        let rows: i64 = reader.sql().query_row("SELECT count(*) FROM notification", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0);
    }

    #[test]
    fn an_account_of_before_routes_goes_direct_and_a_route_not_understood_is_damage() {
        let old = Connection::open_in_memory().unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.execute_batch("PRAGMA user_version = 1").unwrap();
        old.execute(
            "INSERT INTO account VALUES (1, 'j@a', 'p', NULL, NULL, 'auto', NULL, 'u', 0, 1, zeroblob(32), 0, 0, 0, 0, 0)",
            [],
        )
        .unwrap();
        let mut store = Store::prepare(old, 1).unwrap();
        let tx = store.tx().unwrap();
        assert_eq!(tx.account().unwrap().route, crate::Route::Direct);
        tx.sql().execute("UPDATE account SET route = 'carrier pigeon'", []).unwrap();
        assert_eq!(tx.account().err().unwrap().kind, ErrorKind::DamagedStore);
    }
}
