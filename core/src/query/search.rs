//! Full text search.

use super::{WINDOW, timeline};
use crate::error::Result;
use crate::model::TimelineItem;
use crate::store::Reader;
use rusqlite::params;

/// Readable rows that hold all of `words` (the last one may be its beginning only), newest first.
pub(crate) fn search(reader: &Reader, words: &str, limit: u32) -> Result<Vec<TimelineItem>> {
    let pattern = pattern(words);
    if pattern.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {} FROM words JOIN message m ON m.id = words.rowid WHERE words MATCH ? ORDER BY m.position DESC, m.id DESC LIMIT ?",
        timeline::COLUMNS
    );
    let mut statement = reader.sql().prepare_cached(&sql)?;
    let rows = statement.query_map(params![pattern, limit.min(WINDOW)], timeline::row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Every word quoted: what people type is never read as FTS5's language.
fn pattern(words: &str) -> String {
    let mut quoted: Vec<String> = words
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
        .collect();
    if let Some(last) = quoted.last_mut() {
        last.push('*');
    }
    quoted.join(" ")
}
