//! Rooms: how we stand to each, who is in it and who belongs to it.

use super::{Touched, Tx};
use crate::error::Result;
use crate::model::{Delivery, RoomState};
use rusqlite::{OptionalExtension, Row, params};

/// A room as stored.
#[derive(Clone, PartialEq)]
pub(crate) struct RoomRow {
    pub jid: String,
    pub nick: String,
    pub wanted: bool,
    pub state: RoomState,
    pub reason: Option<String>,
    pub stream: i64,
    pub making: i64,
    pub asked: bool,
    pub flaws: String,
    pub accepted: String,
    pub archive: bool,
    pub named: bool,
    pub since: i64,
    pub inviter: Option<String>,
    pub bookmarked: bool,
    pub met: bool,
    pub resumed: i64,
}

const COLUMNS: &str = "jid, nick, wanted, state, reason, stream, making, asked, flaws, accepted, archive, named, since, inviter, bookmarked, met, resumed";

fn room(row: &Row) -> rusqlite::Result<RoomRow> {
    Ok(RoomRow {
        jid: row.get(0)?,
        nick: row.get(1)?,
        wanted: row.get(2)?,
        state: RoomState::from_number(row.get(3)?).unwrap_or(RoomState::Left),
        reason: row.get(4)?,
        stream: row.get(5)?,
        making: row.get(6)?,
        asked: row.get(7)?,
        flaws: row.get(8)?,
        accepted: row.get(9)?,
        archive: row.get(10)?,
        named: row.get(11)?,
        since: row.get(12)?,
        inviter: row.get(13)?,
        bookmarked: row.get(14)?,
        met: row.get(15)?,
        resumed: row.get(16)?,
    })
}

impl RoomRow {
    /// A room that nothing is known of yet.
    pub(crate) fn unknown(jid: &str, nick: &str) -> Self {
        RoomRow {
            jid: jid.to_owned(),
            nick: nick.to_owned(),
            wanted: false,
            state: RoomState::Left,
            reason: None,
            stream: 0,
            making: 0,
            asked: false,
            flaws: String::new(),
            accepted: String::new(),
            archive: false,
            named: false,
            since: 0,
            inviter: None,
            bookmarked: false,
            met: false,
            resumed: 0,
        }
    }

    /// Whether anybody may come in.
    pub(crate) fn is_open(&self) -> bool {
        self.flaws.split(' ').any(|flaw| flaw == "open")
    }

    /// What its configuration lacks of a private room and nobody agreed to.
    pub(crate) fn open_flaws(&self) -> Vec<&str> {
        let accepted: Vec<&str> = self.accepted.split(' ').collect();
        self.flaws.split(' ').filter(|flaw| !flaw.is_empty() && !accepted.contains(flaw)).collect()
    }
}

/// Somebody in a room.
#[derive(Clone, PartialEq)]
pub(crate) struct OccupantRow {
    pub nick: String,
    pub jid: Option<String>,
    pub resources: String,
    pub affiliation: String,
}

/// A sealed message that its room has not sent back yet.
pub(crate) struct Unreflected {
    pub message: i64,
    pub bytes: Vec<u8>,
    pub devices: String,
}

