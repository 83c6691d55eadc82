//! Who is believed, what halts, and what comes back, in XML.

use super::super::roster::tests::{juliet, sent, xml};
use super::super::want::Kind;
use super::super::{Ctx, errors, mam, message as messages, want};
use super::*;
use crate::command::RoomChange;
use crate::model::Sealing;
use crate::seal::Sealed;
use crate::store::message::NewMessage;
use crate::store::outgoing::Fate;
use crate::wire::Arrived;

mod invitations;
mod named;
mod service;
mod wishes;

const ROOM: &str = "verona@rooms.example";
const PRIVATE: &str = "muc_membersonly muc_hidden muc_nonanonymous urn:xmpp:mam:2";

fn hears(ctx: &mut Ctx, stanza: &str) {
    let stanza = stanza.replacen(' ', " xmlns='jabber:client' ", 1);
    messages::arrived(ctx, Arrived::Whole(xml(&stanza))).unwrap();
}

/// Answers the want of this kind about the room, if there is one.
fn answers(ctx: &mut Ctx, kind: Kind, payload: &str) {
    ctx.ask_due().unwrap();
    let row = ctx.tx.wants_about(kind.code(), ROOM).unwrap().into_iter().find(|row| row.iq.is_some());
    let id = row.unwrap_or_else(|| panic!("{kind:?} is not wanted")).iq.unwrap();
    let (outcome, payload) = match payload.strip_prefix("error ") {
        Some(condition) => (
            "error",
            format!("<error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"),
        ),
        None => ("result", payload.to_owned()),
    };
    let iq = format!("<iq xmlns='jabber:client' type='{outcome}' id='{id}' from='{ROOM}'>{payload}</iq>");
    want::answered(ctx, &xml(&iq)).unwrap();
}

fn is(ctx: &mut Ctx, features: &str) {
    let features: String = features.split(' ').map(|feature| format!("<feature var='{feature}'/>")).collect();
    answers(ctx, Kind::RoomInfo, &format!("<query xmlns='http://jabber.org/protocol/disco#info'>{features}</query>"));
}

fn occupant(ctx: &mut Ctx, nick: &str, jid: &str, status: &str) {
    hears(
        ctx,
        &format!(
            "<presence from='{ROOM}/{nick}'><x xmlns='http://jabber.org/protocol/muc#user'>
             <item affiliation='member' role='participant' jid='{jid}/r'/>{status}</x></presence>"
        ),
    );
}

/// Juliet inside, with Romeo and Tybalt, the archive read.
fn inside(ctx: &mut Ctx) {
    let own = ctx.bare();
    ctx.tx.set_cursor(&own, Some("one"), 0).unwrap();
    ctx.tx.set_complete(&own, ctx.stream).unwrap();
    commands::carry_out(ctx, ROOM, RoomChange::Join { nick: None }).unwrap();
    is(ctx, PRIVATE);
    ctx.ask_due().unwrap();
    occupant(ctx, "romeo", "romeo@montague.example", "");
    occupant(ctx, "tybalt", "tybalt@capulet.example", "");
    occupant(ctx, "juliet", &own, "<status code='110'/>");
    answers(
        ctx,
        Kind::RoomPage,
        "<fin xmlns='urn:xmpp:mam:2' complete='true'><set xmlns='http://jabber.org/protocol/rsm'/></fin>",
    );
    mam::drain(ctx).unwrap();
    for list in ["owner", "admin", "member"] {
        ctx.tx.unwant(Kind::RoomMembers.code(), ROOM, list).unwrap();
    }
    assert_eq!(held_by(ctx, ROOM).unwrap(), None);
}

