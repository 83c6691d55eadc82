//! What a person asks for: in one breath, of the wrong ones, and what waited while a room was not private.

use super::*;
use crate::model::{Admission, Delivery};

const ROMEO: &str = "romeo@montague.example";
const NURSE: &str = "nurse@capulet.example";

fn command(ctx: &mut Ctx, change: RoomChange) -> Result<()> {
    commands::carry_out(ctx, ROOM, change)
}

fn kind(outcome: Result<()>) -> ErrorKind {
    outcome.expect_err("it is refused").kind
}

/// Affiliations that were asked for so far.
fn asked_for(ctx: &mut Ctx) -> Vec<String> {
    ctx.ask_due().unwrap();
    let changes = sent(ctx).into_iter().filter(|stanza| stanza.attr("type") == Some("set"));
    let items = changes.filter_map(|stanza| {
        let item = stanza.get_child("query", "http://jabber.org/protocol/muc#admin")?.children().next()?.clone();
        Some(format!("{} {}", item.attr("affiliation")?, item.attr("jid")?))
    });
    items.collect()
}

#[test]
fn whom_we_invite_in_the_breath_in_which_we_make_the_room_is_invited_once_it_stands() {
    juliet(|ctx| {
        let own = ctx.bare();
        ctx.tx.set_complete(&own, ctx.stream).unwrap();
        command(ctx, RoomChange::Create { nick: None }).unwrap();
        command(ctx, RoomChange::Invite { jid: ROMEO.into() }).unwrap();
        assert_eq!(asked_for(ctx), [""; 0]);
        answers(ctx, Kind::RoomInfo, "error item-not-found");
        ctx.ask_due().unwrap();
        occupant(ctx, "juliet", &own, "<status code='110'/><status code='201'/>");
        assert_eq!(asked_for(ctx), [""; 0]);
        let fields: String = ["muc#roomconfig_membersonly", "muc#roomconfig_whois"]
            .map(|name| format!("<field var='{name}'/>"))
            .concat();
        answers(
            ctx,
            Kind::RoomForm,
            &format!(
                "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data'>{fields}</x></query>"
            ),
        );
        answers(ctx, Kind::RoomConfigure, "");
        is(ctx, PRIVATE);
        assert_eq!(asked_for(ctx), [format!("member {ROMEO}")]);
        answers(ctx, Kind::RoomAffiliate, "");
        assert_eq!(ctx.tx.member(ROOM, ROMEO).unwrap().unwrap().admission, Admission::Admitted);
        let invitations = sent(ctx).iter().filter(|stanza| stanza.has_child("x", "jabber:x:conference")).count();
        assert_eq!(invitations, 1);
    });
}

#[test]
fn whom_we_invite_into_a_room_that_does_not_come_about_is_told_as_not_invited() {
    juliet(|ctx| {
        command(ctx, RoomChange::Create { nick: None }).unwrap();
        command(ctx, RoomChange::Invite { jid: ROMEO.into() }).unwrap();
        is(ctx, PRIVATE);
        assert!(ctx.tx.wants_about(Kind::RoomAffiliate.code(), ROOM).unwrap().is_empty());
        let told =
            "SELECT json_extract(data, '$.change') FROM event WHERE kind = 'room_member' ORDER BY id DESC LIMIT 1";
        let told: String = ctx.tx.look().query_row(told, [], |row| row.get(0)).unwrap();
        assert_eq!(told, "not_invited");
    });
}

#[test]
fn an_owner_of_our_list_is_looked_up_before_they_are_only_invited() {
    juliet(|ctx| {
        inside(ctx);
        let own = ctx.bare();
        members::fetch(ctx, ROOM).unwrap();
        lists(ctx, &[&own, ROMEO]);
        for jid in [&own, NURSE] {
            admission::heard(ctx, ROOM, jid, "owner").unwrap();
        }
        command(ctx, RoomChange::Invite { jid: NURSE.into() }).unwrap();
        assert_eq!(asked_for(ctx), [""; 0]);
        // She is none any more: so she is named again.
        lists(ctx, &[&own, ROMEO]);
        assert_eq!(asked_for(ctx), [format!("member {NURSE}")]);
    });
}

#[test]
fn wishes_that_mean_nothing_are_refused_by_name() {
    juliet(|ctx| {
        inside(ctx);
        let own = ctx.bare();
        let invite = |ctx: &mut Ctx, jid: &str| kind(command(ctx, RoomChange::Invite { jid: jid.into() }));
        assert_eq!(invite(ctx, &own), ErrorKind::OwnAddress);
        assert_eq!(kind(command(ctx, RoomChange::Remove { jid: own.clone() })), ErrorKind::OwnAddress);
        assert_eq!(kind(command(ctx, RoomChange::Admit { jid: own.clone() })), ErrorKind::OwnAddress);
        let beside = ROOM.replace('@', "-beside@");
        for jid in ["montague.example", "nobody", ROOM, &beside] {
            assert_eq!(invite(ctx, jid), ErrorKind::NobodyThere, "{jid}");
        }
        assert_eq!(invite(ctx, "@@"), ErrorKind::InvalidJid);
        assert_eq!(kind(command(ctx, RoomChange::Accept)), ErrorKind::RoomIsPrivate);
        let none = commands::carry_out(ctx, "nope@rooms.example", RoomChange::Leave);
        assert_eq!(kind(none), ErrorKind::UnknownRoom);
        let commanded = |ctx: &mut Ctx, command| super::super::super::commands::carry_out(ctx, command).map(drop);
        use crate::command::Command;
        let allow = Command::AllowPlain { chat: ROOM.into(), allow: true };
        assert_eq!(kind(commanded(ctx, allow)), ErrorKind::RoomSealed);
        let read = Command::MarkRead { chat: "nobody@montague.example".into() };
        assert_eq!(kind(commanded(ctx, read)), ErrorKind::UnknownChat);
        let typing = Command::Typing { chat: "nobody@montague.example".into(), typing: true };
        assert_eq!(kind(commanded(ctx, typing)), ErrorKind::UnknownChat);
    });
}

