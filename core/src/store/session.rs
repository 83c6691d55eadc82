//! Double ratchet sessions, skipped keys, and our own pre-keys. The only place where ratchet state lives.

use super::Tx;
use super::device::number;
use crate::ErrorKind;
use crate::error::Result;
use dunnock_omemo::{Change, MAX_SKIPPED_STORED, PreKeyPair, Session, SignedPreKeyPair, SkippedKey, Version};
use rusqlite::{OptionalExtension, params};
use zeroize::Zeroizing;

/// How many sessions of a device are kept: the current one and a few that late messages may still need.
const KEPT: i64 = 5;

impl Tx<'_> {
    /// The sessions with a device, the current one first.
    pub(crate) fn sessions(&self, jid: &str, device: u32, version: Version) -> Result<Vec<(i64, Session)>> {
        let mut rows = self.sql().prepare_cached(
            "SELECT id, state FROM session WHERE jid = ? AND device = ? AND version = ? ORDER BY used DESC",
        )?;
        let rows = rows.query_map(params![jid, device, number(version)], |row| {
            Ok((row.get::<_, i64>(0)?, Zeroizing::new(row.get::<_, Vec<u8>>(1)?)))
        })?;
        rows.map(|row| {
            let (id, state) = row?;
            Ok((id, Session::from_bytes(&state).map_err(|_| ErrorKind::DamagedStore)?))
        })
        .collect()
    }

    /// The current session with a device.
    pub(crate) fn current_session(&self, jid: &str, device: u32, version: Version) -> Result<Option<(i64, Session)>> {
        let state = self
            .sql()
            .prepare_cached(
                "SELECT id, state FROM session WHERE jid = ? AND device = ? AND version = ? ORDER BY used DESC LIMIT 1",
            )?
            .query_row(params![jid, device, number(version)], |row| {
                Ok((row.get(0)?, Zeroizing::new(row.get::<_, Vec<u8>>(1)?)))
            })
            .optional()?;
        let Some((id, state)) = state else { return Ok(None) };
        Ok(Some((id, Session::from_bytes(&state).map_err(|_| ErrorKind::DamagedStore)?)))
    }

    /// Stores a session that just began; it becomes the current one.
    pub(crate) fn insert_session(&self, jid: &str, device: u32, session: &Session) -> Result<i64> {
        let version = number(session.version());
        self.sql()
            .prepare_cached(
                "INSERT INTO session (jid, device, version, used, state)
                 VALUES (?1, ?2, ?3, (SELECT coalesce(max(used), 0) + 1 FROM session WHERE jid = ?1 AND device = ?2 AND version = ?3), ?4)",
            )?
            .execute(params![jid, device, version, session.to_bytes().as_slice()])?;
        let id = self.sql().last_insert_rowid();
        self.sql()
            .prepare_cached(
                "DELETE FROM session WHERE jid = ?1 AND device = ?2 AND version = ?3 AND id NOT IN
                   (SELECT id FROM session WHERE jid = ?1 AND device = ?2 AND version = ?3 ORDER BY used DESC LIMIT ?4)",
            )?
            .execute(params![jid, device, version, KEPT])?;
        Ok(id)
    }

    /// Stores what an operation changed; `current` makes the session the one that is written with.
    pub(crate) fn apply_change(&self, id: i64, change: &Change, current: bool) -> Result<()> {
        let state = change.session.to_bytes();
        if current {
            self.sql()
                .prepare_cached(
                    "UPDATE session SET state = ?1, used = coalesce(
                       (SELECT max(used) + 1 FROM session AS other WHERE other.jid = session.jid
                          AND other.device = session.device AND other.version = session.version
                          AND other.id != session.id AND other.used >= session.used), used) WHERE id = ?2",
                )?
                .execute(params![state.as_slice(), id])?;
        } else {
            self.sql()
                .prepare_cached("UPDATE session SET state = ? WHERE id = ?")?
                .execute(params![state.as_slice(), id])?;
        }
        if let Some((ratchet_key, n)) = change.used_skipped() {
            self.sql()
                .prepare_cached("DELETE FROM skipped WHERE session = ? AND ratchet_key = ? AND n = ?")?
                .execute(params![id, ratchet_key, n])?;
        }
        for key in &change.new_skipped {
            self.sql()
                .prepare_cached(
                    "INSERT OR REPLACE INTO skipped (session, ratchet_key, n, message_key) VALUES (?, ?, ?, ?)",
                )?
                .execute(params![id, key.ratchet_key(), key.n(), key.message_key()])?;
        }
        if !change.new_skipped.is_empty() {
            self.sql()
                .prepare_cached(
                    "DELETE FROM skipped WHERE session = ?1 AND id NOT IN
                       (SELECT id FROM skipped WHERE session = ?1 ORDER BY id DESC LIMIT ?2)",
                )?
                .execute(params![id, MAX_SKIPPED_STORED as i64])?;
        }
        Ok(())
    }

    /// The skipped key of this session for this message, if it was skipped.
    pub(crate) fn skipped(&self, session: i64, ratchet_key: &[u8; 32], n: u32) -> Result<Option<SkippedKey>> {
        let key = self
            .sql()
            .prepare_cached("SELECT message_key FROM skipped WHERE session = ? AND ratchet_key = ? AND n = ?")?
            .query_row(params![session, ratchet_key, n], |row| row.get::<_, [u8; 32]>(0).map(Zeroizing::new))
            .optional()?;
        Ok(key.map(|key| SkippedKey::new(*ratchet_key, n, &key)))
    }

    /// Ends all sessions with a device.
    pub(crate) fn end_sessions(&self, jid: &str, device: u32) -> Result<()> {
        self.sql().execute("DELETE FROM session WHERE jid = ? AND device = ?", params![jid, device])?;
        Ok(())
    }

    /// Ends all sessions with everybody.
    pub(crate) fn end_all_sessions(&self) -> Result<()> {
        self.sql().execute("DELETE FROM session", [])?;
        Ok(())
    }

    /// Stores fresh one-time pre-keys.
    pub(crate) fn insert_pre_keys(&self, version: Version, pairs: &[PreKeyPair]) -> Result<()> {
        for pair in pairs {
            self.sql()
                .prepare_cached("INSERT OR REPLACE INTO pre_key (version, id, pair, used) VALUES (?, ?, ?, 0)")?
                .execute(params![number(version), pair.id(), pair.to_bytes().as_slice()])?;
        }
        Ok(())
    }

    /// The pre-key of this id; a used one only while `used_too`.
    pub(crate) fn pre_key(&self, version: Version, id: u32, used_too: bool) -> Result<Option<PreKeyPair>> {
        let pair = self
            .sql()
            .prepare_cached("SELECT pair FROM pre_key WHERE version = ? AND id = ? AND (used = 0 OR ?)")?
            .query_row(params![number(version), id, used_too], |row| row.get::<_, Vec<u8>>(0).map(Zeroizing::new))
            .optional()?;
        pair.map(|bytes| PreKeyPair::from_bytes(&bytes).map_err(|_| ErrorKind::DamagedStore.into())).transpose()
    }

    /// Marks a pre-key as used by the key exchange with this ephemeral key.
    pub(crate) fn use_pre_key(&self, version: Version, id: u32, base_key: &[u8; 32], now: i64) -> Result<()> {
        self.sql()
            .prepare_cached("INSERT OR IGNORE INTO exchange (version, base_key) VALUES (?, ?)")?
            .execute(params![number(version), base_key])?;
        self.sql()
            .prepare_cached("UPDATE pre_key SET used = max(?, 1) WHERE version = ? AND id = ? AND used = 0")?
            .execute(params![now, number(version), id])?;
        Ok(())
    }

    /// Whether the key exchange with this ephemeral key began a session, one whose pre-key is kept.
    pub(crate) fn began_a_session(&self, version: Version, base_key: &[u8; 32]) -> Result<bool> {
        let mut rows = self.sql().prepare_cached("SELECT 1 FROM exchange WHERE version = ? AND base_key = ?")?;
        Ok(rows.exists(params![number(version), base_key])?)
    }

    /// Deletes used pre-keys; not to be called while an archive is being caught up with.
    pub(crate) fn delete_used_pre_keys(&self) -> Result<()> {
        self.sql().prepare_cached("DELETE FROM exchange")?.execute([])?;
        self.sql().prepare_cached("DELETE FROM pre_key WHERE used != 0")?.execute([])?;
        Ok(())
    }

    /// The pre-keys on offer, by id.
    pub(crate) fn free_pre_keys(&self, version: Version) -> Result<Vec<PreKeyPair>> {
        let mut rows =
            self.sql().prepare_cached("SELECT pair FROM pre_key WHERE version = ? AND used = 0 ORDER BY id")?;
        let rows = rows.query_map([number(version)], |row| row.get::<_, Vec<u8>>(0).map(Zeroizing::new))?;
        rows.map(|bytes| PreKeyPair::from_bytes(&bytes?).map_err(|_| ErrorKind::DamagedStore.into())).collect()
    }

    /// Reserves `count` ids for fresh pre-keys, never given out before: the first of them. After 2^24 - 1 comes 1.
    pub(crate) fn reserve_pre_key_ids(&self, count: u32) -> Result<u32> {
        let last: u32 = self.sql().query_row("SELECT pre_keys FROM account", [], |row| row.get(0))?;
        self.sql().execute("UPDATE account SET pre_keys = (pre_keys + ?1 - 1) % 16777215 + 1", [count])?;
        Ok(last % 0x00ff_ffff + 1)
    }

    /// Stores a signed pre-key; it becomes the one on offer.
    pub(crate) fn insert_signed_pre_key(&self, version: Version, pair: &SignedPreKeyPair, now: i64) -> Result<()> {
        self.sql().execute(
            "INSERT OR REPLACE INTO signed_pre_key (version, id, pair, created) VALUES (?, ?, ?, ?)",
            params![number(version), pair.id(), pair.to_bytes().as_slice(), now],
        )?;
        Ok(())
    }

    /// The signed pre-key of this id.
    pub(crate) fn signed_pre_key(&self, version: Version, id: u32) -> Result<Option<SignedPreKeyPair>> {
        let pair = self
            .sql()
            .prepare_cached("SELECT pair FROM signed_pre_key WHERE version = ? AND id = ?")?
            .query_row(params![number(version), id], |row| row.get::<_, Vec<u8>>(0).map(Zeroizing::new))
            .optional()?;
        pair.map(|bytes| SignedPreKeyPair::from_bytes(&bytes).map_err(|_| ErrorKind::DamagedStore.into())).transpose()
    }

    /// The signed pre-key on offer, and when it was made.
    pub(crate) fn current_signed_pre_key(&self, version: Version) -> Result<Option<(SignedPreKeyPair, i64)>> {
        let row = self
            .sql()
            .prepare_cached(
                "SELECT pair, created FROM signed_pre_key WHERE version = ? ORDER BY created DESC, id DESC LIMIT 1",
            )?
            .query_row([number(version)], |row| Ok((Zeroizing::new(row.get::<_, Vec<u8>>(0)?), row.get(1)?)))
            .optional()?;
        let Some((bytes, created)) = row else { return Ok(None) };
        Ok(Some((SignedPreKeyPair::from_bytes(&bytes).map_err(|_| ErrorKind::DamagedStore)?, created)))
    }

    /// Forgets signed pre-keys that were replaced before `before`.
    pub(crate) fn delete_old_signed_pre_keys(&self, version: Version, before: i64) -> Result<()> {
        self.sql().execute(
            "DELETE FROM signed_pre_key WHERE version = ?1 AND created < ?2
               AND id != (SELECT id FROM signed_pre_key WHERE version = ?1 ORDER BY created DESC, id DESC LIMIT 1)",
            params![number(version), before],
        )?;
        Ok(())
    }
}
