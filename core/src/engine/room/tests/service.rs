//! A service of rooms that is not what it should be: forged ids, presences and configurations; and what an honest one may
//! answer to a ping, or lacks.

use super::*;
use crate::engine::room::{outbox, ping};

const ROMEO: &str = "romeo@montague.example";
const TYBALT: &str = "tybalt@capulet.example";
const MUC_USER: &str = "http://jabber.org/protocol/muc#user";

fn people(ctx: &Ctx) -> Vec<String> {
    admission::people(ctx, &ctx.tx.room(ROOM).unwrap().unwrap(), None).unwrap()
}

/// Juliet inside, and the lists came.
fn met(ctx: &mut Ctx) {
    inside(ctx);
    members::fetch(ctx, ROOM).unwrap();
    lists(ctx, &[ROMEO, TYBALT]);
}

/// To whom anything was sent so far, but the room and our own server.
fn asked(ctx: &mut Ctx) -> Vec<String> {
    ctx.ask_due().unwrap();
    let mut to: Vec<String> = sent(ctx).iter().filter_map(|stanza| Some(stanza.attr("to")?.to_owned())).collect();
    to.retain(|to| !to.starts_with(ROOM) && to != ROMEO && to != TYBALT);
    to.sort();
    to.dedup();
    to
}

#[test]
fn whatever_a_service_says_of_members_and_occupants_nobody_new_gets_anything() {
    juliet(|ctx| {
        met(ctx);
        let own = ctx.bare();
        let item =
            |jid: &str, affiliation: &str| format!("<item affiliation='{affiliation}' role='moderator' jid='{jid}'/>");
        for (nick, items, more) in [
            ("ghost", item("ghost@elsinore.example/a", "owner"), ""),
            ("romeo", item("ghost@elsinore.example/a", "member"), ""),
            ("many", item("ghost@elsinore.example/a", "member") + &item("second@elsinore.example/a", "member"), ""),
            ("server", item("elsinore.example", "member"), ""),
            ("room", item(ROOM, "member"), ""),
            ("inner", item(&format!("{ROOM}/romeo"), "owner"), ""),
            ("odd", "<item affiliation='member' jid='@@@'/>".into(), ""),
            ("none", "<item affiliation='member'/>".into(), ""),
            ("empty", String::new(), ""),
            ("juliet", item("ghost@elsinore.example/a", "owner"), "<status code='110'/>"),
            ("made", item(&own, "owner"), "<status code='110'/><status code='201'/>"),
            ("ghost2", item("x", "sovereign"), "<status code='999'/><status/>"),
        ] {
            hears(ctx, &format!("<presence from='{ROOM}/{nick}'><x xmlns='{MUC_USER}'>{items}{more}</x></presence>"));
        }
        assert_eq!(people(ctx), [ROMEO, TYBALT]);
        // They are not even asked for their devices, but the few whose alarms are open.
        for number in 0..300 {
            occupant(ctx, &format!("g{number}"), &format!("g{number}@g{number}.example"), "");
        }
        assert_eq!(people(ctx), [ROMEO, TYBALT]);
        assert!(asked(ctx).len() <= 20, "{:?}", asked(ctx));
        assert!(ctx.tx.members_in(ROOM, None).unwrap() <= 1_000);
    });
}

#[test]
fn one_service_can_say_nothing_in_the_name_of_another_room_or_of_a_person() {
    juliet(|ctx| {
        met(ctx);
        let row = ctx.tx.room(ROOM).unwrap().unwrap();
        let evil = "trap@evil.example";
        let user = |items: &str| format!("<x xmlns='{MUC_USER}'>{items}</x>");
        for stanza in [
            format!("<presence from='{evil}/juliet'>{}</presence>", user("<item/><status code='110'/>")),
            format!(
                "<presence from='{evil}/juliet' type='unavailable'>{}</presence>",
                user("<status code='110'/><status code='301'/>")
            ),
            format!("<message type='groupchat' from='{evil}/romeo' id='1'><body>in no room of ours</body></message>"),
            format!("<message type='groupchat' from='{evil}' id='2'>{}</message>", user("<status code='104'/>")),
            format!(
                "<message from='{evil}'>{}</message>",
                user("<item affiliation='member' jid='ghost@elsinore.example'/>")
            ),
            // Ids of archives that it is not.
            format!(
                "<message type='groupchat' from='{evil}/romeo' id='3'><body>x</body><stanza-id xmlns='urn:xmpp:sid:0' by='{ROOM}' id='seven'/></message>"
            ),
        ] {
            hears(ctx, &stanza);
        }
        assert_eq!(timeline(ctx), []);
        assert!(ctx.tx.room(evil).unwrap().is_none());
        let after = ctx.tx.room(ROOM).unwrap().unwrap();
        assert!(row == after);
        assert_eq!(held_by(ctx, ROOM).unwrap(), None);
        assert_ne!(ctx.tx.archive(ROOM).unwrap().unwrap().cursor.as_deref(), Some("seven"));
        // Its own archive's ids hide nothing that somebody else says.
        says(ctx, "romeo", "one", &format!("<stanza-id xmlns='urn:xmpp:sid:0' by='{ROOM}' id='same'/>"));
        hears(
            ctx,
            &format!(
                "<message type='chat' from='{ROMEO}/r' id='c'><body>beside</body><stanza-id xmlns='urn:xmpp:sid:0' by='{}' id='same'/></message>",
                "juliet@capulet.example"
            ),
        );
        let beside: i64 = ctx
            .tx
            .look()
            .query_row("SELECT count(*) FROM message WHERE chat = ? AND body = 'beside'", [ROMEO], |row| row.get(0))
            .unwrap();
        assert_eq!((timeline(ctx).len(), beside), (1, 1));
    });
}

