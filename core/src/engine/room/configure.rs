//! A new room's configuration (XEP-0045 section 10.1): one form makes it private and lasting before anybody else is in it.

use super::super::want::{Answer, Kind, Question};
use super::super::xml::{Build, el};
use super::super::{Ctx, ns};
use super::{archive, bookmarks, join, refuse, settle};
use crate::error::{ErrorKind, Result};
use crate::store::room::RoomRow;
use crate::store::want::WantRow;

/// What a private room is, as far as its server knows the field.
const WANTED: &[(&str, &[&str])] = &[
    ("muc#roomconfig_membersonly", &["1"]),
    ("muc#roomconfig_whois", &["anyone"]),
    ("muc#roomconfig_persistentroom", &["1"]),
    ("muc#roomconfig_publicroom", &["0"]),
    // ejabberd: whether outsiders see who is inside.
    ("public_list", &["0"]),
    ("muc#roomconfig_passwordprotectedroom", &["0"]),
    ("muc#roomconfig_moderatedroom", &["0"]),
    ("muc#roomconfig_allowinvites", &["0"]),
    ("muc#roomconfig_changesubject", &["0"]),
    // Archives of clear text for the web, which have nothing to show but that somebody talks.
    ("muc#roomconfig_enablelogging", &["0"]),
    ("muc#roomconfig_enablearchiving", &["1"]),
    // ejabberd's name for it.
    ("mam", &["1"]),
    ("muc#roomconfig_getmemberlist", &["moderator", "participant", "visitor"]),
    ("muc#roomconfig_presencebroadcast", &["moderator", "participant", "visitor"]),
];
/// Without these a room is not private.
const NEEDED: [&str; 2] = ["muc#roomconfig_membersonly", "muc#roomconfig_whois"];

/// Asks for the form.
pub(super) fn form_question() -> Question {
    Question::get(el("query", ns::MUC_OWNER))
}

/// The form came: those fields that it has and we care for are wanted, by name.
pub(super) fn form_answered(ctx: &mut Ctx, room: RoomRow, want: &WantRow, answer: Answer) -> Result<()> {
    ctx.drop_want(want)?;
    let Answer::Result(iq) = answer else { return unsuitable(ctx, room) };
    let form = iq.get_child("query", ns::MUC_OWNER).and_then(|query| query.get_child("x", ns::DATA));
    let has = |name: &str| {
        form.is_some_and(|form| form.children().any(|child| child.name() == "field" && child.attr("var") == Some(name)))
    };
    if !NEEDED.iter().all(|name| has(name)) {
        return unsuitable(ctx, room);
    }
    let names: Vec<&str> = WANTED.iter().map(|(name, _)| *name).filter(|name| has(name)).collect();
    ctx.want_of(Kind::RoomConfigure, &room.jid, &names.join(" "))
}

/// The filled form.
pub(super) fn question(want: &WantRow) -> Question {
    let wanted: Vec<&str> = want.arg.split(' ').collect();
    let field = |name: &str, values: &[&str]| {
        let values = values.iter().map(|value| el("value", ns::DATA).words(value));
        el("field", ns::DATA).at("var", name).kids(values)
    };
    let fields = WANTED.iter().filter(|(name, _)| wanted.contains(name)).map(|(name, values)| field(name, values));
    let form = el("x", ns::DATA).at("type", "submit").kid(field("FORM_TYPE", &[ns::MUC_CONFIG])).kids(fields);
    Question::set(el("query", ns::MUC_OWNER).kid(form))
}

/// The room took its configuration: it is asked what it is now, as a server may leave out what it does not like.
pub(super) fn answered(ctx: &mut Ctx, room: RoomRow, want: &WantRow, answer: Answer) -> Result<()> {
    ctx.drop_want(want)?;
    match answer {
        Answer::Result(_) => ctx.want_of(Kind::RoomInfo, &room.jid, ""),
        Answer::Error(..) => unsuitable(ctx, room),
    }
}

/// The new room said what it is.
pub(super) fn made(ctx: &mut Ctx, mut room: RoomRow) -> Result<()> {
    if room.flaws.split(' ').any(|flaw| matches!(flaw, "open" | "semi_anonymous")) {
        return unsuitable(ctx, room);
    }
    room.making = 0;
    ctx.tx.put_room(&room)?;
    bookmarks::keep(ctx, &room)?;
    archive::begin(ctx, &room)?;
    settle(ctx, room)
}

/// Nothing stays of a room that cannot be private.
fn unsuitable(ctx: &mut Ctx, room: RoomRow) -> Result<()> {
    ctx.want_of(Kind::RoomDestroy, &room.jid, "")?;
    ctx.ask_due()?;
    join::leave(ctx, &room)?;
    refuse(ctx, room, ErrorKind::RoomUnsuitable)
}

/// Closes the room.
pub(super) fn destroy_question() -> Question {
    Question::set(el("query", ns::MUC_OWNER).kid(el("destroy", ns::MUC_OWNER)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use minidom::Element;

    #[test]
    fn only_fields_that_the_server_knows_are_filled() {
        let want = WantRow {
            kind: String::new(),
            jid: String::new(),
            arg: "muc#roomconfig_membersonly mam".into(),
            target: String::new(),
            due: 0,
            tries: 0,
            iq: None,
        };
        let form = question(&want).payload;
        let fields: Vec<String> = form
            .children()
            .flat_map(Element::children)
            .map(|field| format!("{}={}", field.attr("var").unwrap(), field.children().next().unwrap().text()))
            .collect();
        assert_eq!(
            fields,
            ["FORM_TYPE=http://jabber.org/protocol/muc#roomconfig", "muc#roomconfig_membersonly=1", "mam=1"]
        );
    }
}
