//! Who gets what is said: a server that names members, and people who do.

use super::*;
use crate::engine::omemo::Author;
use crate::engine::recipients;
use crate::engine::room::spoken::{self, Spoken};
use crate::engine::trust::{self, alarms};
use crate::model::{Admission, Trust};
use crate::store::device::DeviceRow;
use dunnock_omemo::Version;

const ROMEO: &str = "romeo@montague.example";
const TYBALT: &str = "tybalt@capulet.example";
const NURSE: &str = "nurse@capulet.example";
const GHOST: &str = "ghost@elsinore.example";

/// Juliet inside, and the first lists came: Romeo and Tybalt.
fn met(ctx: &mut Ctx) {
    inside(ctx);
    let own = ctx.bare();
    members::fetch(ctx, ROOM).unwrap();
    lists(ctx, &[ROMEO, TYBALT, &own]);
    assert!(ctx.tx.room(ROOM).unwrap().unwrap().met);
}

fn people(ctx: &Ctx) -> Vec<String> {
    admission::people(ctx, &ctx.tx.room(ROOM).unwrap().unwrap(), None).unwrap()
}

fn stands(ctx: &Ctx, jid: &str) -> Option<Admission> {
    ctx.tx.member(ROOM, jid).unwrap().map(|row| row.admission)
}

/// The room says by itself what somebody is to it.
fn names(ctx: &mut Ctx, jid: &str, affiliation: &str) {
    hears(
        ctx,
        &format!(
            "<message from='{ROOM}'><x xmlns='http://jabber.org/protocol/muc#user'>
             <item affiliation='{affiliation}' jid='{jid}'/></x></message>"
        ),
    );
}

