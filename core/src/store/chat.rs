//! Chats: one line of the chat list each.

use super::{Touched, Tx};
use crate::error::Result;
use crate::model::Sealing;
use rusqlite::{OptionalExtension, params};

/// A chat as stored.
#[derive(Clone, Copy)]
pub(crate) struct ChatRow {
    pub plain_allowed: bool,
    pub sealed: Sealing,
    /// A person allowed in clear here what version 0.3 cannot seal.
    pub extras_allowed: bool,
}

impl Tx<'_> {
    /// The chat with this person, if there is one.
    pub(crate) fn chat(&self, jid: &str) -> Result<Option<ChatRow>> {
        let row = self
            .sql()
            .prepare_cached("SELECT plain_allowed, sealed, extras_allowed FROM chat WHERE jid = ?")?
            .query_row([jid], |row| {
                Ok(ChatRow {
                    plain_allowed: row.get(0)?,
                    sealed: Sealing::from_number(row.get(1)?).unwrap_or(Sealing::None),
                    extras_allowed: row.get(2)?,
                })
            });
        Ok(row.optional()?)
    }

    /// Makes the chat if it is not there.
    pub(crate) fn ensure_chat(&self, jid: &str) -> Result<()> {
        self.sql()
            .prepare_cached("INSERT INTO chat (jid, unread, last, plain_allowed, sealed) VALUES (?, 0, 0, 0, 0) ON CONFLICT DO NOTHING")?
            .execute([jid])?;
        Ok(())
    }

    /// A row came to the end of the chat.
    pub(super) fn chat_grew(&self, jid: &str, position: i64, unread: bool, sealed: Sealing) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO chat (jid, unread, last, plain_allowed, sealed) VALUES (?1, ?2, ?3, 0, ?4)
                 ON CONFLICT (jid) DO UPDATE SET last = ?3, unread = unread + ?2, sealed = max(sealed, ?4)",
            )?
            .execute(params![jid, unread, position, sealed as i64])?;
        self.touch(Touched::Chats);
        Ok(())
    }

    /// All messages of the chat were read.
    pub(crate) fn mark_read(&self, jid: &str) -> Result<()> {
        self.sql().prepare_cached("UPDATE chat SET unread = 0 WHERE jid = ?")?.execute([jid])?;
        self.no_news_in(jid)?;
        self.touch(Touched::Chats);
        Ok(())
    }

    /// Another own device read the chat up to this position.
    pub(crate) fn read_up_to(&self, jid: &str, position: i64) -> Result<()> {
        self.sql()
            .prepare_cached(
                "UPDATE chat SET unread = min(unread,
                   (SELECT count(*) FROM message m WHERE m.chat = ?1 AND m.own = 0 AND m.position > ?2)) WHERE jid = ?1",
            )?
            .execute(params![jid, position])?;
        self.sql()
            .prepare_cached(
                "DELETE FROM notification WHERE message IN (SELECT id FROM message WHERE chat = ? AND position <= ?)",
            )?
            .execute(params![jid, position])?;
        self.touch(Touched::Chats);
        Ok(())
    }

    /// The newest message of the other side that asked for a marker: its row, if it was not told as displayed yet.
    pub(crate) fn to_be_marked(&self, jid: &str) -> Result<Option<i64>> {
        let mut rows = self.sql().prepare_cached(
            "SELECT m.id FROM message m JOIN chat c ON c.jid = m.chat
             WHERE m.chat = ? AND m.own = 0 AND m.markable = 1 AND m.retracted IS NULL AND m.position > c.marked
             ORDER BY m.position DESC LIMIT 1",
        )?;
        Ok(rows.query_row([jid], |row| row.get(0)).optional()?)
    }

    /// All up to this position were told as displayed.
    pub(crate) fn set_marked(&self, jid: &str, position: i64) -> Result<()> {
        self.sql()
            .prepare_cached("UPDATE chat SET marked = max(marked, ?) WHERE jid = ?")?
            .execute(params![position, jid])?;
        Ok(())
    }

    /// Whether we ever wrote to this chat.
    pub(crate) fn wrote_to(&self, jid: &str) -> Result<bool> {
        Ok(self.sql().prepare_cached("SELECT 1 FROM message WHERE chat = ? AND own = 1 LIMIT 1")?.exists([jid])?)
    }

    /// Allows or forbids in clear what version 0.3 cannot seal.
    pub(crate) fn allow_extras(&self, jid: &str, allow: bool) -> Result<()> {
        self.ensure_chat(jid)?;
        self.sql().prepare_cached("UPDATE chat SET extras_allowed = ? WHERE jid = ?")?.execute(params![allow, jid])?;
        self.touch(Touched::Chats);
        Ok(())
    }

    /// Allows or forbids plain text in the chat. Allowing it counts for a chat that was sealed before, until it is again.
    pub(crate) fn allow_plain(&self, jid: &str, allow: bool) -> Result<()> {
        self.ensure_chat(jid)?;
        self.sql()
            .prepare_cached(
                "UPDATE chat SET plain_allowed = ?1, sealed = CASE WHEN ?1 THEN 0 ELSE sealed END WHERE jid = ?2",
            )?
            .execute(params![allow, jid])?;
        self.touch(Touched::Chats);
        Ok(())
    }
}
