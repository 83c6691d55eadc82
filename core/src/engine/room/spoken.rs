//! What devices say, sealed, of whom they asked into a room or took out of it (`core/docs/room-members.md`): so that a
//! room's server is not the only one who says it. As in XEP-0450 only devices count whose keys do.

use super::super::content::Content;
use super::super::omemo::Author;
use super::super::trust::is_authenticated;
use super::super::xml::{Build, bare_of, el};
use super::super::{Ctx, ns, parcel};
use super::admission;
use crate::error::Result;
use crate::model::{Admission, Trust};
use crate::store::device::DeviceRow;
use crate::store::parcel::Reach;
use minidom::Element;

/// More members in one message are not read.
const MOST: usize = 100;

/// Who was asked into a room or taken out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spoken {
    /// The room's bare JID.
    pub room: String,
    /// Whom, and whether they were asked in.
    pub said: Vec<(String, bool)>,
}

impl Spoken {
    /// Reads the one among the children of a `<content/>`.
    pub(crate) fn of(content: &Element) -> Option<Self> {
        let members = content.get_child("members", ns::ROOM_MEMBERS)?;
        let words = members.children().filter(|child| child.ns() == ns::ROOM_MEMBERS);
        let said = words.filter_map(|word| {
            let asked_in = match word.name() {
                "in" => true,
                "out" => false,
                _ => return None,
            };
            Some((bare_of(word, "jid")?.to_string(), asked_in))
        });
        let spoken = Spoken { room: bare_of(members, "room")?.to_string(), said: said.take(MOST).collect() };
        (!spoken.said.is_empty()).then_some(spoken)
    }

    /// As it is sealed.
    pub(crate) fn element(&self) -> Element {
        let words = self.said.iter().map(|(jid, asked_in)| {
            let name = if *asked_in { "in" } else { "out" };
            el(name, ns::ROOM_MEMBERS).at("jid", &**jid)
        });
        el("members", ns::ROOM_MEMBERS).at("room", &*self.room).kids(words)
    }
}

/// The room carried out what a person here asked for: its members are told by us too.
pub(super) fn tell(ctx: &mut Ctx, room: &str, jid: &str, asked_in: bool) -> Result<()> {
    parcel::put(ctx, room, &content(room, jid, asked_in), Reach::Everyone, true)
}

/// A person here decided on a member: our own devices that count are told.
pub(super) fn tell_own(ctx: &mut Ctx, room: &str, jid: &str, admits: bool) -> Result<()> {
    let own = ctx.bare();
    let counts = |row: &DeviceRow| is_authenticated(row.trust) && row.device != ctx.me.device;
    if !ctx.tx.devices(&own)?.iter().any(counts) {
        return Ok(());
    }
    parcel::put(ctx, &own, &content(room, jid, admits), Reach::Authenticated, true)
}

fn content(room: &str, jid: &str, asked_in: bool) -> Content {
    let members = Spoken { room: room.to_owned(), said: vec![(jid.to_owned(), asked_in)] };
    Content { members: Some(members), ..Content::default() }
}

/// Such words were opened: in the room that they are about, or among our own devices.
pub(crate) fn received(
    ctx: &mut Ctx,
    room: Option<&str>,
    sender: &str,
    author: &Author,
    spoken: &Spoken,
) -> Result<()> {
    let own = sender == ctx.me.jid.as_str();
    let fits = room.map_or(own, |room| room == spoken.room);
    if !fits || matches!(author.trust, Trust::Undecided | Trust::Distrusted) || !may_speak(ctx, &spoken.room, sender)? {
        return ctx.tx.count("member_word_odd");
    }
    for (jid, asked_in) in &spoken.said {
        if is_authenticated(author.trust) {
            take(ctx, &spoken.room, jid, *asked_in, own)?;
        } else if *asked_in {
            // Shown to the person who decides, and it counts once the device does.
            ctx.tx.put_member_word(&spoken.room, jid, sender, &author.identity)?;
        }
        if is_authenticated(author.trust) && *asked_in && ctx.tx.member(&spoken.room, jid)?.is_none() {
            // The room itself did not say so yet.
            ctx.tx.put_member_word(&spoken.room, jid, sender, &author.identity)?;
        }
    }
    Ok(())
}

/// Whether somebody's devices may speak of a room's members: ours, and those of members who are admitted themselves.
fn may_speak(ctx: &Ctx, room: &str, speaker: &str) -> Result<bool> {
    let admitted = ctx.tx.member(room, speaker)?.is_some_and(|row| row.admission == Admission::Admitted);
    Ok(ctx.tx.room(room)?.is_some() && (admitted || speaker == ctx.me.jid.as_str()))
}

/// A word that counts. What a person of ours decided, another's device does not undo; but it can make a question of it.
fn take(ctx: &mut Ctx, room: &str, jid: &str, asked_in: bool, own: bool) -> Result<()> {
    if jid == ctx.me.jid.as_str() {
        return Ok(());
    }
    if !asked_in {
        ctx.tx.drop_member_words(room, jid)?;
    }
    let Some(row) = ctx.tx.member(room, jid)? else { return Ok(()) };
    let after = match (asked_in, own, row.admission) {
        (true, _, Admission::Waiting) | (true, true, Admission::Refused) => Admission::Admitted,
        (false, true, Admission::Waiting | Admission::Admitted) => Admission::Refused,
        // They took them out, and the room names them still.
        (false, false, Admission::Admitted) => Admission::Waiting,
        _ => return Ok(()),
    };
    ctx.tx.count("member_word_taken")?;
    admission::set(ctx, room, row, after)
}

/// Whether a device that counts said already that it asked this one in.
pub(super) fn is_spoken_for(ctx: &Ctx, room: &str, jid: &str) -> Result<bool> {
    for (speaker, identity) in ctx.tx.member_words(room, jid)? {
        let counts = |row: &DeviceRow| row.identity == Some(identity) && is_authenticated(row.trust);
        if may_speak(ctx, room, &speaker)? && ctx.tx.devices(&speaker)?.iter().any(counts) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A device counts from now on: whom it said before to have asked in count too.
pub(crate) fn counts_now(ctx: &mut Ctx, device: &DeviceRow) -> Result<()> {
    let Some(identity) = device.identity else { return Ok(()) };
    for (room, jid) in ctx.tx.words_on_members(&device.jid, &identity)? {
        if may_speak(ctx, &room, &device.jid)? && ctx.tx.member(&room, &jid)?.is_some() {
            take(ctx, &room, &jid, true, device.jid == ctx.me.jid.as_str())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_on_members_are_read_as_they_are_written_and_others_are_passed_over() {
        let spoken = Spoken {
            room: "verona@rooms.example".into(),
            said: vec![("nurse@capulet.example".into(), true), ("tybalt@capulet.example".into(), false)],
        };
        let odd = spoken.element().kid(el("maybe", ns::ROOM_MEMBERS).at("jid", "a@b")).kid(el("in", ns::ROOM_MEMBERS));
        let content = el("content", ns::SCE).kid(odd);
        assert_eq!(Spoken::of(&content), Some(spoken));
        assert_eq!(Spoken::of(&el("content", ns::SCE).kid(el("members", ns::ROOM_MEMBERS).at("room", "a@b"))), None);
    }
}
