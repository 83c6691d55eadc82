//! What a person has to know of keys, and what happened to our own device list.

use super::WINDOW;
use crate::error::Result;
use crate::model::{Alarm, OwnDeviceEvent, Time};
use crate::store::Reader;

/// The alarms, open ones first, newest first among each.
pub(crate) fn alarms(reader: &Reader) -> Result<Vec<Alarm>> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT id, what, jid, device, fingerprint, raised, answer, room FROM alarm ORDER BY answer IS NOT NULL, id DESC LIMIT ?",
    )?;
    let rows = statement.query_map([WINDOW], |row| {
        Ok(Alarm {
            alarm: row.get::<_, i64>(0)?.to_string(),
            what: row.get(1)?,
            jid: row.get(2)?,
            device: row.get(3)?,
            fingerprint: row.get(4)?,
            time: Time(row.get(5)?),
            answer: row.get(6)?,
            room: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What happened to the list of our own devices, newest first.
pub(crate) fn own_device_events(reader: &Reader) -> Result<Vec<OwnDeviceEvent>> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT time, change, version, device, fingerprint FROM own_device_event ORDER BY id DESC LIMIT ?",
    )?;
    let rows = statement.query_map([WINDOW], |row| {
        let version = row.get::<_, Option<i64>>(2)?;
        Ok(OwnDeviceEvent {
            time: Time(row.get(0)?),
            change: row.get(1)?,
            version: version.map(|number| if number == 2 { "2" } else { "0.3" }),
            device: row.get(3)?,
            fingerprint: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
