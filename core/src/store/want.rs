//! What we want from others: the only memory of questions under way.

use super::Tx;
use crate::error::Result;
use rusqlite::{OptionalExtension, Row, params};

/// A want as stored.
#[derive(Clone)]
pub(crate) struct WantRow {
    pub kind: String,
    pub jid: String,
    pub arg: String,
    pub target: String,
    pub due: i64,
    pub tries: u32,
    pub iq: Option<String>,
}

const COLUMNS: &str = "kind, jid, arg, target, due, tries, iq";

fn want(row: &Row) -> rusqlite::Result<WantRow> {
    Ok(WantRow {
        kind: row.get(0)?,
        jid: row.get(1)?,
        arg: row.get(2)?,
        target: row.get(3)?,
        due: row.get(4)?,
        tries: row.get(5)?,
        iq: row.get(6)?,
    })
}

impl Tx<'_> {
    /// Wants something, at once; a want that is there already stays as it is.
    pub(crate) fn want(&self, kind: &str, jid: &str, arg: &str, target: &str, due: i64) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO want (kind, jid, arg, target, due, tries, stream) VALUES (?, ?, ?, ?, ?, 0, 0) ON CONFLICT DO NOTHING",
            )?
            .execute(params![kind, jid, arg, target, due])?;
        Ok(())
    }

    /// Wants something of another target and at another time than before, if it was wanted before.
    pub(crate) fn want_instead(&self, kind: &str, jid: &str, arg: &str, target: &str, due: i64) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO want (kind, jid, arg, target, due, tries, stream) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0)
                 ON CONFLICT (kind, jid, arg) DO UPDATE SET target = ?4, due = ?5, tries = 0, iq = NULL, stream = 0",
            )?
            .execute(params![kind, jid, arg, target, due])?;
        Ok(())
    }

    /// The want of this question, if it is still open.
    pub(crate) fn want_by_iq(&self, iq: &str) -> Result<Option<WantRow>> {
        let sql = format!("SELECT {COLUMNS} FROM want WHERE iq = ?");
        Ok(self.sql().prepare_cached(&sql)?.query_row([iq], want).optional()?)
    }

    /// A want by name.
    pub(crate) fn find_want(&self, kind: &str, jid: &str, arg: &str) -> Result<Option<WantRow>> {
        let sql = format!("SELECT {COLUMNS} FROM want WHERE kind = ? AND jid = ? AND arg = ?");
        Ok(self.sql().prepare_cached(&sql)?.query_row([kind, jid, arg], want).optional()?)
    }

    /// Wants that are due, in the order of their making.
    pub(crate) fn due_wants(&self, now: i64) -> Result<Vec<WantRow>> {
        let sql = format!("SELECT {COLUMNS} FROM want WHERE due <= ? ORDER BY rowid");
        let mut rows = self.sql().prepare_cached(&sql)?;
        let rows = rows.query_map([now], want)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Of whom or about whom something of this kind is wanted.
    pub(crate) fn wanted_of(&self, kind: &str) -> Result<Vec<String>> {
        let mut rows = self.sql().prepare_cached("SELECT DISTINCT jid FROM want WHERE kind = ? ORDER BY jid")?;
        let rows = rows.query_map([kind], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Nothing of this kind is wanted of this one any more, whatever the argument.
    pub(crate) fn unwant_of(&self, kind: &str, jid: &str) -> Result<()> {
        self.sql().prepare_cached("DELETE FROM want WHERE kind = ? AND jid = ?")?.execute([kind, jid])?;
        Ok(())
    }

    /// The wants of this kind about this one.
    pub(crate) fn wants_about(&self, kind: &str, jid: &str) -> Result<Vec<WantRow>> {
        let sql = format!("SELECT {COLUMNS} FROM want WHERE kind = ? AND jid = ? ORDER BY rowid");
        let mut rows = self.sql().prepare_cached(&sql)?;
        let rows = rows.query_map([kind, jid], want)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What was never asked for, but later, is due now.
    pub(crate) fn hasten(&self, kind: &str, jid: &str, arg: &str, now: i64) -> Result<()> {
        self.sql()
            .prepare_cached(
                "UPDATE want SET due = ?1 WHERE kind = ?2 AND jid = ?3 AND arg = ?4 AND iq IS NULL AND tries = 0
                   AND due > ?1",
            )?
            .execute(params![now, kind, jid, arg])?;
        Ok(())
    }

    /// Whether something of these kinds was asked of others and is not answered, for the first time.
    pub(crate) fn any_fresh_of_others(&self, kinds: &[&str], now: i64) -> Result<bool> {
        let mut rows = self.sql().prepare_cached(
            "SELECT 1 FROM want WHERE kind = ? AND tries < 2 AND (iq IS NOT NULL OR (tries = 0 AND due <= ?))",
        )?;
        for kind in kinds {
            if rows.exists(params![kind, now])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether anything of this kind is wanted.
    pub(crate) fn any_want(&self, kind: &str) -> Result<bool> {
        Ok(self.sql().prepare_cached("SELECT 1 FROM want WHERE kind = ?")?.exists([kind])?)
    }

    /// Whether anything of this kind had to be asked for more than once.
    pub(crate) fn any_asked_again(&self, kind: &str) -> Result<bool> {
        Ok(self.sql().prepare_cached("SELECT 1 FROM want WHERE kind = ? AND tries > 1")?.exists([kind])?)
    }

    /// Whether a first question of one of these kinds, about our own account, is still without an answer.
    pub(crate) fn any_fresh(&self, kinds: &[&str]) -> Result<bool> {
        let mut rows = self.sql().prepare_cached(
            "SELECT 1 FROM want WHERE kind = ? AND jid = '' AND tries < 2 AND (iq IS NOT NULL OR tries = 0)",
        )?;
        for kind in kinds {
            if rows.exists([kind])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// When the next want is due.
    pub(crate) fn next_due(&self) -> Result<Option<i64>> {
        Ok(self.sql().prepare_cached("SELECT min(due) FROM want")?.query_row([], |row| row.get(0))?)
    }

    /// A question was put: its id, and when to put it again.
    pub(crate) fn asked(&self, row: &WantRow, iq: &str, stream: i64, due: i64) -> Result<()> {
        self.sql()
            .prepare_cached(
                "UPDATE want SET iq = ?, stream = ?, due = ?, tries = tries + 1 WHERE kind = ? AND jid = ? AND arg = ?",
            )?
            .execute(params![iq, stream, due, row.kind, row.jid, row.arg])?;
        Ok(())
    }

    /// The question is to be put (again) at `due`, as a new one.
    pub(crate) fn ask_again(&self, row: &WantRow, due: i64) -> Result<()> {
        self.sql()
            .prepare_cached("UPDATE want SET iq = NULL, due = ? WHERE kind = ? AND jid = ? AND arg = ?")?
            .execute(params![due, row.kind, row.jid, row.arg])?;
        Ok(())
    }

    /// What of this kind was not asked for yet is due now.
    pub(crate) fn bring_forward(&self, kind: &str, now: i64) -> Result<()> {
        self.sql()
            .prepare_cached("UPDATE want SET due = ?1 WHERE kind = ?2 AND iq IS NULL AND due > ?1")?
            .execute(params![now, kind])?;
        Ok(())
    }

    /// It is answered, or wanted no more.
    pub(crate) fn unwant(&self, kind: &str, jid: &str, arg: &str) -> Result<()> {
        self.sql()
            .prepare_cached("DELETE FROM want WHERE kind = ? AND jid = ? AND arg = ?")?
            .execute([kind, jid, arg])?;
        Ok(())
    }

    /// Nothing of this kind is wanted any more.
    pub(crate) fn unwant_kind(&self, kind: &str) -> Result<()> {
        self.sql().prepare_cached("DELETE FROM want WHERE kind = ?")?.execute([kind])?;
        Ok(())
    }

    /// The wall clock was set: what is due moves with it.
    pub(crate) fn shift_wants(&self, by: i64) -> Result<()> {
        self.sql().execute("UPDATE want SET due = due + ?1 WHERE due < ?2", [by, i64::MAX / 2])?;
        Ok(())
    }

    /// A new stream: all open questions are put again.
    pub(crate) fn reset_wants(&self, now: i64) -> Result<()> {
        self.sql().execute("UPDATE want SET iq = NULL, due = ?, tries = 0", [now])?;
        Ok(())
    }
}
