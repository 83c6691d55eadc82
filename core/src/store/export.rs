//! Saves what can be read of a store, damaged or not, as JSON lines. No password, no key is among it.
//!
//! Rows are read by ranges of their ids. A range that fails is halved until what fails is single rows, which are passed over:
//! SQLite reads only the pages on the way to the rows it is asked for. Where it reads nothing, `salvage.rs` goes page by page.

use super::open::{Reader, StoreKey};
use super::salvage::salvage;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Time;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value};
use std::io::Write;
use std::path::Path;

/// What an export gave.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Salvage {
    /// Rows written.
    pub rows: u64,
    /// Ranges of ids, or whole tables, that could not be read.
    pub gaps: u64,
}

/// One kind of line: its name, the table, the columns read and how each is shown.
struct Lines {
    name: &'static str,
    table: &'static str,
    columns: &'static [(&'static str, Show)],
}

#[derive(Clone, Copy)]
enum Show {
    Plain,
    Flag,
    Time,
    Named(fn(i64) -> Option<&'static str>),
    Hex,
}

fn sealing(number: i64) -> Option<&'static str> {
    crate::model::Sealing::from_number(number).map(|level| level.code())
}

fn delivery(number: i64) -> Option<&'static str> {
    crate::model::Delivery::from_number(number).map(|level| level.code())
}

fn trust(number: i64) -> Option<&'static str> {
    crate::model::Trust::from_number(number).map(|level| level.code())
}

use Show::{Flag, Hex, Named, Plain};

const EXPORTED: &[Lines] = &[
    Lines { name: "account", table: "account", columns: &[("jid", Plain), ("created", Show::Time)] },
    Lines {
        name: "contact",
        table: "contact",
        columns: &[("jid", Plain), ("name", Plain), ("subscription", Plain), ("blocked", Flag)],
    },
    Lines { name: "chat", table: "chat", columns: &[("jid", Plain), ("unread", Plain), ("plain_allowed", Flag)] },
    Lines {
        name: "device",
        table: "device",
        columns: &[("jid", Plain), ("device", Plain), ("identity", Hex), ("trust", Named(trust))],
    },
    Lines {
        name: "message",
        table: "message",
        columns: &[
            ("id", Plain),
            ("chat", Plain),
            ("position", Plain),
            ("own", Flag),
            ("sender", Plain),
            ("origin_id", Plain),
            ("stanza_id", Plain),
            ("body", Plain),
            ("sealed", Named(sealing)),
            ("device", Plain),
            ("trust", Named(trust)),
            ("sent", Show::Time),
            ("arrived", Show::Time),
            ("state", Named(delivery)),
            ("error", Plain),
            ("reason", Plain),
            ("reply_to", Plain),
        ],
    },
];

/// Rows read at once while all goes well.
const STEP: i64 = 256;

/// Writes all that can be read of the file at `path`. Fails with `DamagedStore` if that is nothing, and if `out` fails.
pub(crate) fn export(path: &Path, key: &StoreKey, out: &mut dyn Write) -> Result<Salvage> {
    let reopen = || Reader::open(path, key).and_then(|reader| reader.number(READABLE, 0).map(|_| reader));
    match reopen() {
        Ok(reader) => Work { reader: Some(reader), reopen: &reopen, out, done: Salvage::default() }.all(),
        Err(error) if error.kind == ErrorKind::DamagedStore => {
            let (reader, gaps) = salvage(path, key)?;
            let image = || Err(ErrorKind::DamagedStore.into());
            let done = Salvage { gaps, ..Salvage::default() };
            let done = Work { reader: Some(reader), reopen: &image, out, done }.all()?;
            if done.rows == 0 { Err(ErrorKind::DamagedStore.into()) } else { Ok(done) }
        }
        Err(error) => Err(error),
    }
}

/// Needs the schema and nothing of the rows.
const READABLE: &str = "SELECT count(*) FROM sqlite_schema";

struct Work<'a> {
    reader: Option<Reader>,
    /// A fresh connection: to a file an error may stick. One in memory is kept.
    reopen: &'a dyn Fn() -> Result<Reader>,
    out: &'a mut dyn Write,
    done: Salvage,
}

