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
}

impl Tx<'_> {
    /// The chat with this person, if there is one.
    pub(crate) fn chat(&self, jid: &str) -> Result<Option<ChatRow>> {
        let row = self.sql().prepare_cached("SELECT plain_allowed, sealed FROM chat WHERE jid = ?")?.query_row(
            [jid],
            |row| {
                Ok(ChatRow {
                    plain_allowed: row.get(0)?,
                    sealed: Sealing::from_number(row.get(1)?).unwrap_or(Sealing::None),
                })
            },
        );
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