#[test]
fn an_occupant_id_that_a_service_gives_to_two_names_nobody() {
    juliet(|ctx| {
        met(ctx);
        becomes(ctx, &format!("{PRIVATE} urn:xmpp:occupant-id:0"));
        let comes = |ctx: &mut Ctx, nick: &str, jid: &str, id: &str| {
            hears(
                ctx,
                &format!(
                    "<presence from='{ROOM}/{nick}'><occupant-id xmlns='urn:xmpp:occupant-id:0' id='{id}'/>
                     <x xmlns='{MUC_USER}'><item affiliation='member' jid='{jid}/r'/></x></presence>"
                ),
            );
        };
        comes(ctx, "romeo", ROMEO, "r");
        let archived = |ctx: &mut Ctx, id: &str| {
            let row = ctx.tx.room(ROOM).unwrap().unwrap();
            let text = format!(
                "<message xmlns='jabber:client' type='groupchat' from='{ROOM}/romeo' id='{id}'><body>{id}</body>
                 <occupant-id xmlns='urn:xmpp:occupant-id:0' id='r'/></message>"
            );
            message::archived(ctx, &row, &xml(&text), id, Some(1)).unwrap();
        };
        archived(ctx, "before");
        comes(ctx, "tybalt", TYBALT, "r");
        archived(ctx, "after");
        let said: Vec<String> = timeline(ctx).into_iter().map(|(who, _)| who).collect();
        assert_eq!(said, [ROMEO, ROOM]);
    });
}

#[test]
fn each_answer_to_a_self_ping_means_what_the_specification_says() {
    let answers_to = [
        ("", true),
        ("service-unavailable", true),
        ("feature-not-implemented", true),
        ("item-not-found", true),
        ("remote-server-not-found", true),
        ("remote-server-timeout", true),
        ("not-acceptable", false),
        ("not-allowed", false),
        ("bad-request", false),
    ];
    for (condition, stays) in answers_to {
        juliet(|ctx| {
            met(ctx);
            ping::all(ctx).unwrap();
            ctx.ask_due().unwrap();
            let want = ctx.tx.find_want(Kind::RoomPing.code(), ROOM, "").unwrap().unwrap();
            assert_eq!(want.target, format!("{ROOM}/juliet"));
            let id = want.iq.unwrap();
            let (outcome, payload) = match condition {
                "" => ("result", String::new()),
                condition => (
                    "error",
                    format!("<error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"),
                ),
            };
            let answer = |from: &str| {
                format!("<iq xmlns='jabber:client' type='{outcome}' id='{id}' from='{from}'>{payload}</iq>")
            };
            // Nobody else inside can answer in our place.
            want::answered(ctx, &xml(&answer(&format!("{ROOM}/tybalt")))).unwrap();
            assert!(ctx.tx.want_by_iq(&id).unwrap().is_some(), "{condition}");
            want::answered(ctx, &xml(&answer(&format!("{ROOM}/juliet")))).unwrap();
            let row = ctx.tx.room(ROOM).unwrap().unwrap();
            assert_eq!(is_inside(ctx, &row), stays, "{condition}");
            // It is asked again, or the way in is.
            let next = if stays { Kind::RoomPing } else { Kind::RoomInfo };
            assert!(ctx.tx.find_want(next.code(), ROOM, "").unwrap().is_some(), "{condition}");
            assert!(row.wanted, "{condition}");
        });
    }
}

#[test]
fn a_taken_nick_is_numbered_and_given_up_after_nine() {
    juliet(|ctx| {
        commands::carry_out(ctx, ROOM, RoomChange::Join { nick: None }).unwrap();
        is(ctx, PRIVATE);
        for number in 2..=9 {
            ctx.ask_due().unwrap();
            let nick = ctx.tx.room(ROOM).unwrap().unwrap().nick;
            taken(ctx, &nick);
            assert_eq!(ctx.tx.room(ROOM).unwrap().unwrap().nick, format!("juliet {number}"));
        }
        ctx.ask_due().unwrap();
        taken(ctx, "juliet 9");
        let row = ctx.tx.room(ROOM).unwrap().unwrap();
        assert_eq!((row.state, row.reason.as_deref()), (RoomState::Refused, Some(ErrorKind::RoomNick.code())));
        // What nobody asked for changes nothing.
        taken(ctx, "juliet 9");
        assert!(ctx.tx.room(ROOM).unwrap().unwrap() == row);
    });
}

