//! What becomes of messages after they were said: earlier texts, reactions, and changes to what did not come yet.

use super::message::MessageRow;
use super::{Touched, Tx};
use crate::error::Result;
use crate::model::{Delivery, Sealing};
use rusqlite::{OptionalExtension, params};

/// Changes of one chat that are kept for messages to come, and of all chats together.
const EARLY_OF_CHAT: i64 = 100;
const EARLY: i64 = 2_000;

/// Texts before that are kept of one message; the very first one always is.
const REVISIONS: i64 = 20;

/// A change to a message that did not come yet.
pub(crate) struct EarlyRow {
    pub sender: String,
    /// JSON of a reaction; none for a retraction.
    pub emojis: Option<String>,
    pub sealed: Sealing,
    pub made: i64,
}

impl Tx<'_> {
    /// The message of this chat that somebody means by this id: its sender's, that of one of its corrections, or an
    /// archive's. Of several the oldest; of `sender` only, if given. In a room the archive's goes before all: nobody there
    /// can choose it.
    pub(crate) fn message_named(&self, chat: &str, name: &str, sender: Option<&str>) -> Result<Option<MessageRow>> {
        let of_archive = "SELECT id FROM message WHERE stanza_id = ? AND chat = ?";
        if self.is_room(chat)?
            && let Some(id) =
                self.sql().prepare_cached(of_archive)?.query_row([name, chat], |row| row.get(0)).optional()?
        {
            return Ok(self.message(id)?.filter(|row| sender.is_none_or(|sender| row.sender == sender)));
        }
        let found: Option<i64> = self
            .sql()
            .prepare_cached(
                "SELECT id FROM message WHERE origin_id = ?2 AND chat = ?1 AND (?3 IS NULL OR sender = ?3)
                 UNION ALL SELECT m.id FROM revision r JOIN message m ON m.id = r.message
                   WHERE r.origin_id = ?2 AND m.chat = ?1 AND (?3 IS NULL OR m.sender = ?3)
                 UNION ALL SELECT id FROM message WHERE stanza_id = ?2 AND chat = ?1 AND (?3 IS NULL OR sender = ?3)
                 LIMIT 1",
            )?
            .query_row(params![chat, name, sender], |row| row.get(0))
            .optional()?;
        match found {
            Some(id) => self.message(id),
            None => Ok(None),
        }
    }

    /// Another text takes the place of the one that a message had, which is kept. `correction` is the id under which it came.
    pub(crate) fn correct(
        &self,
        row: &MessageRow,
        body: &str,
        correction: Option<&str>,
        device: Option<u32>,
        made: i64,
    ) -> Result<()> {
        self.keep_revision(row.id, row.body.as_deref(), correction, made)?;
        self.index_words()?;
        self.sql()
            .prepare_cached("UPDATE message SET body = ?, edited = ?, edited_by = ? WHERE id = ?")?
            .execute(params![body, made, device, row.id])?;
        self.changed(row, "corrected")
    }

    /// A text of ours that nobody saw yet is written anew.
    pub(crate) fn rewrite(&self, row: &MessageRow, body: &str, digest: &[u8]) -> Result<()> {
        self.index_words()?;
        self.sql()
            .prepare_cached("UPDATE message SET body = ?, digest = ? WHERE id = ?")?
            .execute(params![body, digest, row.id])?;
        self.changed(row, "corrected")
    }

    /// An older text of a message came late: it is kept, and does not show.
    pub(crate) fn keep_revision(
        &self,
        message: i64,
        body: Option<&str>,
        correction: Option<&str>,
        made: i64,
    ) -> Result<()> {
        self.sql()
            .prepare_cached("INSERT INTO revision (message, origin_id, body, made) VALUES (?, ?, ?, ?)")?
            .execute(params![message, correction, body, made])?;
        self.sql()
            .prepare_cached(
                "DELETE FROM revision WHERE message = ?1 AND id > (SELECT min(id) FROM revision WHERE message = ?1)
                   AND id <= (SELECT max(id) FROM revision WHERE message = ?1) - ?2
                   AND (SELECT count(*) FROM revision WHERE message = ?1) > ?2",
            )?
            .execute(params![message, REVISIONS])?;
        Ok(())
    }

    /// The message of which only a correction came so far came itself: `body` is what it said first, unless it was taken back.
    pub(crate) fn fill_stand_in(
        &self,
        row: &MessageRow,
        body: Option<&str>,
        stanza_id: Option<&str>,
        digest: &[u8],
    ) -> Result<()> {
        // A second copy of the correction is still known.
        self.sql()
            .prepare_cached(
                "INSERT INTO rowless (sender, digest) SELECT sender, digest FROM message WHERE id = ? ON CONFLICT DO NOTHING",
            )?
            .execute([row.id])?;
        self.sql()
            .prepare_cached(
                "UPDATE message SET stand_in = 0, digest = ?, stanza_id = coalesce(?, stanza_id) WHERE id = ?",
            )?
            .execute(params![digest, stanza_id, row.id])?;
        self.sql()
            .prepare_cached("UPDATE revision SET body = ? WHERE id = (SELECT min(id) FROM revision WHERE message = ?)")?
            .execute(params![body.filter(|_| row.retracted.is_none()), row.id])?;
        self.touch(Touched::Timeline(row.chat.clone()));
        Ok(())
    }

    /// Of the message that this row stands for only a correction came so far.
    pub(crate) fn set_stand_in(
        &self,
        id: i64,
        target: &str,
        correction: Option<&str>,
        device: Option<u32>,
        made: i64,
    ) -> Result<()> {
        self.sql()
            .prepare_cached("UPDATE message SET stand_in = 1, origin_id = ?, edited = ?, edited_by = ? WHERE id = ?")?
            .execute(params![target, made, device, id])?;
        self.keep_revision(id, None, correction, made)
    }

    /// The correction that stands for a message does not count for it after all: it is a message of its own.
    pub(crate) fn set_apart(&self, id: i64) -> Result<()> {
        self.sql()
            .prepare_cached(
                "UPDATE message SET stand_in = 0, edited = NULL, edited_by = NULL,
                   origin_id = (SELECT origin_id FROM revision WHERE message = ?1 ORDER BY id LIMIT 1) WHERE id = ?1",
            )?
            .execute([id])?;
        self.sql().prepare_cached("DELETE FROM revision WHERE message = ?")?.execute([id])?;
        Ok(())
    }

    /// What came with a message beside its words: when its sender claims to have sent it, where that is contradicted, and
    /// that he wants to hear when it is displayed.
    pub(crate) fn set_beside(&self, id: i64, claimed: Option<i64>, markable: bool) -> Result<()> {
        self.sql()
            .prepare_cached("UPDATE message SET claimed = ?, markable = ? WHERE id = ?")?
            .execute(params![claimed, markable, id])?;
        Ok(())
    }

    /// A message was taken back: its texts, and what people thought of it, are gone.
    pub(crate) fn retract(&self, row: &MessageRow, made: i64) -> Result<()> {
        self.index_words()?;
        self.sql()
            .prepare_cached(
                "UPDATE message SET body = NULL, retracted = ?, edited = NULL, reason = NULL, waiting = 0 WHERE id = ?",
            )?
            .execute(params![made, row.id])?;
        self.sql().prepare_cached("UPDATE revision SET body = NULL WHERE message = ?")?.execute([row.id])?;
        self.sql().prepare_cached("DELETE FROM reaction WHERE message = ?")?.execute([row.id])?;
        self.sql().prepare_cached("DELETE FROM notification WHERE message = ?")?.execute([row.id])?;
        self.changed(row, "retracted")
    }

    /// What somebody thinks of a message now. False if they thought otherwise later than `made`, or the same.
    pub(crate) fn react(&self, row: &MessageRow, sender: &str, emojis: &[String], made: i64) -> Result<bool> {
        let emojis = serde_json::to_string(emojis).expect("a list of texts serialises");
        let changed = self
            .sql()
            .prepare_cached(
                "INSERT INTO reaction (message, sender, emojis, made) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (message, sender) DO UPDATE SET emojis = ?3, made = ?4 WHERE made <= ?4 AND emojis <> ?3",
            )?
            .execute(params![row.id, sender, emojis, made])?;
        if changed > 0 {
            self.changed(row, "reacted")?;
        }
        Ok(changed > 0)
    }

    fn changed(&self, row: &MessageRow, change: &str) -> Result<()> {
        self.touch(Touched::Timeline(row.chat.clone()));
        self.touch(Touched::Chats);
        let data = serde_json::json!({ "change": change });
        self.event("changed", Some(row.id), None, None, &data.to_string())
    }

    /// Keeps a change for a message that may still come; of a chat, and of all, the oldest are forgotten.
    pub(crate) fn keep_early(&self, chat: &str, target: &str, early: &EarlyRow) -> Result<()> {
        self.sql()
            .prepare_cached("DELETE FROM early WHERE chat = ? AND target = ? AND sender = ? AND (emojis IS NULL) = ?")?
            .execute(params![chat, target, early.sender, early.emojis.is_none()])?;
        self.sql()
            .prepare_cached("INSERT INTO early (chat, target, sender, emojis, sealed, made) VALUES (?, ?, ?, ?, ?, ?)")?
            .execute(params![chat, target, early.sender, early.emojis, early.sealed as i64, early.made])?;
        self.sql()
            .prepare_cached(
                "DELETE FROM early WHERE id IN (SELECT id FROM early WHERE chat = ? ORDER BY id DESC LIMIT -1 OFFSET ?)
                   OR id IN (SELECT id FROM early ORDER BY id DESC LIMIT -1 OFFSET ?)",
            )?
            .execute(params![chat, EARLY_OF_CHAT, EARLY])?;
        Ok(())
    }

    /// Takes the changes that were kept for this message, in the order in which they came.
    pub(crate) fn take_early(&self, chat: &str, target: &str) -> Result<Vec<EarlyRow>> {
        let mut rows = self.sql().prepare_cached(
            "DELETE FROM early WHERE chat = ? AND target = ? RETURNING id, sender, emojis, sealed, made",
        )?;
        let rows = rows.query_map([chat, target], |row| {
            let sealed = Sealing::from_number(row.get(3)?).unwrap_or(Sealing::None);
            let early = EarlyRow { sender: row.get(1)?, emojis: row.get(2)?, sealed, made: row.get(4)? };
            Ok((row.get::<_, i64>(0)?, early))
        })?;
        let mut rows: Vec<(i64, EarlyRow)> = rows.collect::<rusqlite::Result<_>>()?;
        rows.sort_by_key(|(id, _)| *id);
        Ok(rows.into_iter().map(|(_, early)| early).collect())
    }

    /// Ours in this chat, up to this position, that were sent and are not known to be displayed: the newest `limit`.
    pub(crate) fn undisplayed(&self, chat: &str, position: i64, limit: u32) -> Result<Vec<i64>> {
        let mut rows = self.sql().prepare_cached(
            "SELECT id FROM message WHERE chat = ? AND own = 1 AND position <= ? AND state IN (?, ?, ?)
             ORDER BY position DESC LIMIT ?",
        )?;
        let states = [Delivery::Sending, Delivery::Sent, Delivery::Delivered].map(|state| state as i64);
        let rows = rows.query_map(params![chat, position, states[0], states[1], states[2], limit], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
