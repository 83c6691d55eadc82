//! What happened, in the order of commits.

use super::{Ender, WINDOW, connection, timeline};
use crate::account::Inner;
use crate::error::{ErrorKind, Result};
use crate::hub::Subscriber;
use crate::model::{Connection, Delivery, Event, Reach, RoomState, State};
use crate::store::{Reader, Touched};
use rusqlite::Row;
use serde_json::Value;
use std::sync::Arc;

/// Events in the order of commits, those of other processes too. Typing is told between them and only where the wire is.
pub struct Events {
    account: Arc<Inner>,
    subscriber: Arc<Subscriber>,
    /// The last event row given out.
    seen: i64,
    due: bool,
    failure: Option<ErrorKind>,
}

impl Events {
    /// From now on.
    pub(crate) fn new(account: Arc<Inner>) -> Self {
        let subscriber = account.hub.subscribe(|touched| *touched == Touched::Events);
        let newest = account.read(|reader| {
            Ok(reader.sql().query_row("SELECT coalesce(max(id), 0) FROM event", [], |row| row.get(0))?)
        });
        let failure = newest.as_ref().err().map(|error| error.kind);
        if failure.is_some() {
            subscriber.end();
        }
        Events { account, subscriber, seen: newest.unwrap_or(0), due: false, failure }
    }

    /// What happened since the last call, at least one, at most 200; `None` once it was ended, or when it cannot be read
    /// ([`Events::failure`]). Can be cancelled: nothing is lost.
    pub async fn next(&mut self) -> Option<Vec<Event>> {
        loop {
            // Cancel safety: `seen` and `due` move only together with what is given out, and no await comes between.
            if !self.due {
                self.due = self.subscriber.woken().await;
            }
            if self.subscriber.is_ended() {
                return None;
            }
            let Some(reading) = self.account.readers.begin_window() else {
                // Suspended: the account's return wakes it, and what is due then is told.
                self.due = false;
                continue;
            };
            let (account, seen) = (self.account.clone(), self.seen);
            let read = move || {
                let _reading = reading;
                account.read(|reader| since(reader, &account.jid, seen))
            };
            let found = match self.account.handle.spawn_blocking(read).await {
                Ok(Ok(found)) => found,
                Ok(Err(error)) if error.kind == ErrorKind::StoreBusy => continue,
                // The account ended while it was read: that is an end like any other.
                Ok(Err(error)) if error.kind == ErrorKind::Ended => {
                    self.subscriber.end();
                    return None;
                }
                Ok(Err(error)) => return self.fail(error.kind),
                Err(_) => return self.fail(ErrorKind::Crashed),
            };
            self.due = found.more;
            self.seen = found.seen;
            let mut events = found.events;
            let account = &self.account.jid;
            let typing = self.subscriber.take_typing().into_iter();
            events.extend(typing.map(|(chat, typing)| Event::Typing { account: account.clone(), chat, typing }));
            if !events.is_empty() {
                return Some(events);
            }
        }
    }

    fn fail(&mut self, kind: ErrorKind) -> Option<Vec<Event>> {
        self.failure = Some(kind);
        self.subscriber.end();
        None
    }

    /// Ends it.
    pub fn end(&self) {
        self.subscriber.end();
    }

    /// A handle to end it while `next` waits.
    pub fn ender(&self) -> Ender {
        Ender(self.subscriber.clone())
    }

    /// Why `next` answered `None`, if it was not ended.
    pub fn failure(&self) -> Option<ErrorKind> {
        self.failure
    }
}

struct Found {
    events: Vec<Event>,
    seen: i64,
    more: bool,
}

