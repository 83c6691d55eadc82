//! What invitations of strangers, and of servers, can do.

use super::*;

/// Somebody asks us into a room by themselves.
fn asks(ctx: &mut Ctx, from: &str, room: &str) {
    hears(ctx, &format!("<message from='{from}' id='i'><x xmlns='jabber:x:conference' jid='{room}'/></message>"));
}

/// An invitation as rooms pass it on.
fn passes_on(ctx: &mut Ctx, from: &str, inviter: &str) {
    hears(
        ctx,
        &format!(
            "<message from='{from}' id='i'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='{inviter}'/></x></message>"
        ),
    );
}

fn ready(ctx: &mut Ctx) {
    let own = ctx.bare();
    ctx.tx.set_complete(&own, ctx.stream).unwrap();
}

fn invited(ctx: &Ctx) -> Vec<(String, Option<String>)> {
    let rows = ctx.tx.rooms().unwrap().into_iter().filter(|row| row.state == RoomState::Invited);
    rows.map(|row| (row.jid, row.inviter)).collect()
}

fn knows(ctx: &mut Ctx, jid: &str) {
    let mut contact = ctx.tx.contact_or_unknown(jid).unwrap();
    contact.rostered = true;
    ctx.tx.put_contact(&contact).unwrap();
}

#[test]
fn only_a_room_passes_an_invitation_on_and_a_person_invites_in_their_own_name() {
    juliet(|ctx| {
        ready(ctx);
        // A person's client writes with a resource: in the name of another it can say nothing.
        passes_on(ctx, "mallory@evil.example/x", "romeo@montague.example");
        assert_eq!((invited(ctx), ctx.tx.counted("invitation_odd")), (vec![], 1));
        passes_on(ctx, ROOM, "romeo@montague.example");
        assert_eq!(invited(ctx), [(ROOM.to_owned(), Some("romeo@montague.example".to_owned()))]);
        let both = "<message from='mallory@evil.example/x' id='b'><x xmlns='http://jabber.org/protocol/muc#user'>
             <invite from='romeo@montague.example'/></x><x xmlns='jabber:x:conference' jid='mantua@rooms.example'/></message>";
        hears(ctx, both);
        let mantua = invited(ctx).into_iter().find(|(jid, _)| jid == "mantua@rooms.example").unwrap();
        assert_eq!(mantua.1.as_deref(), Some("mallory@evil.example"));
    });
}

#[test]
fn strangers_fill_no_place_but_their_own_and_crowd_no_contact_out() {
    juliet(|ctx| {
        ready(ctx);
        for number in 0..30 {
            asks(ctx, "mallory@evil.example/x", &format!("room{number}@rooms.example"));
        }
        assert_eq!(invited(ctx).len(), 10);
        for number in 0..60 {
            asks(ctx, &format!("mallory{number}@evil.example/x"), &format!("trap{number}@rooms.example"));
        }
        assert_eq!(invited(ctx).len(), 20);
        for number in 0..60 {
            passes_on(
                ctx,
                &format!("trap{number}@rooms.evil.example"),
                &format!("anybody{number}@any{number}.example"),
            );
        }
        assert_eq!(invited(ctx).len(), 40);
        // Another stranger still gets through, and a contact even from the same server.
        asks(ctx, "benvolio@montague.example/x", "street@rooms.example");
        knows(ctx, "nurse@evil.example");
        asks(ctx, "nurse@evil.example/x", "house@rooms.example");
        assert_eq!(invited(ctx).len(), 42);
        // A room that names a contact as the inviter is no contact.
        passes_on(ctx, "trap99@rooms.evil.example", "nurse@evil.example");
        assert_eq!(invited(ctx).len(), 42);
        for number in 0..200 {
            asks(ctx, &format!("s@s{number}.example/x"), &format!("s{number}@rooms.example"));
        }
        assert_eq!(invited(ctx).len(), 200);
        asks(ctx, "nurse@evil.example/x", "garden@rooms.example");
        assert_eq!(invited(ctx).len(), 201);
    });
}

#[test]
fn an_invitation_to_a_persons_address_keeps_nobody_from_talking_with_them() {
    juliet(|ctx| {
        ready(ctx);
        let paris = "paris@verona.example";
        asks(ctx, "mallory@evil.example/x", paris);
        assert_eq!(ctx.tx.room(paris).unwrap().unwrap().state, RoomState::Invited);
        hears(ctx, &format!("<message type='chat' from='{paris}/r' id='p'><body>Good day</body></message>"));
        let said: i64 = ctx
            .tx
            .look()
            .query_row("SELECT count(*) FROM message WHERE chat = ? AND body = 'Good day'", [paris], |row| row.get(0))
            .unwrap();
        assert_eq!(said, 1);
        says_to(ctx, paris, "Good day to you").unwrap();
        // They are online as a person is, and no room of theirs comes of it.
        hears(ctx, &format!("<presence from='{paris}/r'/>"));
        assert_eq!(ctx.tx.counted("room_presence_odd"), 0);
        assert_eq!(ctx.tx.occupants(paris).unwrap(), 0);
        forget(ctx).unwrap();
        assert!(ctx.tx.room(paris).unwrap().is_none());
    });
}

#[test]
fn what_refused_us_takes_no_presences() {
    juliet(|ctx| {
        commands::carry_out(ctx, ROOM, RoomChange::Join { nick: None }).unwrap();
        answers(ctx, Kind::RoomInfo, "error item-not-found");
        occupant(ctx, "mallory", "mallory@evil.example", "");
        let own = ctx.bare();
        occupant(ctx, "juliet", &own, "<status code='110'/>");
        assert_eq!((ctx.tx.occupants(ROOM).unwrap(), ctx.tx.members(ROOM).unwrap().len()), (0, 0));
        assert_eq!(ctx.tx.room(ROOM).unwrap().unwrap().state, RoomState::Refused);
    });
}
