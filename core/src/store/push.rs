//! The app server that wakes this device (XEP-0357).

use super::{Touched, Tx};
use crate::command::{Platform, PushService};
use crate::error::{ErrorKind, Result};
use rusqlite::{OptionalExtension, params};

/// What is wanted, and how far it is.
pub(crate) struct PushRow {
    pub service: PushService,
    pub at: Option<PushNode>,
}

/// Where our server is to publish, as the app server answered.
#[derive(Clone, PartialEq)]
pub(crate) struct PushNode {
    pub jid: String,
    pub node: String,
    pub secret: Option<String>,
}

impl Tx<'_> {
    /// The push that a person wants.
    pub(crate) fn push(&self) -> Result<Option<PushRow>> {
        let row = self
            .sql()
            .prepare_cached("SELECT app_server, platform, token, device, jid, node, secret FROM push")?
            .query_row([], |row| {
                let at = match (row.get(4)?, row.get(5)?) {
                    (Some(jid), Some(node)) => Some(PushNode { jid, node, secret: row.get(6)? }),
                    _ => None,
                };
                let platform = Platform::from_code(&row.get::<_, String>(1)?);
                let (app_server, token, device) = (row.get(0)?, row.get(2)?, row.get(3)?);
                Ok(platform
                    .map(|platform| PushRow { service: PushService { app_server, platform, token, device }, at }))
            })
            .optional()?;
        Ok(row.flatten())
    }

    /// Whether our server publishes to an app server, as far as it said so.
    pub(crate) fn is_pushed(&self) -> Result<bool> {
        let mut row = self.sql().prepare_cached("SELECT 1 FROM push WHERE stream > 0")?;
        Ok(row.exists([])?)
    }

    /// Wants this one from now on, and no other.
    pub(crate) fn set_push(&self, service: &PushService) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT OR REPLACE INTO push (only, app_server, platform, token, device, stream) VALUES (1, ?, ?, ?, ?, 0)",
            )?
            .execute(params![service.app_server, service.platform.code(), service.token, service.device])?;
        self.touch(Touched::Push);
        Ok(())
    }

    /// Wants none any more.
    pub(crate) fn drop_push(&self) -> Result<()> {
        self.sql().execute("DELETE FROM push", [])?;
        self.touch(Touched::Push);
        Ok(())
    }

    /// The app server answered.
    pub(crate) fn push_registered(&self, at: &PushNode) -> Result<()> {
        self.sql()
            .prepare_cached("UPDATE push SET jid = ?, node = ?, secret = ?, stream = 0, error = NULL")?
            .execute(params![at.jid, at.node, at.secret])?;
        self.touch(Touched::Push);
        Ok(())
    }

    /// Our server publishes there, as it said on this stream.
    pub(crate) fn push_enabled(&self, stream: i64) -> Result<()> {
        self.sql().prepare_cached("UPDATE push SET stream = ?, error = NULL")?.execute([stream])?;
        self.touch(Touched::Push);
        Ok(())
    }

    /// Our server does not publish there.
    pub(crate) fn push_not_enabled(&self) -> Result<()> {
        self.sql().prepare_cached("UPDATE push SET stream = 0")?.execute([])?;
        self.touch(Touched::Push);
        Ok(())
    }

    /// Why it is not further, or that nothing is known to be wrong.
    pub(crate) fn set_push_error(&self, kind: Option<ErrorKind>) -> Result<()> {
        let changed = self
            .sql()
            .prepare_cached("UPDATE push SET error = ?1 WHERE error IS NOT ?1")?
            .execute([kind.map(ErrorKind::code)])?;
        if changed > 0 {
            self.touch(Touched::Push);
        }
        Ok(())
    }
}