/// Who said what, as the timeline has it.
fn timeline(ctx: &Ctx) -> Vec<(String, String)> {
    let mut rows = ctx.tx.look().prepare("SELECT sender, body FROM message WHERE chat = ? ORDER BY position").unwrap();
    let rows = rows.query_map([ROOM], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn says(ctx: &mut Ctx, nick: &str, text: &str, more: &str) {
    hears(
        ctx,
        &format!("<message type='groupchat' from='{ROOM}/{nick}' id='{text}'><body>{text}</body>{more}</message>"),
    );
}

#[test]
fn the_author_is_whom_the_room_shows_and_not_whom_the_message_claims() {
    juliet(|ctx| {
        inside(ctx);
        let claim = "<x xmlns='http://jabber.org/protocol/muc#user'><item jid='romeo@montague.example'/></x>";
        says(ctx, "tybalt", "forged", claim);
        says(ctx, "nobody", "unseen", "");
        hears(
            ctx,
            &format!(
                "<presence from='{ROOM}/romeo' type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'>
                 <item nick='montague' jid='romeo@montague.example/r'/><status code='303'/></x></presence>"
            ),
        );
        says(ctx, "montague", "renamed", "");
        occupant(ctx, "romeo", "tybalt@capulet.example", "");
        says(ctx, "romeo", "taken over", "");
        let said = timeline(ctx);
        let said: Vec<(&str, &str)> = said.iter().map(|(who, what)| (who.as_str(), what.as_str())).collect();
        let wanted = [
            ("tybalt@capulet.example", "forged"),
            (ROOM, "unseen"),
            ("romeo@montague.example", "renamed"),
            ("tybalt@capulet.example", "taken over"),
        ];
        assert_eq!(said, wanted);
    });
}

#[test]
fn what_somebody_inside_whispers_is_not_shown_as_the_rooms_own_word() {
    juliet(|ctx| {
        inside(ctx);
        hears(
            ctx,
            &format!("<message type='chat' from='{ROOM}/tybalt' id='w'><body>The room was closed</body></message>"),
        );
        assert_eq!(timeline(ctx), []);
        assert_eq!(ctx.tx.counted("room_whisper"), 1);
    });
}

#[test]
fn an_archived_message_with_two_authors_has_none() {
    juliet(|ctx| {
        inside(ctx);
        let row = ctx.tx.room(ROOM).unwrap().unwrap();
        let item = |jid: &str| format!("<x xmlns='http://jabber.org/protocol/muc#user'><item jid='{jid}'/></x>");
        for (text, items) in [
            ("one", item("romeo@montague.example/x")),
            ("two", item("romeo@montague.example") + &item("tybalt@capulet.example")),
            ("none", String::new()),
        ] {
            let text = format!(
                "<message xmlns='jabber:client' type='groupchat' from='{ROOM}/romeo' id='{text}'><body>{text}</body>{items}</message>"
            );
            message::archived(ctx, &row, &xml(&text), &text, Some(1)).unwrap();
        }
        let said: Vec<String> = timeline(ctx).into_iter().map(|(who, _)| who).collect();
        assert_eq!(said, ["romeo@montague.example", ROOM, ROOM]);
    });
}

#[test]
fn one_message_is_taken_once_live_and_out_of_the_archive() {
    juliet(|ctx| {
        inside(ctx);
        says(ctx, "romeo", "once", &format!("<stanza-id xmlns='urn:xmpp:sid:0' by='{ROOM}' id='seven'/>"));
        let row = ctx.tx.room(ROOM).unwrap().unwrap();
        assert_eq!(ctx.tx.archive(ROOM).unwrap().unwrap().cursor.as_deref(), Some("seven"));
        let copy = xml(&format!(
            "<message xmlns='jabber:client' type='groupchat' from='{ROOM}/romeo'><body>once</body></message>"
        ));
        message::archived(ctx, &row, &copy, "seven", Some(1)).unwrap();
        assert_eq!(timeline(ctx).len(), 1);
        // The same id of another archive is another message's.
        message::archived(ctx, &row, &copy, "eight", Some(1)).unwrap();
        assert_eq!(timeline(ctx).len(), 2);
    });
}

#[test]
fn a_sign_of_a_change_stops_everything_until_the_room_was_asked_and_a_flaw_until_a_person_agreed() {
    juliet(|ctx| {
        inside(ctx);
        let changed = format!(
            "<message type='groupchat' from='{ROOM}'><x xmlns='http://jabber.org/protocol/muc#user'><status code='104'/></x></message>"
        );
        // Anybody inside can write such words; only the room's own count.
        hears(ctx, &changed.replace(&format!("'{ROOM}'"), &format!("'{ROOM}/tybalt'")));
        assert_eq!(held_by(ctx, ROOM).unwrap(), None);
        hears(ctx, &changed);
        assert_eq!(held_by(ctx, ROOM).unwrap(), Some("room_joining"));
        is(ctx, "muc_hidden muc_nonanonymous muc_open urn:xmpp:mam:2");
        assert_eq!(held_by(ctx, ROOM).unwrap(), Some("room_not_private"));
        assert!(commands::may_send(ctx, ROOM).is_err());
        commands::carry_out(ctx, ROOM, RoomChange::Accept).unwrap();
        assert_eq!(held_by(ctx, ROOM).unwrap(), Some("room_members"));
        // What was agreed to is this flaw and no other.
        hears(ctx, &changed);
        is(ctx, "muc_nonanonymous muc_open muc_public urn:xmpp:mam:2");
        let row = ctx.tx.room(ROOM).unwrap().unwrap();
        assert_eq!((row.state, row.flaws.as_str()), (RoomState::Halted, "open public"));
    });
}

#[test]
fn a_message_that_comes_back_because_we_are_outside_goes_again_once_we_are_inside() {
    juliet(|ctx| {
        inside(ctx);
        let own = ctx.bare();
        let id = ctx
            .tx
            .insert_message(&NewMessage {
                chat: ROOM,
                own: true,
                sender: &own,
                origin_id: Some("mine"),
                stanza_id: None,
                body: Some("But soft"),
                sealed: Sealing::Full,
                device: None,
                identity: None,
                trust: None,
                sent: 0,
                arrived: 0,
                state: Some(crate::model::Delivery::Sending),
                reason: None,
                digest: b"",
                reply_to: None,
                waiting: false,
            })
            .unwrap();
        let stanza = xml(&format!("<message xmlns='jabber:client' type='groupchat' to='{ROOM}' id='mine'/>"));
        let stanza = Sealed::message(&stanza).unwrap();
        let row = ctx.tx.message(id).unwrap().unwrap();
        assert_eq!(outbox::keep(ctx, &row, &stanza, "[]").unwrap(), Fate::Stream);
        let refused = xml(&format!(
            "<message xmlns='jabber:client' type='error' from='{ROOM}' id='mine'><error type='modify'>
             <not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
        ));
        errors::arrived(ctx, &refused).unwrap();
        assert!(!is_inside(ctx, &ctx.tx.room(ROOM).unwrap().unwrap()));
        let went = |ctx: &Ctx| sent(ctx).iter().filter(|stanza| stanza.attr("id") == Some("mine")).count();
        assert_eq!(went(ctx), 0);
        inside(ctx);
        assert_eq!(went(ctx), 1);
        outbox::reflected(ctx, id).unwrap();
        assert!(!ctx.tx.is_unreflected(id).unwrap());
        let row = ctx.tx.message(id).unwrap().unwrap();
        assert_eq!(row.state, Some(crate::model::Delivery::Delivered));
    });
}

#[test]
fn a_bookmark_alone_leads_into_no_room_that_is_not_private() {
    juliet(|ctx| {
        let item = xml(&format!(
            "<items xmlns='http://jabber.org/protocol/pubsub#event' node='urn:xmpp:bookmarks:1'><item id='{ROOM}'>
             <conference xmlns='urn:xmpp:bookmarks:1' autojoin='true'/></item></items>"
        ));
        bookmarks::notified(ctx, "mallory@evil.example", &item).unwrap();
        assert!(ctx.tx.room(ROOM).unwrap().is_none());
        let own = ctx.bare();
        bookmarks::notified(ctx, &own, &item).unwrap();
        is(ctx, "muc_hidden muc_open muc_nonanonymous");
        assert_eq!(ctx.tx.room(ROOM).unwrap().unwrap().state, RoomState::Halted);
        assert!(ctx.tx.find_want(Kind::RoomJoin.code(), ROOM, "").unwrap().is_none());
        commands::carry_out(ctx, ROOM, RoomChange::Accept).unwrap();
        is(ctx, "muc_hidden muc_open muc_nonanonymous");
        assert!(ctx.tx.find_want(Kind::RoomJoin.code(), ROOM, "").unwrap().is_some());
    });
}

#[test]
fn a_room_that_refuses_is_not_asked_again() {
    juliet(|ctx| {
        for (condition, kind) in [
            ("registration-required", ErrorKind::RoomMembersOnly),
            ("forbidden", ErrorKind::RoomBanned),
            ("not-authorized", ErrorKind::RoomPassword),
        ] {
            commands::carry_out(ctx, ROOM, RoomChange::Join { nick: None }).unwrap();
            is(ctx, PRIVATE);
            ctx.ask_due().unwrap();
            hears(
                ctx,
                &format!(
                    "<presence type='error' from='{ROOM}/juliet'><error type='auth'>
                     <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
                ),
            );
            let row = ctx.tx.room(ROOM).unwrap().unwrap();
            assert_eq!((row.state, row.wanted, row.reason.as_deref()), (RoomState::Refused, false, Some(kind.code())));
            assert!(ctx.tx.find_want(Kind::RoomJoin.code(), ROOM, "").unwrap().is_none());
        }
    });
}

fn invites(ctx: &mut Ctx, jid: &str) {
    hears(
        ctx,
        &format!(
            "<message from='mallory@evil.example/x' id='{jid}'><x xmlns='jabber:x:conference' jid='{jid}'/></message>"
        ),
    );
}

fn says_to(ctx: &mut Ctx, jid: &str, text: &str) -> Result<String> {
    let command = crate::command::Command::Send { to: jid.into(), text: text.into(), reply_to: None, origin_id: None };
    match super::super::commands::carry_out(ctx, command)? {
        crate::command::Reply::Sent { message, .. } => Ok(message),
        _ => panic!("a message was sent"),
    }
}

#[test]
fn nobody_makes_a_room_of_somebody() {
    juliet(|ctx| {
        let own = ctx.bare();
        ctx.tx.set_complete(&own, ctx.stream).unwrap();
        let mut nurse = ctx.tx.contact_or_unknown("nurse@capulet.example").unwrap();
        nurse.rostered = true;
        ctx.tx.put_contact(&nurse).unwrap();
        says_to(ctx, "romeo@montague.example", "O Romeo").unwrap();
        for jid in [own.as_str(), "nurse@capulet.example", "romeo@montague.example", "rooms.example"] {
            invites(ctx, jid);
            invites(ctx, &format!("{jid}/balcony"));
            assert!(ctx.tx.room(jid).unwrap().is_none(), "{jid}");
            for change in [RoomChange::Join { nick: None }, RoomChange::Create { nick: None }] {
                assert!(commands::carry_out(ctx, jid, change).is_err(), "{jid}");
            }
            assert!(!ctx.tx.is_room(jid).unwrap(), "{jid}");
        }
        says_to(ctx, "romeo@montague.example", "wherefore").unwrap();
        invites(ctx, ROOM);
        assert_eq!(ctx.tx.room(ROOM).unwrap().unwrap().state, RoomState::Invited);
    });
}

#[test]
fn nothing_stays_of_a_room_that_we_never_were_inside_of() {
    juliet(|ctx| {
        commands::carry_out(ctx, ROOM, RoomChange::Join { nick: None }).unwrap();
        let message = says_to(ctx, ROOM, "is there anybody").unwrap();
        answers(ctx, Kind::RoomInfo, "error item-not-found");
        assert!(!ctx.tx.is_room(ROOM).unwrap());
        let message = ctx.tx.message(message.parse().unwrap()).unwrap().unwrap();
        assert_eq!(message.state, Some(crate::model::Delivery::Failed));
        assert!(!ctx.tx.any_waiting().unwrap());
        // It is only seen why, and a later try is another.
        assert_eq!(ctx.tx.room(ROOM).unwrap().unwrap().reason.as_deref(), Some(ErrorKind::RoomNotFound.code()));
        assert_eq!(held_by(ctx, ROOM).unwrap(), None);
        forget(ctx).unwrap();
        assert!(ctx.tx.room(ROOM).unwrap().is_none());
        let other = "mantua@rooms.example";
        invites(ctx, other);
        commands::carry_out(ctx, other, RoomChange::Leave).unwrap();
        assert!(ctx.tx.room(other).unwrap().is_none());
        assert!(ctx.tx.chat(other).unwrap().is_none());
        inside(ctx);
        commands::carry_out(ctx, ROOM, RoomChange::Leave).unwrap();
        assert!(ctx.tx.is_room(ROOM).unwrap());
        assert!(says_to(ctx, ROOM, "after I left").is_err());
    });
}

/// The room says that its configuration changed, and then that it is this now.
fn becomes(ctx: &mut Ctx, features: &str) {
    hears(
        ctx,
        &format!(
            "<message type='groupchat' from='{ROOM}'><x xmlns='http://jabber.org/protocol/muc#user'><status code='104'/></x></message>"
        ),
    );
    is(ctx, features);
}

#[test]
fn a_flaw_that_went_and_comes_back_was_not_agreed_to() {
    juliet(|ctx| {
        inside(ctx);
        let open = "muc_hidden muc_nonanonymous urn:xmpp:mam:2";
        let state = |ctx: &Ctx| ctx.tx.room(ROOM).unwrap().unwrap().state;
        becomes(ctx, "muc_nonanonymous urn:xmpp:mam:2");
        commands::carry_out(ctx, ROOM, RoomChange::Accept).unwrap();
        assert_eq!(state(ctx), RoomState::Joined);
        // One of both goes: to the other we agreed still.
        becomes(ctx, open);
        assert_eq!(state(ctx), RoomState::Joined);
        becomes(ctx, "muc_nonanonymous urn:xmpp:mam:2");
        assert_eq!(state(ctx), RoomState::Halted);
        becomes(ctx, PRIVATE);
        assert_eq!(state(ctx), RoomState::Joined);
        becomes(ctx, open);
        assert_eq!(state(ctx), RoomState::Halted);
    });
}

/// Answers all three lists; the members are these.
fn lists(ctx: &mut Ctx, members: &[&str]) {
    for list in ["owner", "admin", "member"] {
        ctx.ask_due().unwrap();
        let wants = ctx.tx.wants_about(Kind::RoomMembers.code(), ROOM).unwrap();
        let id = wants.into_iter().find(|want| want.arg == list).unwrap().iq.unwrap();
        let item = |jid: &&str| format!("<item affiliation='member' jid='{jid}'/>");
        let items: String = members.iter().filter(|_| list == "member").map(item).collect();
        let query = format!("<query xmlns='http://jabber.org/protocol/muc#admin'>{items}</query>");
        let iq = format!("<iq xmlns='jabber:client' type='result' id='{id}' from='{ROOM}'>{query}</iq>");
        want::answered(ctx, &xml(&iq)).unwrap();
    }
}

#[test]
fn who_was_named_while_we_were_halted_is_known_before_anything_is_said() {
    juliet(|ctx| {
        inside(ctx);
        let people =
            |ctx: &Ctx| -> Vec<String> { ctx.tx.members(ROOM).unwrap().into_iter().map(|row| row.jid).collect() };
        let (romeo, tybalt, nurse) = ("romeo@montague.example", "tybalt@capulet.example", "nurse@capulet.example");
        becomes(ctx, "muc_membersonly muc_nonanonymous urn:xmpp:mam:2");
        lists(ctx, &[romeo, tybalt]);
        commands::carry_out(ctx, ROOM, RoomChange::Accept).unwrap();
        assert_eq!(held_by(ctx, ROOM).unwrap(), Some("room_members"));
        lists(ctx, &[romeo, nurse]);
        assert_eq!(held_by(ctx, ROOM).unwrap(), None);
        assert_eq!(people(ctx), [nurse, romeo]);
        becomes(ctx, "muc_nonanonymous urn:xmpp:mam:2");
        becomes(ctx, PRIVATE);
        assert_eq!(held_by(ctx, ROOM).unwrap(), Some("room_members"));
        lists(ctx, &[romeo]);
        assert_eq!((held_by(ctx, ROOM).unwrap(), people(ctx)), (None, vec![romeo.to_owned()]));
    });
}

#[test]
fn on_a_new_stream_the_lists_are_asked_for_in_a_halted_room_too() {
    juliet(|ctx| {
        inside(ctx);
        becomes(ctx, "muc_membersonly muc_nonanonymous urn:xmpp:mam:2");
        lists(ctx, &["romeo@montague.example"]);
        ctx.stream = 2;
        forget(ctx).unwrap();
        begin(ctx).unwrap();
        is(ctx, "muc_membersonly muc_nonanonymous urn:xmpp:mam:2");
        ctx.ask_due().unwrap();
        let own = ctx.bare();
        occupant(ctx, "juliet", &own, "<status code='110'/>");
        assert_eq!(ctx.tx.room(ROOM).unwrap().unwrap().state, RoomState::Halted);
        lists(ctx, &["nurse@capulet.example"]);
        let members: Vec<String> = ctx.tx.members(ROOM).unwrap().into_iter().map(|row| row.jid).collect();
        assert_eq!(members, ["nurse@capulet.example"]);
    });
}

#[test]
fn the_room_is_asked_to_name_even_whom_our_list_has_as_a_member() {
    juliet(|ctx| {
        inside(ctx);
        let invited =
            |ctx: &Ctx| sent(ctx).iter().filter(|stanza| stanza.has_child("x", "jabber:x:conference")).count();
        let invite = |ctx: &mut Ctx, jid: &str| {
            let own = ctx.bare();
            admission::heard(ctx, ROOM, &own, "owner").unwrap();
            commands::carry_out(ctx, ROOM, RoomChange::Invite { jid: jid.into() }).unwrap();
        };
        admission::heard(ctx, ROOM, "romeo@montague.example", "member").unwrap();
        invite(ctx, "romeo@montague.example");
        assert_eq!(invited(ctx), 0);
        answers(ctx, Kind::RoomAffiliate, "");
        assert_eq!(invited(ctx), 1);
        admission::heard(ctx, ROOM, "nurse@capulet.example", "admin").unwrap();
        invite(ctx, "nurse@capulet.example");
        // The lists came, and she is one of the admins still.
        for list in members::LISTS {
            ctx.tx.unwant(Kind::RoomMembers.code(), ROOM, list).unwrap();
        }
        members::ask_waiting(ctx).unwrap();
        ctx.ask_due().unwrap();
        assert!(ctx.tx.wants_about(Kind::RoomAffiliate.code(), ROOM).unwrap().is_empty());
        assert_eq!(invited(ctx), 2);
    });
}

#[test]
fn where_nobody_looks_a_room_is_asked_once_an_hour_and_at_once_when_somebody_does_again() {
    juliet(|ctx| {
        inside(ctx);
        let minutes = |ctx: &Ctx| {
            let wants = ctx.tx.wants_about(Kind::RoomPing.code(), ROOM).unwrap();
            assert_eq!(wants.len(), 1);
            (wants[0].due - ctx.now.wall) / 60_000
        };
        assert_eq!(minutes(ctx), 15);
        ctx.inactive = true;
        ping::looked(ctx).unwrap();
        assert_eq!(minutes(ctx), 60);
        ctx.inactive = false;
        ping::looked(ctx).unwrap();
        assert_eq!(minutes(ctx), 0);
    });
}
