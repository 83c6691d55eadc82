//! The rooms, and who belongs to one.

use super::WINDOW;
use crate::error::Result;
use crate::model::{Admission, Member, Room, RoomState};
use crate::store::Reader;
use rusqlite::params;

/// The most members of a room that are shown.
const MOST: u32 = 1_000;

/// All rooms that we stand to in some way, by address.
pub(crate) fn rooms(reader: &Reader) -> Result<Vec<Room>> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT r.jid, r.nick, r.state, r.reason, r.flaws, r.inviter,
           (SELECT m.affiliation FROM member m, account a WHERE m.room = r.jid AND m.jid = a.jid),
           (SELECT count(*) FROM member m WHERE m.room = r.jid),
           (SELECT count(*) FROM member m WHERE m.room = r.jid AND m.admission = 0)
         FROM room r WHERE r.wanted OR r.state != ?2 OR EXISTS (SELECT 1 FROM archive a WHERE a.jid = r.jid)
         ORDER BY r.jid LIMIT ?1",
    )?;
    // What refused us before we ever were inside was told when it did, and is no room of ours.
    let rows = statement.query_map(params![WINDOW, RoomState::Refused as i64], |row| {
        let flaws: String = row.get(4)?;
        Ok(Room {
            room: row.get(0)?,
            nick: row.get(1)?,
            state: RoomState::from_number(row.get(2)?).unwrap_or(RoomState::Left),
            reason: row.get(3)?,
            flaws: flaws.split(' ').filter(|flaw| !flaw.is_empty()).map(str::to_owned).collect(),
            inviter: row.get(5)?,
            affiliation: row.get(6)?,
            members: row.get(7)?,
            waiting: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Owners, admins and members of a room, by address; none where we know of no such room. This device is none of those that
/// are counted.
pub(crate) fn members(reader: &Reader, room: &str) -> Result<Option<Vec<Member>>> {
    if !reader.sql().prepare_cached("SELECT 1 FROM room WHERE jid = ?")?.exists([room])? {
        return Ok(None);
    }
    let mut statement = reader.sql().prepare_cached(
        "SELECT m.jid, m.affiliation, (SELECT min(o.nick) FROM occupant o WHERE o.room = m.room AND o.jid = m.jid),
           (SELECT count(*) FROM device d WHERE d.jid = m.jid AND (d.listed2 OR d.listed03) AND NOT (d.jid = a.jid AND d.device = a.device)),
           (SELECT count(*) FROM device d WHERE d.jid = m.jid AND (d.listed2 OR d.listed03) AND NOT (d.jid = a.jid AND d.device = a.device)
              AND d.trust NOT IN (0, 4)
              AND EXISTS (SELECT 1 FROM session s WHERE s.jid = d.jid AND s.device = d.device)),
           m.jid = a.jid, m.admission, (SELECT count(*) FROM device_list l WHERE l.jid = m.jid) = 2,
           (SELECT min(w.speaker) FROM member_word w WHERE w.room = m.room AND w.jid = m.jid AND m.admission = 0)
         FROM member m, account a WHERE m.room = ? ORDER BY m.jid LIMIT ?",
    )?;
    let rows = statement.query_map(params![room, MOST], |row| {
        Ok(Member {
            jid: row.get(0)?,
            affiliation: row.get(1)?,
            nick: row.get(2)?,
            devices: row.get(3)?,
            ready: row.get(4)?,
            own: row.get(5)?,
            admission: Admission::from_number(row.get(6)?).unwrap_or(Admission::Waiting),
            fetched: row.get(7)?,
            named_by: row.get(8)?,
        })
    })?;
    Ok(Some(rows.collect::<rusqlite::Result<_>>()?))
}