/// Alarms about members of rooms that are open.
fn alarmed(ctx: &mut Ctx) -> Vec<String> {
    trust::due(ctx).unwrap();
    let mut rows =
        ctx.tx.look().prepare("SELECT jid FROM alarm WHERE room = ? AND answer IS NULL ORDER BY id").unwrap();
    let rows = rows.query_map([ROOM], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn changes(ctx: &Ctx, jid: &str) -> Vec<String> {
    let sql = "SELECT json_extract(data, '$.change') FROM event WHERE kind = 'room_member' AND json_extract(data, '$.jid') = ? ORDER BY id";
    let mut rows = ctx.tx.look().prepare(sql).unwrap();
    let rows = rows.query_map([jid], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// A device that is listed, with a key.
fn device(ctx: &mut Ctx, jid: &str, device: u32, trust: Trust) -> DeviceRow {
    let row = DeviceRow {
        identity: Some([device as u8; 32]),
        listed2: true,
        ever2: true,
        trust,
        ..DeviceRow::unknown(jid, device)
    };
    ctx.tx.put_device(&row).unwrap();
    row
}

/// A device says, sealed, whom it asked in or took out.
fn speaks(ctx: &mut Ctx, jid: &str, row: &DeviceRow, who: &str, asked_in: bool) {
    let author = Author { device: row.device, identity: row.identity.unwrap(), trust: row.trust, version: Version::V2 };
    let spoken = Spoken { room: ROOM.into(), said: vec![(who.into(), asked_in)] };
    spoken::received(ctx, Some(ROOM), jid, &author, &spoken).unwrap();
}

fn command(ctx: &mut Ctx, change: RoomChange) -> Result<()> {
    commands::carry_out(ctx, ROOM, change)
}

#[test]
fn whom_the_room_names_after_the_first_contact_gets_nothing_until_a_person_admits_them() {
    juliet(|ctx| {
        met(ctx);
        device(ctx, GHOST, 666, Trust::FirstUse);
        names(ctx, GHOST, "member");
        assert_eq!(people(ctx), [ROMEO, TYBALT]);
        // The sender sees that somebody is left out.
        assert_eq!(recipients::of(ctx, ROOM, 0).unwrap().known, 1);
        assert_eq!((alarmed(ctx), changes(ctx, GHOST)), (vec![GHOST.to_owned()], vec!["waiting".to_owned()]));
        // To be made an admin, to come in and to be on the lists changes nothing.
        names(ctx, GHOST, "admin");
        occupant(ctx, "ghost", GHOST, "");
        members::fetch(ctx, ROOM).unwrap();
        lists(ctx, &[ROMEO, TYBALT, GHOST]);
        assert_eq!((people(ctx), stands(ctx, GHOST)), (vec![ROMEO.into(), TYBALT.into()], Some(Admission::Waiting)));
        assert_eq!(alarmed(ctx), [GHOST]);
        command(ctx, RoomChange::Admit { jid: GHOST.into() }).unwrap();
        assert_eq!(people(ctx), [GHOST, ROMEO, TYBALT]);
        assert_eq!((alarmed(ctx), changes(ctx, GHOST).pop()), (vec![], Some("admitted".into())));
        // Whoever is named again after going is new again.
        names(ctx, GHOST, "none");
        names(ctx, GHOST, "member");
        assert_eq!(people(ctx), [ROMEO, TYBALT]);
        let nobody = command(ctx, RoomChange::Admit { jid: NURSE.into() }).err().unwrap();
        assert_eq!((nobody.kind, nobody.subject.as_str()), (ErrorKind::UnknownMember, NURSE));
    });
}

#[test]
fn on_a_new_stream_nobody_is_admitted_by_being_on_the_lists() {
    juliet(|ctx| {
        met(ctx);
        ctx.stream += 1;
        forget(ctx).unwrap();
        begin(ctx).unwrap();
        is(ctx, PRIVATE);
        ctx.ask_due().unwrap();
        occupant(ctx, "ghost", GHOST, "");
        let own = ctx.bare();
        occupant(ctx, "juliet", &own, "<status code='110'/>");
        lists(ctx, &[ROMEO, TYBALT, GHOST]);
        assert_eq!((people(ctx), stands(ctx, GHOST)), (vec![ROMEO.into(), TYBALT.into()], Some(Admission::Waiting)));
    });
}

#[test]
fn being_put_out_and_coming_again_is_no_first_contact_but_leaving_and_coming_again_is() {
    juliet(|ctx| {
        met(ctx);
        let comes = |ctx: &mut Ctx, with: &str| {
            command(ctx, RoomChange::Join { nick: None }).unwrap();
            is(ctx, PRIVATE);
            ctx.ask_due().unwrap();
            let own = ctx.bare();
            occupant(ctx, "juliet", &own, "<status code='110'/>");
            lists(ctx, &[ROMEO, with]);
        };
        hears(
            ctx,
            &format!(
                "<presence from='{ROOM}/juliet' type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'>
                 <item/><status code='321'/><status code='110'/></x></presence>"
            ),
        );
        comes(ctx, GHOST);
        assert_eq!(stands(ctx, GHOST), Some(Admission::Waiting));
        command(ctx, RoomChange::Leave).unwrap();
        comes(ctx, NURSE);
        assert_eq!(stands(ctx, NURSE), Some(Admission::Admitted));
    });
}

#[test]
fn a_server_that_holds_its_lists_back_does_not_keep_the_first_contact_open() {
    juliet(|ctx| {
        inside(ctx);
        members::fetch(ctx, ROOM).unwrap();
        assert!(!ctx.tx.room(ROOM).unwrap().unwrap().met);
        let id = says_to(ctx, ROOM, "one").unwrap();
        let row = ctx.tx.message(id.parse().unwrap()).unwrap().unwrap();
        let stanza = xml(&format!("<message xmlns='jabber:client' type='groupchat' to='{ROOM}' id='one'/>"));
        outbox::keep(ctx, &row, &Sealed::message(&stanza).unwrap(), "[]").unwrap();
        names(ctx, GHOST, "member");
        assert_eq!(stands(ctx, GHOST), Some(Admission::Waiting));
    });
}

#[test]
fn who_is_something_else_to_the_room_now_is_nobody_new() {
    juliet(|ctx| {
        met(ctx);
        // Of three lists the first says that he is no admin any more, the last that he is a member.
        let row = ctx.tx.member(ROOM, ROMEO).unwrap().unwrap();
        let admin = crate::store::member::MemberRow { affiliation: "admin".into(), ..row };
        ctx.tx.put_member(ROOM, &admin).unwrap();
        members::fetch(ctx, ROOM).unwrap();
        lists(ctx, &[ROMEO, TYBALT]);
        assert_eq!((people(ctx), changes(ctx, ROMEO)), (vec![ROMEO.into(), TYBALT.into()], vec!["member".to_owned()]));
        members::fetch(ctx, ROOM).unwrap();
        lists(ctx, &[TYBALT]);
        assert_eq!((people(ctx), changes(ctx, ROMEO).pop()), (vec![TYBALT.into()], Some("gone".into())));
    });
}

#[test]
fn whom_a_person_here_asks_in_gets_all_and_others_hear_it_sealed() {
    juliet(|ctx| {
        met(ctx);
        let own = ctx.bare();
        names(ctx, &own, "owner");
        command(ctx, RoomChange::Invite { jid: NURSE.into() }).unwrap();
        // Some rooms say it before they answer.
        names(ctx, NURSE, "member");
        assert_eq!(people(ctx), [NURSE, ROMEO, TYBALT]);
        answers(ctx, Kind::RoomAffiliate, "");
        assert_eq!((people(ctx).len(), alarmed(ctx)), (3, vec![]));
        let said: Vec<String> = ctx.tx.parcels_of(ROOM, 9).unwrap().into_iter().map(|row| row.content).collect();
        assert_eq!(said.len(), 1);
        let told = Spoken::of(&xml(&said[0])).unwrap();
        assert_eq!(told, Spoken { room: ROOM.into(), said: vec![(NURSE.into(), true)] });
        // Whom the room named before is admitted by being asked in.
        names(ctx, GHOST, "member");
        command(ctx, RoomChange::Invite { jid: GHOST.into() }).unwrap();
        assert_eq!(stands(ctx, GHOST), Some(Admission::Waiting));
        answers(ctx, Kind::RoomAffiliate, "");
        assert_eq!(stands(ctx, GHOST), Some(Admission::Admitted));
    });
}

#[test]
fn a_device_that_counts_speaks_for_whom_it_asked_in_and_no_other_does() {
    juliet(|ctx| {
        met(ctx);
        let first = device(ctx, ROMEO, 5, Trust::FirstUse);
        let verified = device(ctx, TYBALT, 6, Trust::Verified);
        let spy = device(ctx, ROMEO, 7, Trust::Undecided);
        names(ctx, NURSE, "member");
        // A word may follow: the alarm waits a moment for it.
        assert_eq!(alarmed(ctx), [""; 0]);
        speaks(ctx, ROMEO, &spy, NURSE, true);
        speaks(ctx, ROMEO, &first, NURSE, true);
        assert_eq!(stands(ctx, NURSE), Some(Admission::Waiting));
        speaks(ctx, TYBALT, &verified, NURSE, true);
        assert_eq!((stands(ctx, NURSE), alarmed(ctx)), (Some(Admission::Admitted), vec![]));
        // The word may come before the room's; who waits may not speak.
        speaks(ctx, TYBALT, &verified, "peter@capulet.example", true);
        names(ctx, "peter@capulet.example", "member");
        assert_eq!(stands(ctx, "peter@capulet.example"), Some(Admission::Admitted));
        names(ctx, GHOST, "member");
        let ghosts = device(ctx, GHOST, 8, Trust::Verified);
        speaks(ctx, GHOST, &ghosts, GHOST, true);
        assert_eq!(stands(ctx, GHOST), Some(Admission::Waiting));
        ctx.now.wall += 10_001;
        assert_eq!(alarmed(ctx), [GHOST]);
        // A word for one room says nothing of another.
        let elsewhere = Spoken { room: "mantua@rooms.example".into(), said: vec![(GHOST.into(), true)] };
        let author = Author { device: 6, identity: [6; 32], trust: Trust::Verified, version: Version::V2 };
        spoken::received(ctx, Some(ROOM), TYBALT, &author, &elsewhere).unwrap();
        assert_eq!(stands(ctx, GHOST), Some(Admission::Waiting));
        // Whom he took out gets nothing, though the room names them still.
        speaks(ctx, TYBALT, &verified, NURSE, false);
        assert_eq!((stands(ctx, NURSE), alarmed(ctx)), (Some(Admission::Waiting), vec![GHOST.into(), NURSE.into()]));
    });
}

#[test]
fn what_a_device_said_before_it_counted_counts_afterwards() {
    juliet(|ctx| {
        met(ctx);
        let row = device(ctx, ROMEO, 5, Trust::FirstUse);
        names(ctx, NURSE, "member");
        speaks(ctx, ROMEO, &row, NURSE, true);
        assert_eq!((stands(ctx, NURSE), alarmed(ctx)), (Some(Admission::Waiting), vec![NURSE.into()]));
        crate::engine::trust::decision::of_person(ctx, &row, Trust::Verified).unwrap();
        assert_eq!((stands(ctx, NURSE), alarmed(ctx)), (Some(Admission::Admitted), vec![]));
    });
}

#[test]
fn an_alarm_is_answered_for_good_and_what_one_of_our_devices_decided_holds_for_the_others() {
    juliet(|ctx| {
        met(ctx);
        let own = ctx.bare();
        let tomb = device(ctx, &own, 9, Trust::Verified);
        names(ctx, GHOST, "member");
        ctx.now.wall += 10_001;
        assert_eq!(alarmed(ctx), [GHOST]);
        alarms::answer(ctx, "1", "rejected").unwrap();
        assert_eq!((stands(ctx, GHOST), alarmed(ctx)), (Some(Admission::Refused), vec![]));
        let told = ctx.tx.parcels_of(&own, 9).unwrap().pop().unwrap();
        assert_eq!(told.chat, own);
        // The room asks in vain, and so does another member.
        let verified = device(ctx, TYBALT, 6, Trust::Verified);
        speaks(ctx, TYBALT, &verified, GHOST, true);
        assert_eq!(stands(ctx, GHOST), Some(Admission::Refused));
        let author =
            Author { device: 9, identity: tomb.identity.unwrap(), trust: Trust::Verified, version: Version::V2 };
        let words = Spoken { room: ROOM.into(), said: vec![(GHOST.into(), true)] };
        spoken::received(ctx, None, TYBALT, &author, &words).unwrap();
        assert_eq!(stands(ctx, GHOST), Some(Admission::Refused));
        spoken::received(ctx, None, &own, &author, &words).unwrap();
        assert_eq!(stands(ctx, GHOST), Some(Admission::Admitted));
    });
}

#[test]
fn what_somebody_says_who_waits_is_marked() {
    juliet(|ctx| {
        met(ctx);
        names(ctx, GHOST, "member");
        let trust = |ctx: &Ctx, jid: &str| {
            let author = Author { device: 5, identity: [5; 32], trust: Trust::FirstUse, version: Version::V2 };
            admission::author(ctx, Some(ROOM), jid, Some(author)).unwrap().unwrap().trust
        };
        assert_eq!((trust(ctx, GHOST), trust(ctx, ROMEO)), (Trust::Undecided, Trust::FirstUse));
        command(ctx, RoomChange::Admit { jid: GHOST.into() }).unwrap();
        assert_eq!(trust(ctx, GHOST), Trust::FirstUse);
    });
}

#[test]
fn a_room_that_names_a_thousand_fills_no_list_of_alarms() {
    juliet(|ctx| {
        met(ctx);
        for number in 0..60 {
            names(ctx, &format!("ghost{number}@elsinore.example"), "member");
        }
        assert_eq!(alarmed(ctx).len(), 20);
        assert_eq!(people(ctx), [ROMEO, TYBALT]);
    });
}

#[test]
fn who_is_taken_out_gets_nothing_from_that_moment_unless_the_room_refuses() {
    juliet(|ctx| {
        met(ctx);
        let own = ctx.bare();
        names(ctx, &own, "owner");
        command(ctx, RoomChange::Remove { jid: ROMEO.into() }).unwrap();
        assert_eq!(people(ctx), [TYBALT]);
        answers(ctx, Kind::RoomAffiliate, "error not-allowed");
        assert_eq!(people(ctx), [ROMEO, TYBALT]);
        command(ctx, RoomChange::Remove { jid: ROMEO.into() }).unwrap();
        answers(ctx, Kind::RoomAffiliate, "");
        assert_eq!((people(ctx), stands(ctx, ROMEO)), (vec![TYBALT.to_owned()], None));
    });
}
