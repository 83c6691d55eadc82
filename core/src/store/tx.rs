//! One transaction, the only way to write. It remembers what it touched, so that screens know what to ask again.

use crate::error::Result;
use rusqlite::{Connection, TransactionBehavior};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

/// What a commit changed: a matter, and the chat or person where that narrows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touched {
    Chats,
    Timeline(String),
    Contacts,
    Devices(String),
    Connection,
    Events,
    Push,
    Rooms,
    /// Rows wait for the wire.
    Outgoing,
}

/// A write transaction (`BEGIN IMMEDIATE`). Dropped without [`Tx::commit`], it changes nothing.
pub(crate) struct Tx<'c> {
    sql: rusqlite::Transaction<'c>,
    touched: RefCell<BTreeSet<Touched>>,
    /// The first message row of this transaction, whose words and those after it are not in the index yet.
    unindexed: Cell<Option<i64>>,
}

impl<'c> Tx<'c> {
    pub(super) fn begin(connection: &'c mut Connection) -> Result<Self> {
        let sql = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(Tx { sql, touched: RefCell::default(), unindexed: Cell::default() })
    }

    /// The connection, for the row files of `store/` only.
    pub(in crate::store) fn sql(&self) -> &Connection {
        &self.sql
    }

    /// The same, for tests that look at rows.
    #[cfg(test)]
    pub(crate) fn look(&self) -> &Connection {
        self.sql()
    }

    /// Remembers that `what` changed.
    pub(crate) fn touch(&self, what: Touched) {
        self.touched.borrow_mut().insert(what);
    }

    /// Whether the rows of a chat changed so far.
    pub(crate) fn changed_timeline(&self) -> bool {
        self.touched.borrow().iter().any(|touched| matches!(touched, Touched::Timeline(_)))
    }

    /// Runs `work` in a savepoint: an error undoes what it wrote and touched, and nothing before it.
    pub(crate) fn savepoint<T, E: From<crate::Error>>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let mut touched = self.touched.take();
        self.run("SAVEPOINT one")?;
        let done = work();
        if done.is_err() {
            self.touched.take();
            self.run("ROLLBACK TO one")?;
        }
        self.run("RELEASE one")?;
        touched.append(&mut self.touched.borrow_mut());
        self.touched.replace(touched);
        done
    }

    fn run(&self, sql: &str) -> Result<()> {
        self.sql.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// A message row was added: its words go into the index before the commit.
    ///
    /// Not at once, because each savepoint makes FTS5 write all that it has as a segment of its own, and merge segments.
    pub(in crate::store) fn index_from(&self, message: i64) {
        let first = self.unindexed.get().unwrap_or(message);
        self.unindexed.set(Some(first.min(message)));
    }

    /// Adds the words of new messages to the index. Also to be called before a body is changed or deleted that may be new.
    pub(in crate::store) fn index_words(&self) -> Result<()> {
        if let Some(first) = self.unindexed.take() {
            let sql = "INSERT INTO words (rowid, body) SELECT id, body FROM message WHERE id >= ? AND body IS NOT NULL";
            self.sql.prepare_cached(sql)?.execute([first])?;
        }
        Ok(())
    }

    /// How many rows this connection has changed so far: whether there is anything to make last.
    pub(crate) fn changes(&self) -> u64 {
        self.sql.total_changes()
    }

    /// Makes it last (fsync included) and tells what it touched.
    pub(crate) fn commit(self) -> Result<BTreeSet<Touched>> {
        self.index_words()?;
        self.sql.commit()?;
        Ok(self.touched.into_inner())
    }
}
