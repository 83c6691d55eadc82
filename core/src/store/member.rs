//! Who belongs to a room, whether they get what is said there, and what devices said of them.

use super::{Touched, Tx};
use crate::error::Result;
use crate::model::Admission;
use rusqlite::{OptionalExtension, Row, params};

/// Words on members that are kept; the oldest go first.
const WORDS: i64 = 2_000;

/// Somebody who belongs to a room.
#[derive(Clone, PartialEq)]
pub(crate) struct MemberRow {
    pub jid: String,
    /// `owner`, `admin` or `member`.
    pub affiliation: String,
    pub admission: Admission,
    /// Since when they are admitted.
    pub since: i64,
    /// When an alarm is due; 1: as soon as it can be raised; 0: none is.
    pub due: i64,
    /// On no list that came so far, while others are still to come.
    pub missing: bool,
}

const COLUMNS: &str = "jid, affiliation, admission, since, due, missing";

fn member(row: &Row) -> rusqlite::Result<MemberRow> {
    Ok(MemberRow {
        jid: row.get(0)?,
        affiliation: row.get(1)?,
        admission: Admission::from_number(row.get(2)?).unwrap_or(Admission::Waiting),
        since: row.get(3)?,
        due: row.get(4)?,
        missing: row.get(5)?,
    })
}

impl MemberRow {
    /// A member to whom nothing stands in the way.
    pub(crate) fn admitted(jid: &str, affiliation: &str, since: i64) -> Self {
        MemberRow {
            jid: jid.to_owned(),
            affiliation: affiliation.to_owned(),
            admission: Admission::Admitted,
            since,
            due: 0,
            missing: false,
        }
    }
}

