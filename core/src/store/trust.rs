//! First contact, words on keys, alarms, and the record of our own device list.

use super::{Touched, Tx};
use crate::error::Result;
use crate::model::Trust;
use dunnock_omemo::{IdentityKey, Version};
use rusqlite::{OptionalExtension, Row, params};

/// Words kept of devices that do not count; the oldest go first.
const HEARSAY: i64 = 2_000;
/// Words kept on keys that no device has shown; the oldest go first.
const UNSEEN: i64 = 2_000;
/// Alarms kept; the oldest go first.
const ALARMS: i64 = 1_000;

/// What was said of a key, and by whom that counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Word {
    pub trust: Trust,
    /// When, by the speaker's clock, in milliseconds.
    pub said: i64,
}

/// A word of a device that did not count when it came.
pub(crate) struct Hearsay {
    pub jid: String,
    pub key: [u8; 32],
    pub trusts: bool,
    pub said: i64,
}

/// An alarm as stored.
#[derive(Clone)]
pub(crate) struct AlarmRow {
    pub id: i64,
    pub what: String,
    pub jid: String,
    pub device: Option<u32>,
    pub fingerprint: String,
    pub answered: bool,
    pub room: Option<String>,
}

/// What a device said of its owner's list, and what we had.
#[derive(Clone)]
pub(crate) struct OtherView {
    pub jid: String,
    pub device: u32,
    pub hash: [u8; 32],
    pub ours: [u8; 32],
    pub archived: bool,
    pub since: i64,
}

fn alarm(row: &Row) -> rusqlite::Result<AlarmRow> {
    Ok(AlarmRow {
        id: row.get(0)?,
        what: row.get(1)?,
        jid: row.get(2)?,
        device: row.get(3)?,
        fingerprint: row.get(4)?,
        answered: row.get(5)?,
        room: row.get(6)?,
    })
}

