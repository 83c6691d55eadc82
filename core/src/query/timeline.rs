//! The rows of a chat.

use super::WINDOW;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Delivery, Reach, Reaction, Sealing, Time, TimelineItem, Trust};
use crate::store::Reader;
use rusqlite::{OptionalExtension, Row, params};

/// The columns of `message` that [`row`] reads; the table is called `m`.
pub(crate) const COLUMNS: &str = "m.id, m.chat, m.origin_id, m.stanza_id, m.sender, m.body, m.sealed, m.device, m.trust, m.sent, \
     m.own, m.state, m.reached, m.known, m.error, m.reason, m.reply_to, m.edited, m.retracted, m.claimed, \
     (SELECT json_group_array(json_array(sender, json(emojis))) FROM (SELECT sender, emojis FROM reaction \
       WHERE message = m.id ORDER BY made, sender LIMIT 500))";

/// How many columns that are.
pub(super) const WIDTH: usize = 21;

/// A row of [`COLUMNS`] as the screens see it.
pub(crate) fn row(row: &Row) -> rusqlite::Result<TimelineItem> {
    let devices = match (row.get(12)?, row.get(13)?) {
        (Some(reached), Some(known)) => Some(Reach { reached, known }),
        _ => None,
    };
    Ok(TimelineItem {
        message: row.get::<_, i64>(0)?.to_string(),
        chat: row.get(1)?,
        origin_id: row.get(2)?,
        stanza_id: row.get(3)?,
        from: row.get(4)?,
        text: row.get(5)?,
        sealed: Sealing::from_number(row.get(6)?).unwrap_or(Sealing::None),
        device: row.get(7)?,
        trust: row.get::<_, Option<i64>>(8)?.and_then(Trust::from_number),
        time: Time(row.get(9)?),
        own: row.get(10)?,
        state: row.get::<_, Option<i64>>(11)?.and_then(Delivery::from_number),
        devices,
        error: row.get(14)?,
        reason: row.get(15)?,
        reply_to: row.get::<_, Option<i64>>(16)?.map(|id| id.to_string()),
        edited: row.get::<_, Option<i64>>(17)?.map(Time),
        retracted: row.get::<_, Option<i64>>(18)?.map(Time),
        claimed: row.get::<_, Option<i64>>(19)?.map(Time),
        reactions: reactions(row.get::<_, Option<String>>(20)?.as_deref()),
    })
}

/// Who thinks what, by emoji.
fn reactions(json: Option<&str>) -> Vec<Reaction> {
    let people: Vec<(String, Vec<String>)> = json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let mut all: Vec<Reaction> = Vec::new();
    for (person, emojis) in people {
        for emoji in emojis {
            match all.iter_mut().find(|reaction| reaction.emoji == emoji) {
                Some(reaction) => reaction.from.push(person.clone()),
                None => all.push(Reaction { emoji, from: vec![person.clone()] }),
            }
        }
    }
    all
}

/// The local id in the form that the store has; `UnknownMessage` if it cannot be one.
fn local(message: &str) -> Result<i64> {
    message.parse().map_err(|_| Error::about(ErrorKind::UnknownMessage, message))
}

/// One row; `UnknownMessage` if it is not there.
pub(crate) fn item(reader: &Reader, message: &str) -> Result<TimelineItem> {
    let sql = format!("SELECT {COLUMNS} FROM message m WHERE m.id = ?");
    let found = reader.sql().prepare_cached(&sql)?.query_row([local(message)?], row).optional()?;
    found.ok_or_else(|| Error::about(ErrorKind::UnknownMessage, message))
}

/// Why a message of ours waits, where a person has to do something about it: the reason of the oldest one of its chat that
/// waits, which holds back those behind it.
pub(crate) fn held_by(reader: &Reader, message: &str) -> Result<Option<ErrorKind>> {
    let item = item(reader, message)?;
    if item.state != Some(Delivery::Waiting) {
        return Ok(None);
    }
    let reason: Option<String> = reader
        .sql()
        .prepare_cached("SELECT error FROM message WHERE chat = ? AND waiting = 1 ORDER BY position LIMIT 1")?
        .query_row([item.chat], |row| row.get(0))
        .optional()?
        .flatten();
    Ok(reason.as_deref().and_then(ErrorKind::from_code))
}

/// Rows of `chat`, newest first, before the row `before` (exclusive). Order is the archive's, else that of arrival.
pub(crate) fn timeline(reader: &Reader, chat: &str, before: Option<&str>, limit: u32) -> Result<Vec<TimelineItem>> {
    let position = match before {
        None => i64::MAX,
        Some(message) => reader
            .sql()
            .prepare_cached("SELECT position FROM message WHERE id = ? AND chat = ?")?
            .query_row(params![local(message)?, chat], |row| row.get(0))
            .optional()?
            .ok_or_else(|| Error::about(ErrorKind::UnknownMessage, message))?,
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM message m WHERE m.chat = ? AND m.position < ? ORDER BY m.position DESC, m.id DESC LIMIT ?"
    );
    let mut statement = reader.sql().prepare_cached(&sql)?;
    let rows = statement.query_map(params![chat, position, limit.min(WINDOW)], row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