/// The next events after the row `seen`.
fn since(reader: &Reader, account: &str, seen: i64) -> Result<Found> {
    let sql = format!(
        "SELECT {}, e.id, e.kind, e.jid, e.device, e.data, e.message FROM event e LEFT JOIN message m ON m.id = e.message
         WHERE e.id > ? ORDER BY e.id LIMIT ?",
        timeline::COLUMNS
    );
    let mut statement = reader.sql().prepare_cached(&sql)?;
    let mut rows = statement.query([seen, i64::from(WINDOW)])?;
    let mut found = Found { events: Vec::new(), seen, more: false };
    let mut read = 0;
    while let Some(row) = rows.next()? {
        found.seen = row.get(timeline::WIDTH)?;
        found.events.extend(event(account, row)?);
        read += 1;
    }
    found.more = read == WINDOW;
    Ok(found)
}

/// The event of a row; none if the row it was about is gone, or a newer version wrote it.
fn event(account: &str, row: &Row) -> Result<Option<Event>> {
    const AFTER: usize = timeline::WIDTH + 1;
    let account = account.to_owned();
    let kind: String = row.get(AFTER)?;
    let data: Value = serde_json::from_str(&row.get::<_, String>(AFTER + 3)?).unwrap_or_default();
    let item = match row.get::<_, Option<i64>>(0)? {
        Some(_) => Some(timeline::row(row)?),
        None => None,
    };
    let text = |name: &str| data[name].as_str().map(str::to_owned);
    let number = |name: &str| data[name].as_u64().and_then(|number| u32::try_from(number).ok());
    Ok(match (kind.as_str(), item) {
        ("message", Some(item)) => Some(Event::Message { account, item }),
        ("changed", Some(item)) => Some(Event::Changed { account, change: text("change").unwrap_or_default(), item }),
        ("unreadable", Some(item)) => Some(Event::Unreadable { account, item }),
        ("delivery", _) => {
            let devices = number("reached").zip(number("known")).map(|(reached, known)| Reach { reached, known });
            let state = data["state"].as_str().and_then(Delivery::from_code);
            let message = row.get::<_, Option<i64>>(AFTER + 4)?;
            message.zip(state).map(|(message, state)| Event::Delivery {
                account,
                message: message.to_string(),
                state,
                devices,
                error: text("error"),
            })
        }
        ("device", _) => Some(Event::Device {
            account,
            jid: row.get::<_, Option<String>>(AFTER + 1)?.unwrap_or_default(),
            device: row.get::<_, Option<u32>>(AFTER + 2)?.unwrap_or_default(),
            fingerprint: text("fingerprint").unwrap_or_default(),
            change: text("change").unwrap_or_default(),
        }),
        ("alarm", _) => Some(Event::Alarm {
            account,
            alarm: text("alarm").unwrap_or_default(),
            what: text("what").unwrap_or_default(),
            jid: row.get::<_, Option<String>>(AFTER + 1)?.unwrap_or_default(),
            room: text("room"),
            device: row.get(AFTER + 2)?,
            fingerprint: text("fingerprint").unwrap_or_default(),
        }),
        ("room", _) => Some(Event::Room {
            account,
            room: row.get::<_, Option<String>>(AFTER + 1)?.unwrap_or_default(),
            state: data["state"].as_str().and_then(RoomState::from_code).unwrap_or(RoomState::Left),
            reason: text("reason"),
            flaws: data["flaws"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|flaw| Some(flaw.as_str()?.to_owned()))
                .collect(),
            inviter: text("inviter"),
        }),
        ("room_member", _) => Some(Event::RoomMember {
            account,
            room: row.get::<_, Option<String>>(AFTER + 1)?.unwrap_or_default(),
            jid: text("jid").unwrap_or_default(),
            change: text("change").unwrap_or_default(),
        }),
        ("connection", _) => Some(Event::Connection {
            account,
            connection: Connection {
                state: data["state"].as_str().and_then(State::from_code).unwrap_or(State::Offline),
                proof: data["proof"].as_str().and_then(connection::proof),
                archive: data["archive"].as_bool(),
                resumable: data["resumable"].as_bool(),
                error: text("error"),
                about: text("about"),
                caught_up: data["caught_up"].as_bool().unwrap_or_default(),
                caught: number("caught").unwrap_or_default(),
            },
        }),
        _ => None,
    })
}
