//! Messages: rows of the timeline, ours and theirs.

use super::{Touched, Tx};
use crate::error::Result;
use crate::model::{Delivery, Sealing, Trust};
use rusqlite::{OptionalExtension, Row, params};

/// How many payloads without a row are remembered: more than an archive gives out twice.
const ROWLESS_KEPT: i64 = 20_000;

/// A message to be written down.
pub(crate) struct NewMessage<'a> {
    pub chat: &'a str,
    pub own: bool,
    pub sender: &'a str,
    pub origin_id: Option<&'a str>,
    pub stanza_id: Option<&'a str>,
    pub body: Option<&'a str>,
    pub sealed: Sealing,
    pub device: Option<u32>,
    pub identity: Option<[u8; 32]>,
    pub trust: Option<Trust>,
    pub sent: i64,
    pub arrived: i64,
    pub state: Option<Delivery>,
    pub reason: Option<&'a str>,
    pub digest: &'a [u8],
    pub reply_to: Option<i64>,
    pub waiting: bool,
}

/// A message as stored, as far as the engine looks at it.
pub(crate) struct MessageRow {
    pub id: i64,
    pub chat: String,
    pub sender: String,
    pub origin_id: Option<String>,
    pub body: Option<String>,
    pub sealed: Sealing,
    pub state: Option<Delivery>,
    pub sent: i64,
    pub reply_to: Option<i64>,
    pub own: bool,
    pub position: i64,
    /// Why it cannot be read.
    pub reason: Option<String>,
    /// When it was last corrected, and by which device.
    pub edited: Option<i64>,
    pub edited_by: Option<u32>,
    /// When it was taken back.
    pub retracted: Option<i64>,
    /// Only a correction of it came so far.
    pub stand_in: bool,
    /// The archive's id of it: our own, or the room's.
    pub stanza_id: Option<String>,
}

const COLUMNS: &str = "id, chat, sender, origin_id, body, sealed, state, sent, reply_to, own, position, reason, edited, \
     edited_by, retracted, stand_in, stanza_id";

fn message(row: &Row) -> rusqlite::Result<MessageRow> {
    Ok(MessageRow {
        id: row.get(0)?,
        chat: row.get(1)?,
        sender: row.get(2)?,
        origin_id: row.get(3)?,
        body: row.get(4)?,
        sealed: Sealing::from_number(row.get(5)?).unwrap_or(Sealing::None),
        state: row.get::<_, Option<i64>>(6)?.and_then(Delivery::from_number),
        sent: row.get(7)?,
        reply_to: row.get(8)?,
        own: row.get(9)?,
        position: row.get(10)?,
        reason: row.get(11)?,
        edited: row.get(12)?,
        edited_by: row.get(13)?,
        retracted: row.get(14)?,
        stand_in: row.get(15)?,
        stanza_id: row.get(16)?,
    })
}