impl Tx<'_> {
    /// Whether the first contact with this person is over.
    pub(crate) fn is_acquainted(&self, jid: &str) -> Result<bool> {
        Ok(self.sql().prepare_cached("SELECT 1 FROM acquaintance WHERE jid = ?")?.exists([jid])?)
    }

    /// The first contact with this person is over.
    pub(crate) fn acquaint(&self, jid: &str, now: i64) -> Result<()> {
        self.sql()
            .prepare_cached("INSERT INTO acquaintance (jid, since) VALUES (?, ?) ON CONFLICT DO NOTHING")?
            .execute(params![jid, now])?;
        Ok(())
    }

    /// What was said of the key with these forms.
    pub(crate) fn word(&self, jid: &str, montgomery: &[u8; 32], signing: Option<&[u8; 32]>) -> Result<Option<Word>> {
        let mut rows = self.sql().prepare_cached(
            "SELECT trust, said FROM word WHERE jid = ?1 AND (key = ?2 OR key = ?3 OR other = ?2) ORDER BY said DESC LIMIT 1",
        )?;
        let word = rows.query_row(params![jid, montgomery, signing], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)));
        Ok(word.optional()?.and_then(|(trust, said)| Some(Word { trust: Trust::from_number(trust)?, said })))
    }

    /// What was said of this key, in whichever form it was named.
    pub(crate) fn word_on(&self, jid: &str, key: &[u8; 32]) -> Result<Option<Word>> {
        let other = IdentityKey::from_ed25519(key).ok().map(|key| key.montgomery());
        match self.word(jid, key, Some(key))? {
            Some(word) => Ok(Some(word)),
            None => other.map_or(Ok(None), |other| self.word(jid, &other, None)),
        }
    }

    /// Who has a device whose key a person compared, or one that counts spoke for.
    pub(crate) fn owners_that_count(&self) -> Result<Vec<String>> {
        let mut rows =
            self.sql().prepare_cached("SELECT DISTINCT jid FROM device WHERE trust IN (2, 3) ORDER BY jid")?;
        let rows = rows.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Since when the one of a contact's devices is in quarantine that is it longest.
    pub(crate) fn oldest_in_quarantine(&self) -> Result<Option<i64>> {
        let mut row = self.sql().prepare_cached(
            "SELECT min(since) FROM device WHERE trust = 0 AND (listed03 = 1 OR listed2 = 1) AND identity IS NOT NULL
               AND since != 0 AND jid NOT IN (SELECT jid FROM account)",
        )?;
        Ok(row.query_row([], |row| row.get(0))?)
    }

    /// Writes down what was said of a key; it takes the place of what was said before.
    pub(crate) fn put_word(&self, jid: &str, key: &[u8; 32], word: Word) -> Result<()> {
        let other = IdentityKey::from_ed25519(key).ok().map(|key| key.montgomery());
        self.sql()
            .prepare_cached("DELETE FROM word WHERE jid = ?1 AND (key = ?2 OR key = ?3 OR other = ?2)")?
            .execute(params![jid, key, other])?;
        self.sql()
            .prepare_cached("INSERT INTO word (jid, key, other, trust, said) VALUES (?, ?, ?, ?, ?)")?
            .execute(params![jid, key, other, word.trust as i64, word.said])?;
        self.sql()
            .prepare_cached(
                "DELETE FROM word WHERE trust = 2 AND rowid <= (SELECT max(rowid) FROM word) - ?
                   AND NOT EXISTS (SELECT 1 FROM device d WHERE d.jid = word.jid
                     AND (d.identity IN (word.key, word.other) OR d.signing = word.key))",
            )?
            .execute([UNSEEN])?;
        Ok(())
    }

    /// Whether somebody spoke for a key of this person that no device of theirs has shown yet.
    pub(crate) fn any_unseen_word(&self, jid: &str) -> Result<bool> {
        let mut rows = self.sql().prepare_cached(
            "SELECT 1 FROM word w WHERE w.jid = ? AND w.trust != 4 AND NOT EXISTS (SELECT 1 FROM device d
               WHERE d.jid = w.jid AND (d.identity = w.key OR d.identity = w.other OR d.signing = w.key))",
        )?;
        Ok(rows.exists([jid])?)
    }

    /// Keeps a word of a device that does not count yet.
    pub(crate) fn put_hearsay(&self, sender: &str, identity: &[u8; 32], said: &Hearsay) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO hearsay (sender, identity, jid, key, trusts, said) VALUES (?, ?, ?, ?, ?, ?)
                 ON CONFLICT (sender, identity, jid, key) DO UPDATE SET trusts = excluded.trusts, said = excluded.said
                   WHERE excluded.said >= said",
            )?
            .execute(params![sender, identity, said.jid, said.key, said.trusts, said.said])?;
        self.sql()
            .prepare_cached("DELETE FROM hearsay WHERE id <= (SELECT max(id) FROM hearsay) - ?")?
            .execute([HEARSAY])?;
        Ok(())
    }

    /// Takes what a device said before it counted, in the order of its coming.
    pub(crate) fn take_hearsay(&self, sender: &str, identity: &[u8; 32]) -> Result<Vec<Hearsay>> {
        let mut rows = self.sql().prepare_cached(
            "SELECT jid, key, trusts, said FROM hearsay WHERE sender = ? AND identity = ? ORDER BY said, id",
        )?;
        let rows = rows.query_map(params![sender, identity], |row| {
            Ok(Hearsay { jid: row.get(0)?, key: row.get(1)?, trusts: row.get(2)?, said: row.get(3)? })
        })?;
        let said = rows.collect::<rusqlite::Result<_>>()?;
        self.sql()
            .prepare_cached("DELETE FROM hearsay WHERE sender = ? AND identity = ?")?
            .execute(params![sender, identity])?;
        Ok(said)
    }

    /// Raises an alarm and tells it; one that is open already is not raised again. Its id if it is a new one.
    pub(crate) fn raise_alarm(
        &self,
        what: &str,
        jid: &str,
        (device, room): (Option<u32>, Option<&str>),
        fingerprint: &str,
        now: i64,
    ) -> Result<Option<i64>> {
        let open = "SELECT 1 FROM alarm WHERE answer IS NULL AND jid = ? AND what = ? AND device IS ? AND room IS ?
                      AND fingerprint = ?";
        if self.sql().prepare_cached(open)?.exists(params![jid, what, device, room, fingerprint])? {
            return Ok(None);
        }
        self.sql()
            .prepare_cached(
                "INSERT INTO alarm (what, jid, device, room, fingerprint, raised) VALUES (?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![what, jid, device, room, fingerprint, now])?;
        let id = self.sql().last_insert_rowid();
        self.sql().prepare_cached("DELETE FROM alarm WHERE id <= ?")?.execute([id - ALARMS])?;
        let data =
            serde_json::json!({ "alarm": id.to_string(), "what": what, "fingerprint": fingerprint, "room": room });
        self.touch(Touched::Devices(jid.to_owned()));
        self.event("alarm", None, Some(jid), device, &data.to_string())?;
        Ok(Some(id))
    }

    /// An alarm by its id.
    pub(crate) fn alarm(&self, id: i64) -> Result<Option<AlarmRow>> {
        let sql = "SELECT id, what, jid, device, fingerprint, answer IS NOT NULL, room FROM alarm WHERE id = ?";
        Ok(self.sql().prepare_cached(sql)?.query_row([id], alarm).optional()?)
    }

    /// A person answered an alarm.
    pub(crate) fn answer_alarm(&self, id: i64, answer: &str) -> Result<()> {
        self.sql().prepare_cached("UPDATE alarm SET answer = ? WHERE id = ?")?.execute(params![answer, id])?;
        Ok(())
    }

    /// The key of a device is known now that open alarms are about.
    pub(crate) fn name_alarms(&self, jid: &str, device: u32, fingerprint: &str) -> Result<()> {
        self.sql()
            .prepare_cached(
                "UPDATE alarm SET fingerprint = ? WHERE answer IS NULL AND fingerprint = '' AND jid = ? AND device = ?",
            )?
            .execute(params![fingerprint, jid, device])?;
        Ok(())
    }

    /// What open alarms say of a device is answered by what became of it.
    pub(crate) fn settle_alarms(&self, jid: &str, device: Option<u32>, answer: &str) -> Result<()> {
        let changed = self
            .sql()
            .prepare_cached("UPDATE alarm SET answer = ? WHERE answer IS NULL AND jid = ? AND device IS ?")?
            .execute(params![answer, jid, device])?;
        if changed > 0 {
            self.touch(Touched::Devices(jid.to_owned()));
        }
        Ok(())
    }

    /// How many alarms about members of this room are open.
    pub(crate) fn open_alarms_of_room(&self, room: &str) -> Result<usize> {
        let mut row = self
            .sql()
            .prepare_cached("SELECT count(*) FROM alarm WHERE answer IS NULL AND what = 'room_member' AND room = ?")?;
        Ok(row.query_row([room], |row| row.get::<_, i64>(0))? as usize)
    }

    /// What open alarms say of a member of a room is answered by what became of them.
    pub(crate) fn settle_alarms_of_member(&self, room: &str, jid: &str, answer: &str) -> Result<()> {
        let changed = self
            .sql()
            .prepare_cached("UPDATE alarm SET answer = ?3 WHERE answer IS NULL AND room = ?1 AND jid = ?2")?
            .execute([room, jid, answer])?;
        if changed > 0 {
            self.touch(Touched::Devices(jid.to_owned()));
        }
        Ok(())
    }

    /// What a device wrote before anything was known of it counts as what it turned out to be.
    pub(crate) fn raise_trust_of_messages(&self, row: &super::device::DeviceRow) -> Result<()> {
        let Some(identity) = row.identity else { return Ok(()) };
        let chats: Vec<String> = {
            let mut chats = self.sql().prepare_cached(
                "UPDATE message SET trust = ?1 WHERE sender = ?2 AND device = ?3 AND identity = ?4 AND trust = 0
                   AND NOT EXISTS (SELECT 1 FROM member m WHERE m.room = message.chat AND m.jid = ?2 AND m.admission != 1)
                   RETURNING chat",
            )?;
            let chats = chats.query_map(params![row.trust as i64, row.jid, row.device, identity], |row| row.get(0))?;
            chats.collect::<rusqlite::Result<_>>()?
        };
        for chat in chats {
            self.touch(Touched::Timeline(chat));
        }
        Ok(())
    }

    /// Whether the last row of a chat is one of this sender's that cannot be read for this reason.
    pub(crate) fn is_last_of(&self, chat: &str, sender: &str, reason: &str) -> Result<bool> {
        let last = self
            .sql()
            .prepare_cached("SELECT sender, reason FROM message WHERE chat = ? ORDER BY position DESC LIMIT 1")?
            .query_row([chat], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)))
            .optional()?;
        Ok(last.is_some_and(|(who, why)| who == sender && why.as_deref() == Some(reason)))
    }

    /// The kinds and devices of all alarms so far, oldest first.
    #[cfg(test)]
    pub(crate) fn alarms(&self) -> Vec<(String, Option<u32>)> {
        let mut rows = self.sql().prepare("SELECT what, device FROM alarm ORDER BY id").expect("alarms read");
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("alarms read");
        rows.map(|row| row.expect("an alarm reads")).collect()
    }

    /// Records something that happened to the list of our own devices.
    pub(crate) fn record_own(
        &self,
        change: &str,
        version: Option<Version>,
        device: Option<u32>,
        fingerprint: &str,
        now: i64,
    ) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO own_device_event (time, change, version, device, fingerprint) VALUES (?, ?, ?, ?, ?)",
            )?
            .execute(params![now, change, version.map(super::device::number), device, fingerprint])?;
        Ok(())
    }

    /// How often something happened to that list since then.
    pub(crate) fn own_events_since(&self, since: i64) -> Result<i64> {
        let mut row = self.sql().prepare_cached(
            "SELECT count(*) FROM (SELECT time FROM own_device_event ORDER BY id DESC LIMIT 1000) WHERE time >= ?",
        )?;
        Ok(row.query_row([since], |row| row.get(0))?)
    }

    /// This chat was told this hash of our own lists.
    pub(crate) fn told_list(&self, chat: &str, hash: &[u8; 32], now: i64) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO told_list (chat, hash, told) VALUES (?, ?, ?)
                 ON CONFLICT (chat) DO UPDATE SET hash = excluded.hash, told = excluded.told",
            )?
            .execute(params![chat, hash, now])?;
        Ok(())
    }

    /// Chats that were told another hash since `since`.
    pub(crate) fn told_otherwise(&self, hash: &[u8; 32], since: i64) -> Result<Vec<String>> {
        let mut rows =
            self.sql().prepare_cached("SELECT chat FROM told_list WHERE hash != ? AND told > ? ORDER BY chat")?;
        let rows = rows.query_map(params![hash, since], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// A device sees another list than we do; what it said before is forgotten.
    pub(crate) fn put_other_view(&self, view: &OtherView) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO other_view (jid, device, hash, ours, archived, since) VALUES (?, ?, ?, ?, ?, ?)
                 ON CONFLICT (jid, device) DO UPDATE SET hash = excluded.hash, ours = excluded.ours,
                   archived = excluded.archived,
                   since = iif(excluded.archived = 1 AND excluded.since = 0, 0, max(since, excluded.since))",
            )?
            .execute(params![view.jid, view.device, view.hash, view.ours, view.archived, view.since])?;
        Ok(())
    }

    /// All that see another list than we do.
    pub(crate) fn other_views(&self) -> Result<Vec<OtherView>> {
        let mut rows = self
            .sql()
            .prepare_cached("SELECT jid, device, hash, ours, archived, since FROM other_view ORDER BY jid, device")?;
        let rows = rows.query_map([], |row| {
            Ok(OtherView {
                jid: row.get(0)?,
                device: row.get(1)?,
                hash: row.get(2)?,
                ours: row.get(3)?,
                archived: row.get(4)?,
                since: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// All of them are to be looked at once more.
    pub(crate) fn judge_views_anew(&self) -> Result<()> {
        self.sql().prepare_cached("UPDATE other_view SET since = 0")?.execute([])?;
        Ok(())
    }

    /// It sees what we see.
    pub(crate) fn drop_other_view(&self, jid: &str, device: u32) -> Result<()> {
        self.sql()
            .prepare_cached("DELETE FROM other_view WHERE jid = ? AND device = ?")?
            .execute(params![jid, device])?;
        Ok(())
    }

    /// Since when the one that is looked at longest sees another list.
    pub(crate) fn oldest_other_view(&self) -> Result<Option<i64>> {
        let mut row = self.sql().prepare_cached("SELECT min(since) FROM other_view WHERE since != 0")?;
        Ok(row.query_row([], |row| row.get(0))?)
    }

    /// After how many days a device in quarantine ages in; 0 never.
    pub(crate) fn trust_days(&self) -> Result<u32> {
        Ok(self.sql().prepare_cached("SELECT trust_days FROM account")?.query_row([], |row| row.get(0))?)
    }

    /// Changes that.
    pub(crate) fn set_trust_days(&self, days: u32) -> Result<()> {
        self.sql().prepare_cached("UPDATE account SET trust_days = ?")?.execute([days])?;
        Ok(())
    }
}