impl Work<'_> {
    fn all(mut self) -> Result<Salvage> {
        for lines in EXPORTED {
            self.table(lines)?;
        }
        self.out.flush().map_err(|_| ErrorKind::File)?;
        Ok(self.done)
    }

    fn table(&mut self, lines: &Lines) -> Result<()> {
        let Some(end) = self.newest(lines.table) else {
            self.done.gaps += 1;
            return Ok(());
        };
        let mut from = 1;
        while from <= end {
            let to = end.min(from + STEP - 1);
            self.range(lines, from, to)?;
            from = to + 1;
        }
        Ok(())
    }

    /// The highest row id: by the table, else by the counter that SQLite keeps for it, else by feeling for it.
    fn newest(&mut self, table: &str) -> Option<i64> {
        let by_table = self.read(|reader| reader.number(&format!("SELECT coalesce(max(rowid), 0) FROM {table}"), 0));
        by_table
            .or_else(|_| {
                let counter = format!("SELECT coalesce(max(seq), -1) FROM sqlite_sequence WHERE name = '{table}'");
                match self.read(|reader| reader.number(&counter, 0)) {
                    Ok(number) if number >= 0 => Ok(number),
                    _ => Err(Error::from(ErrorKind::DamagedStore)),
                }
            })
            .or_else(|_| self.feel(table).ok_or(Error::from(ErrorKind::DamagedStore)))
            .ok()
    }

    /// Doubles an id until two lookups in a row find nothing to read beyond.
    fn feel(&mut self, table: &str) -> Option<i64> {
        let beyond = format!("SELECT count(*) FROM (SELECT rowid FROM {table} WHERE rowid >= ? LIMIT 1)");
        let mut bound = 1i64;
        let mut answered = false;
        while bound < 1 << 32 {
            match self.read(|reader| reader.number(&beyond, bound)) {
                Ok(0) => return Some(bound),
                Ok(_) => answered = true,
                Err(_) => {}
            }
            bound *= 2;
        }
        answered.then_some(1 << 20)
    }

    fn range(&mut self, lines: &Lines, from: i64, to: i64) -> Result<()> {
        match self.read(|reader| reader.rows(lines, from, to)) {
            Ok(rows) => {
                for row in rows {
                    serde_json::to_writer(&mut *self.out, &row).map_err(|_| ErrorKind::File)?;
                    self.out.write_all(b"\n").map_err(|_| ErrorKind::File)?;
                    self.done.rows += 1;
                }
                Ok(())
            }
            Err(_) if from == to => {
                self.done.gaps += 1;
                Ok(())
            }
            Err(_) => {
                let middle = from + (to - from) / 2;
                self.range(lines, from, middle)?;
                self.range(lines, middle + 1, to)
            }
        }
    }

    /// Reads on a connection that is fresh after each failure, where there can be one.
    fn read<T>(&mut self, work: impl FnOnce(&Reader) -> Result<T>) -> Result<T> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => (self.reopen)()?,
        };
        let result = work(&reader);
        self.reader = match &result {
            Ok(_) => Some(reader),
            Err(_) => (self.reopen)().ok().or(Some(reader)),
        };
        result
    }
}

impl Reader {
    fn number(&self, sql: &str, argument: i64) -> Result<i64> {
        let mut statement = self.sql().prepare(sql)?;
        let arguments: &[i64] = if statement.parameter_count() == 1 { &[argument] } else { &[] };
        Ok(statement.query_row(rusqlite::params_from_iter(arguments), |row| row.get(0))?)
    }

    fn rows(&self, lines: &Lines, from: i64, to: i64) -> Result<Vec<Value>> {
        let names: Vec<&str> = lines.columns.iter().map(|(name, _)| *name).collect();
        let sql =
            format!("SELECT {} FROM {} WHERE rowid BETWEEN ? AND ? ORDER BY rowid", names.join(", "), lines.table);
        let mut statement = self.sql().prepare_cached(&sql)?;
        let mut rows = statement.query([from, to])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let mut line = Map::new();
            line.insert("row".into(), lines.name.into());
            for (index, (name, show)) in lines.columns.iter().enumerate() {
                line.insert((*name).into(), shown(row.get_ref(index)?, *show));
            }
            found.push(Value::Object(line));
        }
        Ok(found)
    }
}

fn shown(value: ValueRef, show: Show) -> Value {
    match (value, show) {
        (ValueRef::Integer(number), Flag) => Value::Bool(number != 0),
        (ValueRef::Integer(number), Show::Time) => Value::String(Time(number).to_string()),
        (ValueRef::Integer(number), Named(name)) => name(number).map_or(Value::Null, |name| Value::String(name.into())),
        (ValueRef::Integer(number), _) => number.into(),
        (ValueRef::Real(number), _) => number.into(),
        (ValueRef::Text(text), _) => Value::String(String::from_utf8_lossy(text).into_owned()),
        (ValueRef::Blob(bytes), Hex) => Value::String(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        (ValueRef::Blob(_) | ValueRef::Null, _) => Value::Null,
    }
}
