//! A room that is not, or is no longer, private.

use super::*;

/// Has the owner change one field of the room's configuration, behind the back of everybody's Dunnock.
fn reconfigures(owner: &mut dunnock_tests::peer::Peer, room: &str, field: &str, value: &str) {
    let xml = format!(
        "<iq type='set' id='configure' to='{room}'><query xmlns='http://jabber.org/protocol/muc#owner'>\
         <x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>\
         <value>http://jabber.org/protocol/muc#roomconfig</value></field>\
         <field var='{field}'><value>{value}</value></field></x></query></iq>"
    );
    owner.command(json!({ "do": "raw", "xml": xml }));
}

#[test]
fn a_room_that_is_opened_gets_nothing_more_until_a_person_agrees() {
    use dunnock_tests::peer::Peer;
    let server = server(&["juliet", "romeo"]);
    let mut juliet = Person::new(&server, "juliet");
    let mut romeo = Person::new(&server, "romeo");
    let (room, him) = (room("street"), romeo.jid.clone());
    romeo.creates(&room);
    let her = juliet.jid.clone();
    romeo.invites(&room, &her);
    juliet.joins(&room);
    juliet.says(&room, "in private");
    // Another client of the owner's.
    let mut owner = Peer::start(&server, "romeo");
    for (field, private, open, flaw) in [
        ("muc#roomconfig_membersonly", "1", "0", "open"),
        ("muc#roomconfig_whois", "anyone", "moderators", "semi_anonymous"),
        ("muc#roomconfig_publicroom", "0", "1", "public"),
    ] {
        reconfigures(&mut owner, &room, field, open);
        let halted = juliet.is(&room, "halted");
        assert_eq!((&halted["flaws"], &halted["reason"]), (&json!([flaw]), &json!("room_not_private")));
        let params = json!({ "account": her, "to": room, "text": "to nobody" });
        assert_eq!(juliet.rpc.refused("message.send", params), "room_not_private");
        // What made it unsafe was taken back.
        reconfigures(&mut owner, &room, field, private);
        juliet.is(&room, "joined");
    }
    reconfigures(&mut owner, &room, "muc#roomconfig_publicroom", "1");
    juliet.is(&room, "halted");
    romeo.is(&room, "halted");
    juliet.rpc.ok("room.accept", juliet.of(&room, &[]));
    juliet.is(&room, "joined");
    juliet.says(&room, "in public, and sealed");
    assert_eq!(romeo.rpc.sees("in public, and sealed")["sealed"], "full");
    let refused = json!({ "account": him, "to": room, "text": "not yet" });
    assert_eq!(romeo.rpc.refused("message.send", refused), "room_not_private");
}

#[test]
fn who_is_put_out_is_told_why_and_who_is_lost_comes_in_again() {
    let server = server(&["juliet", "romeo", "nurse"]);
    let mut juliet = Person::new(&server, "juliet");
    let mut romeo = Person::new(&server, "romeo");
    let mut nurse = Person::new(&server, "nurse");
    let (room, him) = (room("orchard"), romeo.jid.clone());
    juliet.creates(&room);
    juliet.rpc.ok("room.create", juliet.of(&self::room("another"), &[]));
    // One who is no member is not let in, and makes no room by trying.
    nurse.rpc.ok("room.join", nurse.of(&room, &[]));
    assert_eq!(nurse.is(&room, "refused")["reason"], "room_members_only");
    let nowhere = self::room("nowhere");
    nurse.rpc.ok("room.join", nurse.of(&nowhere, &[]));
    assert_eq!(nurse.is(&nowhere, "refused")["reason"], "room_not_found");
    nurse.rpc.ok("room.create", nurse.of(&room, &[]));
    assert_eq!(nurse.is(&room, "refused")["reason"], "room_exists");
    juliet.invites(&room, &him);
    romeo.joins(&room);
    juliet.says(&room, "he hears it");
    romeo.rpc.sees("he hears it");
    let forbidden = romeo.of(&room, &[("jid", &nurse.jid)]);
    assert_eq!(romeo.rpc.refused("room.invite", forbidden), "room_forbidden");
    juliet.rpc.ok("room.remove", juliet.of(&room, &[("jid", &him)]));
    assert_eq!(romeo.is(&room, "refused")["reason"], "room_removed");
    juliet.rpc.event("room_member", "gone", |event| event["jid"] == him && event["change"] == "gone");
    juliet.invites(&room, &nurse.jid.clone());
    nurse.joins(&room);
    juliet.says(&room, "he hears it no more");
    nurse.rpc.sees("he hears it no more");
    juliet.invites(&room, &him);
    romeo.joins(&room);
    juliet.says(&room, "he hears again");
    romeo.rpc.sees("he hears again");
    assert_eq!(romeo.texts(&room), ["he hears it", "he hears again"]);
    juliet.rpc.ok("room.destroy", juliet.of(&room, &[]));
    assert_eq!(nurse.is(&room, "refused")["reason"], "room_destroyed");
    let refused = json!({ "account": nurse.jid, "to": room, "text": "to nobody" });
    assert_eq!(nurse.rpc.refused("message.send", refused), "not_joined");
}

#[test]
fn a_member_without_keys_is_told_of_and_holds_nobody_up() {
    let server = server(&["juliet", "romeo", "nurse"]);
    let mut juliet = Person::new(&server, "juliet");
    let mut romeo = Person::new(&server, "romeo");
    let (room, him, keyless) = (room("crypt"), romeo.jid.clone(), server.jid("nurse"));
    juliet.creates(&room);
    juliet.invites(&room, &him);
    juliet.invites(&room, &keyless);
    romeo.joins(&room);
    juliet.says(&room, "for who can read");
    romeo.rpc.sees("for who can read");
    juliet.rpc.event("room_member", "keyless", |event| event["jid"] == keyless && event["change"] == "keyless");
    let rows = juliet.rpc.ok("room.members", juliet.of(&room, &[]));
    let row = rows.as_array().unwrap().iter().find(|row| row["jid"] == keyless).unwrap().clone();
    assert_eq!((&row["devices"], &row["ready"]), (&json!(0), &json!(0)));
}