impl Tx<'_> {
    /// How we stand to this room, if we ever did.
    pub(crate) fn room(&self, jid: &str) -> Result<Option<RoomRow>> {
        let sql = format!("SELECT {COLUMNS} FROM room WHERE jid = ?");
        Ok(self.sql().prepare_cached(&sql)?.query_row([jid], room).optional()?)
    }

    /// All rooms.
    pub(crate) fn rooms(&self) -> Result<Vec<RoomRow>> {
        let sql = format!("SELECT {COLUMNS} FROM room ORDER BY jid");
        let mut rows = self.sql().prepare_cached(&sql)?;
        let rows = rows.query_map([], room)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether this is a room: one that we are in, were in, or are on the way into. What refused us before we ever were inside is
    /// none: its row only says why. Neither is what somebody invites us to: it could be anybody's address.
    pub(crate) fn is_room(&self, jid: &str) -> Result<bool> {
        let open = self
            .sql()
            .prepare_cached(
                "SELECT 1 FROM room WHERE jid = ? AND (wanted = 1 OR bookmarked = 1 OR state NOT IN (?, ?))",
            )?
            .exists(params![jid, RoomState::Refused as i64, RoomState::Invited as i64])?;
        Ok(open || (self.room(jid)?.is_some() && self.was_inside(jid)?))
    }

    /// Whether we ever were inside: an archive is kept account of from then on. Our own is no room's.
    pub(crate) fn was_inside(&self, jid: &str) -> Result<bool> {
        let mut row = self.sql().prepare_cached(
            "SELECT 1 FROM archive WHERE jid = ?1 AND NOT EXISTS (SELECT 1 FROM account WHERE account.jid = ?1)",
        )?;
        Ok(row.exists([jid])?)
    }

    /// Whether this is a chat with somebody: more is in it than what we said in vain, or a person decided something for it.
    pub(crate) fn is_talk(&self, jid: &str) -> Result<bool> {
        let mut row = self.sql().prepare_cached(
            "SELECT 1 FROM chat c WHERE c.jid = ?1 AND (c.plain_allowed = 1 OR c.extras_allowed = 1
               OR EXISTS (SELECT 1 FROM message m WHERE m.chat = ?1 AND NOT (m.own = 1 AND m.state IS ?2)))",
        )?;
        Ok(row.exists(params![jid, Delivery::Failed as i64])?)
    }

    /// What waits to be said in a room that is none fails, and a chat without a word goes.
    pub(crate) fn close_chat(&self, jid: &str, reason: &str) -> Result<()> {
        for message in self.waiting_messages()?.iter().filter(|message| message.chat == jid) {
            self.climb(message.id, Delivery::Failed, Some(reason))?;
        }
        self.sql()
            .prepare_cached("DELETE FROM chat WHERE jid = ?1 AND NOT EXISTS (SELECT 1 FROM message WHERE chat = ?1)")?
            .execute([jid])?;
        self.touch(Touched::Chats);
        Ok(())
    }

    /// Forgets how we stood to a room that we never were inside of.
    pub(crate) fn forget_room(&self, jid: &str) -> Result<()> {
        for sql in [
            "DELETE FROM occupant WHERE room = ?",
            "DELETE FROM member WHERE room = ?",
            "DELETE FROM member_word WHERE room = ?",
            "DELETE FROM room WHERE jid = ?",
        ] {
            self.sql().prepare_cached(sql)?.execute([jid])?;
        }
        self.touch(Touched::Rooms);
        self.touch(Touched::Chats);
        Ok(())
    }

    /// Writes a room down, new or changed; tells it where a person would see another state.
    pub(crate) fn put_room(&self, row: &RoomRow) -> Result<()> {
        let before = self.room(&row.jid)?;
        if before.as_ref() == Some(row) {
            return Ok(());
        }
        self.sql()
            .prepare_cached(
                "INSERT INTO room (jid, nick, wanted, state, reason, stream, making, asked, flaws, accepted, archive, named, since, inviter, bookmarked, met, resumed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
                 ON CONFLICT (jid) DO UPDATE SET nick = ?2, wanted = ?3, state = ?4, reason = ?5, stream = ?6, making = ?7, asked = ?8,
                   flaws = ?9, accepted = ?10, archive = ?11, named = ?12, since = ?13, inviter = ?14, bookmarked = ?15, met = ?16, resumed = ?17",
            )?
            .execute(params![
                row.jid, row.nick, row.wanted, row.state as i64, row.reason, row.stream, row.making, row.asked, row.flaws,
                row.accepted, row.archive, row.named, row.since, row.inviter, row.bookmarked, row.met, row.resumed
            ])?;
        self.ensure_chat(&row.jid)?;
        self.touch(Touched::Rooms);
        self.touch(Touched::Chats);
        let seen = |row: &RoomRow| (row.state, row.reason.clone(), row.flaws.clone());
        if before.as_ref().map(seen) == Some(seen(row)) {
            return Ok(());
        }
        let flaws: Vec<&str> = row.flaws.split(' ').filter(|flaw| !flaw.is_empty()).collect();
        let data = serde_json::json!({
            "state": row.state.code(), "reason": row.reason, "flaws": flaws, "inviter": row.inviter,
        });
        self.event("room", None, Some(&row.jid), None, &data.to_string())
    }

    /// Tells what became of somebody in a room.
    pub(crate) fn tell_member(&self, room: &str, jid: &str, change: &str) -> Result<()> {
        let data = serde_json::json!({ "jid": jid, "change": change });
        self.touch(Touched::Rooms);
        self.event("room_member", None, Some(room), None, &data.to_string())
    }

    /// Forgets who is in the room.
    pub(crate) fn clear_occupants(&self, room: &str) -> Result<()> {
        self.sql().prepare_cached("DELETE FROM occupant WHERE room = ?")?.execute([room])?;
        Ok(())
    }

    /// Who bears this nick.
    pub(crate) fn occupant(&self, room: &str, nick: &str) -> Result<Option<OccupantRow>> {
        let mut rows = self
            .sql()
            .prepare_cached("SELECT nick, jid, resources, affiliation FROM occupant WHERE room = ? AND nick = ?")?;
        let occupant = |row: &Row| {
            Ok(OccupantRow { nick: row.get(0)?, jid: row.get(1)?, resources: row.get(2)?, affiliation: row.get(3)? })
        };
        Ok(rows.query_row([room, nick], occupant).optional()?)
    }

    /// Writes an occupant down.
    pub(crate) fn put_occupant(&self, room: &str, row: &OccupantRow) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO occupant (room, nick, jid, resources, affiliation) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (room, nick) DO UPDATE SET jid = ?3, resources = ?4, affiliation = ?5",
            )?
            .execute(params![room, row.nick, row.jid, row.resources, row.affiliation])?;
        self.touch(Touched::Rooms);
        Ok(())
    }

    /// An occupant left.
    pub(crate) fn drop_occupant(&self, room: &str, nick: &str) -> Result<()> {
        self.sql().prepare_cached("DELETE FROM occupant WHERE room = ? AND nick = ?")?.execute([room, nick])?;
        self.touch(Touched::Rooms);
        Ok(())
    }

    /// How many nicks are in the room.
    pub(crate) fn occupants(&self, room: &str) -> Result<i64> {
        let mut rows = self.sql().prepare_cached("SELECT count(*) FROM occupant WHERE room = ?")?;
        Ok(rows.query_row([room], |row| row.get(0))?)
    }

    /// The people in the room whose addresses it shows.
    pub(crate) fn occupant_jids(&self, room: &str) -> Result<Vec<String>> {
        let mut rows = self
            .sql()
            .prepare_cached("SELECT DISTINCT jid FROM occupant WHERE room = ? AND jid IS NOT NULL ORDER BY jid")?;
        let rows = rows.query_map([room], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Keeps the bytes of a message until its room sends it back.
    pub(crate) fn keep_unreflected(&self, message: i64, room: &str, bytes: &[u8], devices: &str) -> Result<()> {
        self.sql()
            .prepare_cached(
                "INSERT INTO unreflected (message, room, bytes, devices, joined) VALUES (?1, ?2, ?3, ?4, 1)
                 ON CONFLICT (message) DO UPDATE SET bytes = ?3, devices = ?4, joined = 1",
            )?
            .execute(params![message, room, bytes, devices])?;
        Ok(())
    }

    /// The room sent this message back, or it will never.
    pub(crate) fn drop_unreflected(&self, message: i64) -> Result<()> {
        self.sql().prepare_cached("DELETE FROM unreflected WHERE message = ?")?.execute([message])?;
        Ok(())
    }

    /// We are not inside any more: what the room has not sent back is open.
    pub(crate) fn doubt_unreflected(&self, room: &str) -> Result<()> {
        self.sql().prepare_cached("UPDATE unreflected SET joined = 0 WHERE room = ?")?.execute([room])?;
        Ok(())
    }

    /// Messages handed over before we came in again, oldest first: from now on they count as handed over again.
    pub(crate) fn take_doubted(&self, room: &str) -> Result<Vec<Unreflected>> {
        let mut rows = self.sql().prepare_cached(
            "UPDATE unreflected SET joined = 1 WHERE room = ? AND joined = 0 RETURNING message, bytes, devices",
        )?;
        let rows = rows.query_map([room], |row| {
            Ok(Unreflected { message: row.get(0)?, bytes: row.get(1)?, devices: row.get(2)? })
        })?;
        let mut rows: Vec<Unreflected> = rows.collect::<rusqlite::Result<_>>()?;
        rows.sort_by_key(|row| row.message);
        Ok(rows)
    }

    /// Whether a message was kept until its room sends it back.
    pub(crate) fn is_unreflected(&self, message: i64) -> Result<bool> {
        Ok(self.sql().prepare_cached("SELECT 1 FROM unreflected WHERE message = ?")?.exists([message])?)
    }
}
