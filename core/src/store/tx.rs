//! One transaction, the only way to write. It remembers what it touched, so that screens know what to ask again.

use crate::error::Result;
use rusqlite::{Connection, TransactionBehavior};
use std::cell::RefCell;
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
    /// Rows wait for the wire.
    Outgoing,
}

/// A write transaction (`BEGIN IMMEDIATE`). Dropped without [`Tx::commit`], it changes nothing.
pub(crate) struct Tx<'c> {
    sql: rusqlite::Transaction<'c>,
    touched: RefCell<BTreeSet<Touched>>,
}

impl<'c> Tx<'c> {
    pub(super) fn begin(connection: &'c mut Connection) -> Result<Self> {
        let sql = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(Tx { sql, touched: RefCell::default() })
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

    /// Runs `work` in a savepoint: an error undoes what it wrote and touched, and nothing before it.
    pub(crate) fn savepoint<T, E: From<crate::Error>>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let before = self.touched.borrow().clone();
        self.sql.execute_batch("SAVEPOINT one").map_err(crate::Error::from)?;
        match work() {
            Ok(done) => {
                self.sql.execute_batch("RELEASE one").map_err(crate::Error::from)?;
                Ok(done)
            }
            Err(error) => {
                self.touched.replace(before);
                self.sql.execute_batch("ROLLBACK TO one; RELEASE one").map_err(crate::Error::from)?;
                Err(error)
            }
        }
    }

    /// How many rows this connection has changed so far: whether there is anything to make last.
    pub(crate) fn changes(&self) -> u64 {
        self.sql.total_changes()
    }

    /// Makes it last (fsync included) and tells what it touched.
    pub(crate) fn commit(self) -> Result<BTreeSet<Touched>> {
        self.sql.commit()?;
        Ok(self.touched.into_inner())
    }
}