impl Tx<'_> {
    /// Owners, admins and members of the room, by address.
    pub(crate) fn members(&self, room: &str) -> Result<Vec<MemberRow>> {
        let sql = format!("SELECT {COLUMNS} FROM member WHERE room = ? ORDER BY jid");
        let mut rows = self.sql().prepare_cached(&sql)?;
        let rows = rows.query_map([room], member)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What somebody is to a room, if they belong to it.
    pub(crate) fn member(&self, room: &str, jid: &str) -> Result<Option<MemberRow>> {
        let sql = format!("SELECT {COLUMNS} FROM member WHERE room = ? AND jid = ?");
        Ok(self.sql().prepare_cached(&sql)?.query_row([room, jid], member).optional()?)
    }

    /// Somebody belongs to the room like this.
    pub(crate) fn put_member(&self, room: &str, row: &MemberRow) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO member (room, jid, affiliation, keyless, admission, since, due, missing)
                 VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7)
                 ON CONFLICT (room, jid) DO UPDATE SET affiliation = ?3, admission = ?4, since = ?5, due = ?6, missing = ?7",
            )?
            .execute(params![
                room,
                row.jid,
                row.affiliation,
                row.admission as i64,
                row.since,
                row.due,
                row.missing
            ])?;
        self.touch(Touched::Rooms);
        Ok(())
    }

    /// Somebody belongs to the room no more, and what was said of them is over. True if they did.
    pub(crate) fn drop_member(&self, room: &str, jid: &str) -> Result<bool> {
        let gone = self.sql().prepare_cached("DELETE FROM member WHERE room = ? AND jid = ?")?.execute([room, jid])?;
        self.touch(Touched::Rooms);
        Ok(gone > 0)
    }

    /// Nobody is known to belong to the room.
    pub(crate) fn clear_members(&self, room: &str) -> Result<()> {
        for sql in ["DELETE FROM member WHERE room = ?", "DELETE FROM member_word WHERE room = ?"] {
            self.sql().prepare_cached(sql)?.execute([room])?;
        }
        self.touch(Touched::Rooms);
        Ok(())
    }

    /// How many belong to the room; of those that stand like this, if given.
    pub(crate) fn members_in(&self, room: &str, admission: Option<Admission>) -> Result<i64> {
        let mut row = self
            .sql()
            .prepare_cached("SELECT count(*) FROM member WHERE room = ?1 AND (?2 IS NULL OR admission = ?2)")?;
        Ok(row.query_row(params![room, admission.map(|admission| admission as i64)], |row| row.get(0))?)
    }

    /// Members of whom an alarm is due, now or later: of which room, and who.
    pub(crate) fn members_due(&self) -> Result<Vec<(String, MemberRow)>> {
        let sql = format!("SELECT {COLUMNS}, room FROM member WHERE due != 0 ORDER BY room, jid");
        let mut rows = self.sql().prepare_cached(&sql)?;
        let rows = rows.query_map([], |row| Ok((row.get(6)?, member(row)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// When the next alarm is due that waits for nothing but time.
    pub(crate) fn next_member_due(&self) -> Result<Option<i64>> {
        let mut row = self.sql().prepare_cached("SELECT min(due) FROM member WHERE due != 0 AND due > 1")?;
        Ok(row.query_row([], |row| row.get(0))?)
    }

    /// Whether a device of another one who is admitted counts, so that it may speak for somebody.
    pub(crate) fn any_speaker(&self, room: &str, device: u32) -> Result<bool> {
        let mut rows = self.sql().prepare_cached(
            "SELECT 1 FROM member m JOIN device d ON d.jid = m.jid WHERE m.room = ?1 AND m.admission = 1 AND d.trust IN (2, 3)
               AND (d.listed2 OR d.listed03) AND NOT (d.device = ?2 AND d.jid IN (SELECT jid FROM account))",
        )?;
        Ok(rows.exists(params![room, device])?)
    }

    /// Keeps what a device said of somebody: that they were asked into the room.
    pub(crate) fn put_member_word(&self, room: &str, jid: &str, speaker: &str, identity: &[u8; 32]) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO member_word (room, jid, speaker, identity) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )?
            .execute(params![room, jid, speaker, identity])?;
        self.sql()
            .prepare_cached("DELETE FROM member_word WHERE id <= (SELECT max(id) FROM member_word) - ?")?
            .execute([WORDS])?;
        self.touch(Touched::Rooms);
        Ok(())
    }

    /// Who said that somebody was asked into the room: whose devices with which keys.
    pub(crate) fn member_words(&self, room: &str, jid: &str) -> Result<Vec<(String, [u8; 32])>> {
        let mut rows = self
            .sql()
            .prepare_cached("SELECT speaker, identity FROM member_word WHERE room = ? AND jid = ? ORDER BY id")?;
        let rows = rows.query_map([room, jid], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Of whom a device with this key said that they were asked into a room: room and member.
    pub(crate) fn words_on_members(&self, speaker: &str, identity: &[u8; 32]) -> Result<Vec<(String, String)>> {
        let mut rows = self
            .sql()
            .prepare_cached("SELECT room, jid FROM member_word WHERE speaker = ? AND identity = ? ORDER BY id")?;
        let rows = rows.query_map(params![speaker, identity], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What was said of somebody counted, or means nothing any more.
    pub(crate) fn drop_member_words(&self, room: &str, jid: &str) -> Result<()> {
        self.sql().prepare_cached("DELETE FROM member_word WHERE room = ? AND jid = ?")?.execute([room, jid])?;
        Ok(())
    }

    /// What somebody is in a room; none if they do not belong to it.
    pub(crate) fn affiliation(&self, room: &str, jid: &str) -> Result<Option<String>> {
        Ok(self.member(room, jid)?.map(|row| row.affiliation))
    }

    /// Whether somebody belongs to any room of ours.
    pub(crate) fn is_member_anywhere(&self, jid: &str) -> Result<bool> {
        Ok(self.sql().prepare_cached("SELECT 1 FROM member WHERE jid = ?")?.exists([jid])?)
    }

    /// Remembers what the room calls a member for good.
    pub(crate) fn set_occupant_id(&self, room: &str, jid: &str, id: &str) -> Result<()> {
        self.sql()
            .prepare_cached("UPDATE member SET occupant = ?3 WHERE room = ?1 AND jid = ?2 AND occupant IS NOT ?3")?
            .execute([room, jid, id])?;
        Ok(())
    }

    /// Whom the room calls this for good; none if it called several so.
    pub(crate) fn member_by_occupant_id(&self, room: &str, id: &str) -> Result<Option<String>> {
        let mut rows = self.sql().prepare_cached("SELECT jid FROM member WHERE room = ? AND occupant = ? LIMIT 2")?;
        let rows = rows.query_map([room, id], |row| row.get::<_, String>(0))?;
        let mut jids: Vec<String> = rows.collect::<rusqlite::Result<_>>()?;
        Ok(if jids.len() == 1 { jids.pop() } else { None })
    }

    /// The members of the room that have a device of this number: usually one or none.
    pub(crate) fn members_with_device(&self, room: &str, device: u32) -> Result<Vec<String>> {
        let mut rows = self.sql().prepare_cached(
            "SELECT m.jid FROM member m JOIN device d ON d.jid = m.jid AND d.device = ?2 WHERE m.room = ?1 LIMIT 2",
        )?;
        let rows = rows.query_map(params![room, device], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Looks which members list no device, so that nothing can be sealed for them; tells who came to that or from it. Who is
    /// not admitted is none of them.
    pub(crate) fn look_for_keyless(&self, room: &str) -> Result<()> {
        let mut rows = self.sql().prepare_cached(
            "UPDATE member SET keyless = 1 - keyless WHERE room = ? AND jid != (SELECT a.jid FROM account a) AND admission = 1
               AND keyless = EXISTS (SELECT 1 FROM device d WHERE d.jid = member.jid AND (d.listed2 OR d.listed03))
             RETURNING jid, keyless",
        )?;
        let rows = rows.query_map([room], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))?;
        for row in rows.collect::<rusqlite::Result<Vec<_>>>()? {
            self.tell_member(room, &row.0, if row.1 { "keyless" } else { "reachable" })?;
        }
        Ok(())
    }
}
