//! What is remembered of the account's server.

use super::{Touched, Tx};
use crate::error::{ErrorKind, Result};
use crate::model::ServerChangeKind;
use crate::pin::{Binding, Pin, Shown, Venture};
use rusqlite::{OptionalExtension, params};

impl Tx<'_> {
    /// The server as the last login met it.
    pub(crate) fn pin(&self) -> Result<Option<Pin>> {
        let mut row = self.sql().prepare_cached("SELECT key, issuer, tls, binding, confirmed, mechanism FROM pin")?;
        let pin = row.query_row([], |row| {
            Ok(Pin {
                shown: Shown { key: row.get(0)?, issuer: row.get(1)?, tls: row.get(2)? },
                bound: row.get::<_, Option<String>>(3)?.as_deref().and_then(Binding::from_name),
                confirmed: row.get(4)?,
                mechanism: row.get(5)?,
            })
        });
        Ok(pin.optional()?)
    }

    /// Remembers the server as it is now.
    pub(crate) fn set_pin(&self, pin: &Pin, now: i64) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO pin (only, key, issuer, tls, binding, confirmed, mechanism, since) VALUES (1, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (only) DO UPDATE SET since = CASE WHEN key = excluded.key THEN since ELSE excluded.since END,
                   key = excluded.key, issuer = excluded.issuer, tls = excluded.tls, binding = excluded.binding,
                   confirmed = excluded.confirmed, mechanism = excluded.mechanism",
            )?
            .execute(params![
                pin.shown.key,
                pin.shown.issuer,
                pin.shown.tls,
                pin.bound.map(Binding::name),
                pin.confirmed,
                pin.mechanism,
                now
            ])?;
        self.touch(Touched::Connection);
        Ok(())
    }

    /// Forgets the server: the next login is the first.
    pub(crate) fn drop_pin(&self) -> Result<()> {
        self.sql().execute("DELETE FROM pin", [])?;
        self.touch(Touched::Connection);
        Ok(())
    }

    /// The proof that was shown to a key that nothing spoke for, and was not answered.
    pub(crate) fn venture(&self) -> Result<Option<Venture>> {
        let row = self.sql().query_row("SELECT key, ended FROM venture", [], |row| {
            let ended: Option<String> = row.get(1)?;
            Ok(Venture { key: row.get(0)?, ended: ended.as_deref().and_then(ErrorKind::from_code) })
        });
        Ok(row.optional()?)
    }

    /// Such a proof is about to be shown.
    pub(crate) fn set_venture(&self, key: [u8; 32], now: i64) -> Result<()> {
        self.sql().execute("INSERT OR REPLACE INTO venture (only, key, at) VALUES (1, ?, ?)", params![key, now])?;
        Ok(())
    }

    /// How the login ended that showed it.
    pub(crate) fn end_venture(&self, kind: ErrorKind) -> Result<()> {
        self.sql().execute("UPDATE venture SET ended = ? WHERE ended IS NULL", [kind.code()])?;
        Ok(())
    }

    /// It was answered, or a person takes it as it is.
    pub(crate) fn drop_venture(&self) -> Result<()> {
        self.sql().execute("DELETE FROM venture", [])?;
        Ok(())
    }

    /// The server contradicts what it proved before; that stands until a person accepts it.
    pub(crate) fn set_contradiction(&self, now: i64) -> Result<()> {
        self.sql().execute("INSERT OR IGNORE INTO contradiction (only, since) VALUES (1, ?)", [now])?;
        self.touch(Touched::Connection);
        Ok(())
    }

    /// A person takes the server as it is.
    pub(crate) fn drop_contradiction(&self) -> Result<()> {
        self.sql().execute("DELETE FROM contradiction", [])?;
        self.touch(Touched::Connection);
        Ok(())
    }

    /// What keeps the account from being connected at all until a person has said something.
    pub(crate) fn standing(&self) -> Result<Option<ErrorKind>> {
        let mut row =
            self.sql().prepare_cached("SELECT EXISTS (SELECT 1 FROM contradiction), refused FROM credential")?;
        Ok(match row.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))? {
            (true, _) => Some(ErrorKind::Contradiction),
            (false, true) => Some(ErrorKind::WrongPassword),
            (false, false) => None,
        })
    }

    /// Whether a person allowed PLAIN.
    pub(crate) fn plain_login(&self) -> Result<bool> {
        Ok(self.sql().prepare_cached("SELECT 1 FROM plain_login")?.exists([])?)
    }

    /// A person allows it or not, or the server offers better.
    pub(crate) fn set_plain_login(&self, allowed: bool, now: i64) -> Result<()> {
        match allowed {
            true => self.sql().execute("INSERT OR IGNORE INTO plain_login (only, since) VALUES (1, ?)", [now])?,
            false => self.sql().execute("DELETE FROM plain_login", [])?,
        };
        self.touch(Touched::Connection);
        Ok(())
    }

    /// Writes down what happened with the server's key.
    pub(crate) fn add_server_change(
        &self,
        kind: ServerChangeKind,
        before: Option<&Shown>,
        after: Option<&Shown>,
        because: Option<&str>,
        now: i64,
    ) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO server_change (kind, at, key_before, issuer_before, key, issuer, because)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                kind as i64,
                now,
                before.map(|shown| shown.key),
                before.map(|shown| &shown.issuer),
                after.map(|shown| shown.key),
                after.map(|shown| &shown.issuer),
                because
            ])?;
        self.touch(Touched::Connection);
        Ok(())
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn server_changes(&self) -> i64 {
        self.sql().query_row("SELECT count(*) FROM server_change", [], |row| row.get(0)).expect("changes read")
    }

    /// The key and the cause of the newest change, if it is a login that was given up.
    pub(crate) fn newest_doubt(&self) -> Result<Option<([u8; 32], String)>> {
        let newest = "SELECT key, because FROM server_change WHERE id = (SELECT max(id) FROM server_change) AND because IS NOT NULL";
        Ok(self.sql().query_row(newest, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }
}