#[test]
fn what_waited_while_the_room_was_open_is_for_those_only_who_belonged_to_it_then() {
    juliet(|ctx| {
        inside(ctx);
        members::fetch(ctx, ROOM).unwrap();
        lists(ctx, &[ROMEO]);
        ctx.now.wall += 1_000;
        let message = says_to(ctx, ROOM, "for Romeo").unwrap();
        let written = ctx.tx.message(message.parse().unwrap()).unwrap().unwrap().sent;
        ctx.now.wall += 1_000;
        becomes(ctx, "muc_hidden muc_nonanonymous urn:xmpp:mam:2");
        names_and_admits(ctx, NURSE);
        ctx.now.wall += 1_000;
        becomes(ctx, PRIVATE);
        let people =
            |ctx: &Ctx, written| admission::people(ctx, &ctx.tx.room(ROOM).unwrap().unwrap(), Some(written)).unwrap();
        assert_eq!(people(ctx, written), [ROMEO]);
        assert_eq!(people(ctx, ctx.now.wall), [NURSE, ROMEO]);
        // A person who says that they go on as it is means all.
        command(ctx, RoomChange::Accept).unwrap();
        assert_eq!(people(ctx, written), [NURSE, ROMEO]);
    });
}

fn names_and_admits(ctx: &mut Ctx, jid: &str) {
    admission::heard(ctx, ROOM, jid, "member").unwrap();
    command(ctx, RoomChange::Admit { jid: jid.into() }).unwrap();
}

#[test]
fn what_waited_and_is_for_nobody_any_more_fails_and_holds_nothing_up() {
    juliet(|ctx| {
        inside(ctx);
        members::fetch(ctx, ROOM).unwrap();
        lists(ctx, &[ROMEO]);
        ctx.now.wall += 1_000;
        let message = says_to(ctx, ROOM, "for Romeo").unwrap();
        ctx.now.wall += 1_000;
        becomes(ctx, "muc_hidden muc_nonanonymous urn:xmpp:mam:2");
        ctx.now.wall += 1_000;
        becomes(ctx, PRIVATE);
        lists(ctx, &[NURSE]);
        let own = ctx.bare();
        for jid in [own.as_str(), NURSE, ROMEO] {
            for version in crate::engine::devices::VERSIONS {
                ctx.tx.confirm_device_list(jid, version, ctx.stream, 0).unwrap();
            }
        }
        crate::engine::pump::pump(ctx).unwrap();
        let row = ctx.tx.message(message.parse().unwrap()).unwrap().unwrap();
        assert_eq!(row.state, Some(Delivery::Failed));
    });
}

#[test]
fn a_nick_may_hold_a_slash_and_none_that_no_address_can_hold() {
    juliet(|ctx| {
        let own = ctx.bare();
        ctx.tx.set_complete(&own, ctx.stream).unwrap();
        for nick in ["", "\u{7}", &"n".repeat(2_000)] {
            assert_eq!(kind(command(ctx, RoomChange::Join { nick: Some(nick.to_owned()) })), ErrorKind::InvalidInput);
        }
        command(ctx, RoomChange::Join { nick: Some("a/b".into()) }).unwrap();
        is(ctx, PRIVATE);
        ctx.ask_due().unwrap();
        occupant(ctx, "romeo", ROMEO, "");
        occupant(ctx, "a/b", &own, "<status code='110'/>");
        let row = ctx.tx.room(ROOM).unwrap().unwrap();
        assert_eq!((row.state, row.nick.as_str()), (RoomState::Joined, "a/b"));
    });
}

#[test]
fn who_was_banned_is_told_so_again_though_the_room_calls_them_no_member() {
    juliet(|ctx| {
        inside(ctx);
        hears(
            ctx,
            &format!(
                "<presence from='{ROOM}/juliet' type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'>
                 <item affiliation='outcast'/><status code='301'/><status code='110'/></x></presence>"
            ),
        );
        let reason = |ctx: &Ctx| ctx.tx.room(ROOM).unwrap().unwrap().reason.unwrap();
        assert_eq!(reason(ctx), ErrorKind::RoomBanned.code());
        command(ctx, RoomChange::Join { nick: None }).unwrap();
        is(ctx, PRIVATE);
        ctx.ask_due().unwrap();
        hears(
            ctx,
            &format!(
                "<presence type='error' from='{ROOM}/juliet'><error type='auth'>
                 <registration-required xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
            ),
        );
        assert_eq!(reason(ctx), ErrorKind::RoomBanned.code());
    });
}
