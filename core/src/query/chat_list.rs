//! The chat list.

use super::{WINDOW, timeline};
use crate::error::Result;
use crate::model::{ChatItem, Sealing};
use crate::store::Reader;
use rusqlite::OptionalExtension;

/// All chats, the one with the newest row first. `types` tells who is typing now, which no row says.
pub(crate) fn chat_list(reader: &Reader, types: impl Fn(&str) -> bool) -> Result<Vec<ChatItem>> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT c.jid, p.name, c.unread, c.plain_allowed, c.sealed,
           EXISTS (SELECT 1 FROM device d WHERE (d.jid = c.jid OR d.jid IN (SELECT m.jid FROM member m WHERE m.room = c.jid)) AND d.listed2 = 1),
           EXISTS (SELECT 1 FROM device d WHERE (d.jid = c.jid OR d.jid IN (SELECT m.jid FROM member m WHERE m.room = c.jid))
             AND d.listed03 = 1 AND d.listed2 = 0 AND d.ever2 = 0),
           c.extras_allowed, EXISTS (SELECT 1 FROM room r WHERE r.jid = c.jid)
         FROM chat c LEFT JOIN contact p ON p.jid = c.jid ORDER BY c.last DESC, c.jid LIMIT ?",
    )?;
    let chats = statement.query_map([WINDOW], |row| {
        let chat: String = row.get(0)?;
        Ok(ChatItem {
            name: row.get(1)?,
            unread: row.get(2)?,
            last: None,
            sealed: next_level(row.get(5)?, row.get(6)?, row.get(3)?, row.get(4)?),
            plain_allowed: row.get(3)?,
            extras_allowed: row.get(7)?,
            room: row.get(8)?,
            typing: types(&chat),
            chat,
        })
    })?;
    let mut chats: Vec<ChatItem> = chats.collect::<rusqlite::Result<_>>()?;
    for chat in &mut chats {
        chat.last = newest(reader, &chat.chat)?;
    }
    Ok(chats)
}

/// The level of the next message: by the devices listed now, the least of them; without any, plain if that was allowed, else what it was before.
fn next_level(version2: bool, version03: bool, plain: bool, before: i64) -> Sealing {
    match (version2, version03, plain) {
        // What one of their devices gets unsealed is unsealed.
        (_, true, _) => Sealing::Content,
        (true, _, _) => Sealing::Full,
        (_, _, true) => Sealing::None,
        _ => Sealing::from_number(before).unwrap_or(Sealing::None),
    }
}

fn newest(reader: &Reader, chat: &str) -> Result<Option<crate::model::TimelineItem>> {
    let columns = timeline::COLUMNS;
    let sql = format!("SELECT {columns} FROM message m WHERE m.chat = ? ORDER BY m.position DESC, m.id DESC LIMIT 1");
    Ok(reader.sql().prepare_cached(&sql)?.query_row([chat], timeline::row).optional()?)
}
