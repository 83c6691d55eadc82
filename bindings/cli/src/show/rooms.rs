//! Rooms and who belongs to them, for people.

use super::{line, thousands};
use dunnock_core::model::{Admission, Member, Room, RoomState};

/// One room.
pub(crate) fn room(item: &Room) -> String {
    let mut out = line(&item.room);
    out += &format!("  {} as {}", state(item.state), line(&item.nick));
    if item.members > 0 {
        out += &format!(", {} members", thousands(item.members.into()));
    }
    if item.waiting > 0 {
        out += &format!(", {} waiting for your decision", thousands(item.waiting.into()));
    }
    if let Some(affiliation) = &item.affiliation {
        out += &format!(", you are {}", line(affiliation));
    }
    out + &why(item.reason.as_deref(), &item.flaws, item.inviter.as_deref())
}

/// Somebody who belongs to a room.
pub(crate) fn member(item: &Member) -> String {
    let mut out = format!("{}  {}", line(&item.jid), line(&item.affiliation));
    match &item.nick {
        Some(nick) => out += &format!("  here as {}", line(nick)),
        None => out += "  away",
    }
    match (item.own, item.admission, item.devices) {
        (true, ..) => out += "  (you)",
        (_, Admission::Waiting, _) => out += "  waiting for your decision: gets nothing",
        (_, Admission::Refused, _) => out += "  refused: gets nothing",
        (.., 0) if !item.fetched => out += "  keys not fetched yet",
        (.., 0) => out += "  no keys: nothing can be sealed for them",
        (.., devices) => out += &format!("  {} of {devices} devices", item.ready),
    }
    if let Some(named_by) = &item.named_by {
        out += &format!(", {} says that they asked them in", line(named_by));
    }
    out
}

/// What became of somebody in a room.
pub(super) fn change(change: &str) -> String {
    match change {
        "member" => "is a member now".into(),
        "waiting" => "is a new member and waits for your decision: gets nothing until then".into(),
        "admitted" => "is admitted and gets what is said from now on".into(),
        "refused" => "is refused and gets nothing".into(),
        "gone" => "is no member any more".into(),
        "keyless" => "has no keys: nothing can be sealed for them".into(),
        "reachable" => "has keys now".into(),
        "not_invited" => "was not invited: the room refused".into(),
        "not_removed" => "was not removed: the room refused".into(),
        other => format!("is {}", line(other)),
    }
}

/// How we stand to a room.
pub(super) fn state(state: RoomState) -> &'static str {
    match state {
        RoomState::Invited => "invited",
        RoomState::Joining => "on the way in",
        RoomState::Joined => "joined",
        RoomState::Halted => "not private, nothing is sent",
        RoomState::Left => "left",
        RoomState::Refused => "refused",
    }
}

/// Why it stands like this.
pub(super) fn why(reason: Option<&str>, flaws: &[String], inviter: Option<&str>) -> String {
    let mut out = String::new();
    if let Some(inviter) = inviter {
        out += &format!(", invited by {}", line(inviter));
    }
    if let Some(reason) = reason {
        out += &format!(" ({})", line(reason));
    }
    if !flaws.is_empty() {
        out += &format!(" [{}]", line(&flaws.join(", ")));
    }
    out
}
