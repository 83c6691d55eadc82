//! `room`: groups.

use crate::args::{Global, NewRoom, RoomChange as Asked};
use crate::commands::{online, settle, told_later};
use crate::out::{Out, Stop};
use crate::safe::line;
use crate::session::{self, Begin};
use crate::show;
use dunnock_core::command::{Command, RoomChange};
use dunnock_core::model::{Event, Room, RoomState, State};
use dunnock_core::{Account, Error, ErrorKind, Result};
use std::time::Duration;

/// How long a change waits for the room before it is left to the next connection.
const CHANGE: Duration = Duration::from_secs(30);
/// How long nothing may happen before a person is told what is waited for.
const PATIENCE: Duration = Duration::from_secs(4);

/// Lists the rooms, or does something about one.
pub(crate) fn rooms(global: &Global, change: Option<Asked>, out: &Out) -> Result<(), Stop> {
    session::run(global, Begin::MayNot, async |client| {
        let account = session::account(client, global)?;
        match change.unwrap_or(Asked::List) {
            Asked::List => account.rooms()?.iter().try_for_each(|row| out.print(row, show::room)),
            Asked::Members(one) => account.members(&one.room)?.iter().try_for_each(|row| out.print(row, show::member)),
            Asked::Create(new) => {
                let nick = new.nick.clone();
                enter(&account, new, RoomChange::Create { nick }, out).await
            }
            Asked::Join(new) => {
                let nick = new.nick.clone();
                enter(&account, new, RoomChange::Join { nick }, out).await
            }
            Asked::Leave(one) => settle(&account, wish(one.room, RoomChange::Leave), out).await,
            Asked::Admit(one) => settle(&account, wish(one.room, RoomChange::Admit { jid: one.jid }), out).await,
            Asked::Accept(one) => settle(&account, wish(one.room, RoomChange::Accept), out).await,
            Asked::Destroy(one) => settle(&account, wish(one.room, RoomChange::Destroy), out).await,
            Asked::Invite(one) => {
                let change = RoomChange::Invite { jid: one.jid.clone() };
                affiliate(&account, &one.room, &one.jid, change, out).await
            }
            Asked::Remove(one) => {
                let change = RoomChange::Remove { jid: one.jid.clone() };
                affiliate(&account, &one.room, &one.jid, change, out).await
            }
        }
    })
}

fn wish(room: String, change: RoomChange) -> Command {
    Command::Room { room, change }
}

/// Makes or enters a room and waits until we are inside, or it says why not.
async fn enter(account: &Account, new: NewRoom, change: RoomChange, out: &Out) -> Result<(), Stop> {
    let mut events = account.events();
    account.call(wish(new.room.clone(), change)).await?;
    let inside = async {
        loop {
            let rows = account.rooms()?;
            if let Some(row) = rows.into_iter().find(|row| same(&row.room, &new.room)) {
                match came_of(&row) {
                    Some(Ok(())) => return Ok(row),
                    Some(Err(error)) => return Err(error),
                    None => {}
                }
            }
            let Some(batch) = events.next().await else {
                return Err(events.failure().unwrap_or(ErrorKind::Ended).into());
            };
            for event in batch {
                // A room that never let us in is on no list.
                if let Event::Room { room, state: RoomState::Refused, reason, .. } = event
                    && same(&room, &new.room)
                {
                    let kind = reason.as_deref().and_then(ErrorKind::from_code).unwrap_or(ErrorKind::RoomRefused);
                    return Err(Error::about(kind, room));
                }
            }
        }
    };
    let told = async {
        tokio::time::sleep(PATIENCE).await;
        out.note(&waits_for(account, &new.room));
        std::future::pending::<std::convert::Infallible>().await
    };
    let timeout = Duration::from_secs(new.timeout);
    // The second arm only tells, once, and is dropped with the first.
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(timeout, online(account, inside)) => outcome,
        never = told => match never {},
    };
    match outcome {
        Ok(row) => out.print(&row?, show::room),
        Err(_) => {
            let error = Error::about(ErrorKind::TimedOut, account.jid());
            Err(told_later(account, error, "the wish is stored and holds for the next connection").into())
        }
    }
}

/// What keeps us, for a person who sees nothing happen.
fn waits_for(account: &Account, room: &str) -> String {
    let connection = account.connection().ok();
    let online = connection.as_ref().is_some_and(|connection| connection.state == State::Online);
    let cause = connection.and_then(|connection| ErrorKind::from_code(connection.error.as_deref()?));
    let whom = if online { room } else { "this account's server" };
    let cause = cause.map(|kind| format!(" ({})", kind.cause())).unwrap_or_default();
    line(&format!("still waiting for {whom}{cause}"))
}

/// What came of going in, once something did.
fn came_of(row: &Room) -> Option<Result<()>> {
    let kind = row.reason.as_deref().and_then(ErrorKind::from_code);
    match row.state {
        RoomState::Joined => Some(Ok(())),
        RoomState::Halted | RoomState::Refused => {
            Some(Err(Error::about(kind.unwrap_or(ErrorKind::RoomRefused), row.room.clone())))
        }
        // What it stood at before, and whether that is so still is just being asked.
        RoomState::Joining if kind == Some(ErrorKind::RoomBanned) => None,
        _ => kind.map(|kind| Err(Error::about(kind, row.room.clone()))),
    }
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Makes somebody a member or none, and waits until the room did so or refused. Of who is one already nothing is waited for.
async fn affiliate(account: &Account, room: &str, jid: &str, change: RoomChange, out: &Out) -> Result<(), Stop> {
    let is_member = account.members(room)?.iter().any(|member| same(&member.jid, jid));
    let invites = matches!(change, RoomChange::Invite { .. });
    let mut events = account.events();
    if is_member == invites {
        return settle(account, wish(room.to_owned(), change), out).await;
    }
    account.call(wish(room.to_owned(), change)).await?;
    let answered = async {
        while let Some(batch) = events.next().await {
            for event in batch {
                match event {
                    Event::RoomMember { room: of, jid: who, change, .. } if same(&of, room) && same(&who, jid) => {
                        match change.as_str() {
                            "member" | "admitted" | "gone" => return Ok(()),
                            "not_invited" | "not_removed" => return Err(Error::about(ErrorKind::RoomForbidden, room)),
                            _ => {}
                        }
                    }
                    _ => {}
                }
            }
        }
        Err(events.failure().unwrap_or(ErrorKind::Ended).into())
    };
    match tokio::time::timeout(CHANGE, online(account, answered)).await {
        Ok(done) => {
            done?;
            super::done(out)
        }
        Err(_) => {
            let error = Error::about(ErrorKind::TimedOut, account.jid());
            Err(told_later(account, error, "the change is stored and goes out with the next connection").into())
        }
    }
}