impl Tx<'_> {
    /// Appends a message to its chat: its local id. Moves the chat's preview and, for theirs, its unread count.
    pub(crate) fn insert_message(&self, new: &NewMessage) -> Result<i64> {
        let position = self.next_position()?;
        self.sql()
            .prepare_cached(
                "INSERT INTO message (chat, position, own, sender, origin_id, stanza_id, body, sealed, device, identity, trust,
                   sent, arrived, state, reason, digest, reply_to, waiting)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                new.chat,
                position,
                new.own,
                new.sender,
                new.origin_id,
                new.stanza_id,
                new.body,
                new.sealed as i64,
                new.device,
                new.identity,
                new.trust.map(|trust| trust as i64),
                new.sent,
                new.arrived,
                new.state.map(|state| state as i64),
                new.reason,
                new.digest,
                new.reply_to,
                new.waiting
            ])?;
        let id = self.sql().last_insert_rowid();
        if new.body.is_some() {
            self.index_from(id);
        }
        self.chat_grew(new.chat, position, !new.own, new.sealed)?;
        match (new.own, new.state) {
            (false, _) => self.notify(id)?,
            // Who answers on another device has read what came before.
            (true, None) => self.no_news_in(new.chat)?,
            (true, Some(_)) => {}
        }
        self.touch(Touched::Timeline(new.chat.to_owned()));
        Ok(id)
    }

    fn next_position(&self) -> Result<i64> {
        let newest: i64 =
            self.sql().prepare_cached("SELECT coalesce(max(last), 0) FROM chat")?.query_row([], |row| row.get(0))?;
        Ok(newest + 1)
    }

    /// Puts a message of ours at the end of the timeline: it was handed over now, so the archive will have it here.
    pub(crate) fn move_to_end(&self, id: i64, chat: &str, sealed: Sealing) -> Result<()> {
        let position = self.next_position()?;
        self.sql().prepare_cached("UPDATE message SET position = ? WHERE id = ?")?.execute([position, id])?;
        self.chat_grew(chat, position, false, sealed)?;
        self.touch(Touched::Timeline(chat.to_owned()));
        Ok(())
    }

    /// The message of this local id.
    pub(crate) fn message(&self, id: i64) -> Result<Option<MessageRow>> {
        let sql = format!("SELECT {COLUMNS} FROM message WHERE id = ?");
        Ok(self.sql().prepare_cached(&sql)?.query_row([id], message).optional()?)
    }

    /// Whether a message with this id of its sender's and this payload is in the chat, whoever said it.
    pub(crate) fn is_said_in(&self, chat: &str, origin_id: &str, digest: &[u8]) -> Result<bool> {
        let mut rows =
            self.sql().prepare_cached("SELECT 1 FROM message WHERE chat = ? AND origin_id = ? AND digest = ?")?;
        Ok(rows.exists(params![chat, origin_id, digest])?)
    }

    /// When the newest message of a chat was said.
    pub(crate) fn newest_in(&self, chat: &str) -> Result<Option<i64>> {
        let sql = "SELECT sent FROM message WHERE chat = ? ORDER BY position DESC LIMIT 1";
        Ok(self.sql().prepare_cached(sql)?.query_row([chat], |row| row.get(0)).optional()?)
    }

    /// Whether a message is here under this id of the archive of its chat: a room's, or our own for all others.
    pub(crate) fn is_archived_as(&self, chat: &str, stanza_id: &str) -> Result<bool> {
        let mut rows = self.sql().prepare_cached(
            "SELECT 1 FROM message m WHERE m.stanza_id = ?2
               AND (m.chat = ?1 OR NOT EXISTS (SELECT 1 FROM room r WHERE r.jid IN (?1, m.chat)))",
        )?;
        Ok(rows.exists([chat, stanza_id])?)
    }

    /// Our own message with this origin id, in this chat.
    pub(crate) fn own_message(&self, chat: &str, origin_id: &str) -> Result<Option<MessageRow>> {
        let sql =
            format!("SELECT {COLUMNS} FROM message WHERE origin_id = ? AND own = 1 AND chat = ? ORDER BY id LIMIT 1");
        Ok(self.sql().prepare_cached(&sql)?.query_row([origin_id, chat], message).optional()?)
    }

    /// Our own message with this origin id, whatever the chat.
    pub(crate) fn own_message_anywhere(&self, origin_id: &str) -> Result<Option<MessageRow>> {
        let sql = format!("SELECT {COLUMNS} FROM message WHERE origin_id = ? AND own = 1 ORDER BY id LIMIT 1");
        Ok(self.sql().prepare_cached(&sql)?.query_row([origin_id], message).optional()?)
    }

    /// Whether this very payload of this sender was read, and not only met.
    pub(crate) fn was_read(&self, sender: &str, digest: &[u8]) -> Result<bool> {
        let mut rows =
            self.sql().prepare_cached("SELECT 1 FROM message WHERE digest = ? AND sender = ? AND reason IS NULL")?;
        Ok(rows.exists(params![digest, sender])?)
    }

    /// Whether this very payload came from this sender under this id before.
    pub(crate) fn is_repeated(&self, sender: &str, origin_id: &str, digest: &[u8]) -> Result<bool> {
        let mut rows =
            self.sql().prepare_cached("SELECT 1 FROM message WHERE origin_id = ? AND sender = ? AND digest = ?")?;
        Ok(rows.exists(params![origin_id, sender, digest])?)
    }

    /// Whether this very payload came from this sender before, under whatever id.
    pub(crate) fn is_known_payload(&self, sender: &str, digest: &[u8]) -> Result<bool> {
        let mut rows = self.sql().prepare_cached(
            "SELECT 1 FROM message WHERE digest = ?1 AND sender = ?2
             UNION ALL SELECT 1 FROM rowless WHERE digest = ?1 AND sender = ?2",
        )?;
        Ok(rows.exists(params![digest, sender])?)
    }

    /// Remembers a sealed payload that leaves no message row, so that a second copy is known; the oldest are forgotten.
    pub(crate) fn remember_payload(&self, sender: &str, digest: &[u8]) -> Result<()> {
        let mut insert =
            self.sql().prepare_cached("INSERT INTO rowless (sender, digest) VALUES (?, ?) ON CONFLICT DO NOTHING")?;
        if insert.execute(params![sender, digest])? > 0 {
            let newest = self.sql().last_insert_rowid();
            if newest % 1000 == 0 {
                self.sql().execute("DELETE FROM rowless WHERE id <= ?", [newest - ROWLESS_KEPT])?;
            }
        }
        Ok(())
    }

    /// Remembers the archive's id of a message.
    pub(crate) fn set_stanza_id(&self, id: i64, stanza_id: &str) -> Result<()> {
        self.sql()
            .prepare_cached("UPDATE message SET stanza_id = ? WHERE id = ? AND stanza_id IS NULL")?
            .execute(params![stanza_id, id])?;
        Ok(())
    }

    /// Lets the state of a message of ours climb; tells it. A lower state changes nothing.
    pub(crate) fn climb(&self, id: i64, state: Delivery, error: Option<&str>) -> Result<bool> {
        let changed = self
            .sql()
            .prepare_cached("UPDATE message SET state = ?1, error = ?2 WHERE id = ?3 AND own = 1 AND state IS NOT NULL AND state < ?1")?
            .execute(params![state as i64, error, id])?;
        if changed == 0 {
            return Ok(false);
        }
        if state >= Delivery::Failed {
            self.sql().prepare_cached("UPDATE message SET waiting = 0 WHERE id = ?")?.execute([id])?;
        }
        self.tell_delivery(id)?;
        Ok(true)
    }

    /// Says why a message waits; tells it once.
    pub(crate) fn set_waits_for(&self, id: i64, reason: Option<&str>) -> Result<()> {
        let changed = self
            .sql()
            .prepare_cached("UPDATE message SET error = ?1 WHERE id = ?2 AND state = 0 AND error IS NOT ?1")?
            .execute(params![reason, id])?;
        if changed > 0 && reason.is_some() {
            self.tell_delivery(id)?;
        }
        Ok(())
    }

    /// A message was encrypted: to how many devices of how many known, and sealed how.
    pub(crate) fn set_handed(&self, id: i64, sealed: Sealing, reached: u32, known: u32) -> Result<()> {
        self.sql()
            .prepare_cached(
                "UPDATE message SET waiting = 0, sealed = ?, reached = ?, known = ?, error = NULL WHERE id = ?",
            )?
            .execute(params![sealed as i64, reached, known, id])?;
        Ok(())
    }

    fn tell_delivery(&self, id: i64) -> Result<()> {
        let (chat, state, reached, known, error): (String, i64, Option<u32>, Option<u32>, Option<String>) = self
            .sql()
            .prepare_cached("SELECT chat, state, reached, known, error FROM message WHERE id = ?")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?;
        let state = Delivery::from_number(state).map(Delivery::code);
        let data = serde_json::json!({ "state": state, "reached": reached, "known": known, "error": error });
        self.touch(Touched::Timeline(chat));
        self.touch(Touched::Chats);
        self.event("delivery", Some(id), None, None, &data.to_string())
    }

    /// Messages that the pump has still to encrypt, oldest first.
    pub(crate) fn waiting_messages(&self) -> Result<Vec<MessageRow>> {
        let sql = format!("SELECT {COLUMNS} FROM message WHERE waiting = 1 ORDER BY position");
        let mut rows = self.sql().prepare_cached(&sql)?;
        let rows = rows.query_map([], message)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether any message waits for the pump.
    pub(crate) fn any_waiting(&self) -> Result<bool> {
        Ok(self.sql().prepare_cached("SELECT 1 FROM message WHERE waiting = 1")?.exists([])?)
    }
}