fn taken(ctx: &mut Ctx, nick: &str) {
    hears(
        ctx,
        &format!(
            "<presence type='error' from='{ROOM}/{nick}'><error type='cancel'>
             <conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
        ),
    );
}

#[test]
fn in_a_room_without_an_archive_its_memory_is_read_once_and_ours_go_again() {
    juliet(|ctx| {
        let bare = "muc_membersonly muc_hidden muc_nonanonymous";
        let own = ctx.bare();
        ctx.tx.set_cursor(&own, Some("one"), 0).unwrap();
        ctx.tx.set_complete(&own, ctx.stream).unwrap();
        let comes = |ctx: &mut Ctx| {
            is(ctx, bare);
            ctx.ask_due().unwrap();
            occupant(ctx, "romeo", ROMEO, "");
            occupant(ctx, "juliet", &own, "<status code='110'/>");
            mam::drain(ctx).unwrap();
            lists(ctx, &[ROMEO]);
            assert_eq!(held_by(ctx, ROOM).unwrap(), None);
        };
        commands::carry_out(ctx, ROOM, RoomChange::Join { nick: None }).unwrap();
        comes(ctx);
        // An id in the room's name is anybody's there.
        let forged = format!(
            "<stanza-id xmlns='urn:xmpp:sid:0' by='{ROOM}' id='seven'/><origin-id xmlns='urn:xmpp:sid:0' id='a'/>"
        );
        says(ctx, "romeo", "live", &forged);
        assert!(ctx.tx.archive(ROOM).unwrap().unwrap().cursor.is_none());
        let id = says_to(ctx, ROOM, "mine").unwrap();
        let row = ctx.tx.message(id.parse().unwrap()).unwrap().unwrap();
        let stanza = xml(&format!("<message xmlns='jabber:client' type='groupchat' to='{ROOM}' id='mine'/>"));
        outbox::keep(ctx, &row, &Sealed::message(&stanza).unwrap(), "[]").unwrap();
        ctx.stream += 1;
        ctx.tx.set_complete(&own, ctx.stream).unwrap();
        forget(ctx).unwrap();
        begin(ctx).unwrap();
        is(ctx, bare);
        ctx.ask_due().unwrap();
        occupant(ctx, "romeo", ROMEO, "");
        // The room's memory comes with its stamp, before anything live: the same message is the same.
        let late = format!(
            "<origin-id xmlns='urn:xmpp:sid:0' id='a'/><delay xmlns='urn:xmpp:delay' from='{ROOM}' stamp='1970-01-01T00:00:01Z'/>"
        );
        occupant(ctx, "juliet", &own, "<status code='110'/>");
        says(ctx, "romeo", "live", &late);
        mam::drain(ctx).unwrap();
        // What waited is one turn, what follows from it the next.
        mam::drain(ctx).unwrap();
        let went = sent(ctx).iter().filter(|stanza| stanza.attr("id") == Some("mine")).count();
        assert_eq!(went, 1);
        let live: Vec<String> = timeline(ctx).into_iter().map(|(_, text)| text).filter(|text| text == "live").collect();
        assert_eq!(live.len(), 1);
    });
}

#[test]
fn a_configuration_that_nobody_asked_about_changes_nothing() {
    juliet(|ctx| {
        met(ctx);
        let open = "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='muc_open'/></query>";
        let forged = format!("<iq xmlns='jabber:client' type='result' id='guess' from='{ROOM}'>{open}</iq>");
        want::answered(ctx, &xml(&forged)).unwrap();
        assert_eq!(held_by(ctx, ROOM).unwrap(), None);
        // Asked, another may not answer for it, and what it leaves out is a flaw.
        hears(
            ctx,
            &format!(
                "<message type='groupchat' from='{ROOM}'><x xmlns='{MUC_USER}'><status code='104'/></x></message>"
            ),
        );
        ctx.ask_due().unwrap();
        let id = ctx.tx.find_want(Kind::RoomInfo.code(), ROOM, "").unwrap().unwrap().iq.unwrap();
        let other = format!("<iq xmlns='jabber:client' type='result' id='{id}' from='{ROOM}/tybalt'>{open}</iq>");
        want::answered(ctx, &xml(&other)).unwrap();
        assert_eq!(held_by(ctx, ROOM).unwrap(), Some("room_joining"));
        want::answered(ctx, &xml(&format!("<iq xmlns='jabber:client' type='result' id='{id}' from='{ROOM}'/>")))
            .unwrap();
        let row = ctx.tx.room(ROOM).unwrap().unwrap();
        assert_eq!((row.state, row.flaws.as_str()), (RoomState::Halted, "open public semi_anonymous"));
    });
}
