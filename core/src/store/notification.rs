//! Messages that nobody was told of yet. A row is written with its message, so there is one of each or none of both.

use super::Tx;
use crate::error::Result;

impl Tx<'_> {
    /// A message came of which somebody is to be told.
    pub(super) fn notify(&self, message: i64) -> Result<()> {
        self.sql().prepare_cached("INSERT INTO notification (message) VALUES (?)")?.execute([message])?;
        Ok(())
    }

    /// The messages of this chat were read, here or on another own device.
    pub(super) fn no_news_in(&self, chat: &str) -> Result<()> {
        self.sql()
            .prepare_cached("DELETE FROM notification WHERE message IN (SELECT id FROM message WHERE chat = ?)")?
            .execute([chat])?;
        Ok(())
    }

    /// A person was told of these.
    pub(crate) fn told(&self, notifications: &[i64]) -> Result<()> {
        let mut statement = self.sql().prepare_cached("DELETE FROM notification WHERE id = ?")?;
        for id in notifications {
            statement.execute([id])?;
        }
        Ok(())
    }
}
