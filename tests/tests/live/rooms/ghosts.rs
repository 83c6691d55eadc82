//! Somebody whom the room's server names as a member, and nobody who counts asked in.

use super::trust::keys_for;
use super::*;
use dunnock_tests::peer::Peer;

/// The owner's other client, which says nothing to ours: to the others it is as if the room's server had done it.
fn names(owner: &mut Peer, room: &str, jid: &str) {
    let xml = format!(
        "<iq type='set' id='name' to='{room}'><query xmlns='http://jabber.org/protocol/muc#admin'>\
         <item affiliation='member' jid='{jid}'/></query></iq>"
    );
    owner.command(json!({ "do": "raw", "xml": xml }));
}

/// Whether a member gets what is said, as `room.members` shows it.
fn admission(person: &mut Person, room: &str, jid: &str) -> String {
    let rows = person.rpc.ok("room.members", person.of(room, &[]));
    let row = rows.as_array().unwrap().iter().find(|row| row["jid"] == jid).unwrap().clone();
    row["admission"].as_str().unwrap().to_owned()
}

#[test]
fn a_member_whom_only_the_server_names_gets_no_key_until_a_person_admits_them() {
    let server = server(&["juliet", "romeo", "nurse"]);
    let (mut juliet, mut romeo) = (Person::new(&server, "juliet"), Person::new(&server, "romeo"));
    let (room, her, ghost) = (room("cellar"), juliet.jid.clone(), server.jid("nurse"));
    romeo.creates(&room);
    romeo.invites(&room, &her);
    juliet.joins(&room);
    juliet.says(&room, "before");
    romeo.rpc.sees("before");
    let mut nurse = Peer::start(&server, "nurse");
    let mut owner = Peer::start(&server, "romeo");
    names(&mut owner, &room, &ghost);
    let alarm = juliet.rpc.event("alarm", "a new member", |event| event["what"] == "room_member");
    assert_eq!((&alarm["jid"], &alarm["room"]), (&json!(ghost), &json!(room)));
    nurse.joins(&room);
    // She speaks, and is marked.
    nurse.says_in(&room, "here I am", dunnock_tests::peer::Version::V2);
    assert_eq!(juliet.rpc.sees("here I am")["trust"], "undecided");
    let said = juliet.rpc.says(&her, &room, "not for her");
    let sent = juliet.rpc.event("delivery", "sent to fewer", |event| {
        event["message"] == said && !event["devices"].is_null() && event["state"] == "delivered"
    });
    assert!(sent["devices"]["reached"].as_u64() < sent["devices"]["known"].as_u64(), "{sent}");
    romeo.rpc.sees("not for her");
    // The same after a restart, when the lists name her as they name everybody.
    let mut juliet = juliet.comes_again(&server, "juliet");
    juliet.says(&room, "not for her either");
    romeo.rpc.sees("not for her either");
    assert_eq!(admission(&mut juliet, &room, &ghost), "waiting");
    let rooms = juliet.rpc.ok("room.list", json!({ "account": her }));
    assert_eq!(rooms[0]["waiting"], json!(1));
    let devices = juliet.rpc.ok("device.list", json!({ "account": her, "jid": ghost }));
    let id = devices[0]["device"].as_u64().expect("she lists a device");
    let keys = |server: &Prosody| -> usize {
        let tap = server.tap();
        let to_room = |stanza: &minidom::Element| stanza.attr("to") == Some(&*room);
        let stanzas = tap.stanzas.iter().filter_map(|stanza| stanza.element()).filter(to_room);
        stanzas.map(|stanza| keys_for(&stanza, &id.to_string())).sum()
    };
    assert_eq!(keys(&server), 0);
    juliet.rpc.ok("room.admit", juliet.of(&room, &[("jid", &ghost)]));
    assert_eq!(admission(&mut juliet, &room, &ghost), "admitted");
    juliet.says(&room, "for her too");
    nurse.sees("for her too");
    assert!(keys(&server) > 0);
    let heard = nurse.events("message").iter().filter(|event| event["body"] == "not for her").count();
    assert_eq!((heard, admission(&mut romeo, &room, &ghost).as_str()), (0, "waiting"));
    let alarms = juliet.rpc.ok("alarm.list", json!({ "account": her }));
    let open = alarms.as_array().unwrap().iter().filter(|row| row["what"] == "room_member" && row["answer"].is_null());
    assert_eq!(open.count(), 0);
    assert_eq!((juliet.rpc.close(), romeo.rpc.close()), (Some(0), Some(0)));
}

#[test]
fn whom_a_verified_device_asked_in_is_no_alarm_and_gets_what_is_said() {
    let server = server(&["juliet", "romeo", "nurse"]);
    let mut people = ["juliet", "romeo", "nurse"].map(|user| Person::new(&server, user));
    let [juliet, romeo, nurse] = &mut people;
    let (room, her, third) = (room("cell"), juliet.jid.clone(), nurse.jid.clone());
    romeo.creates(&room);
    romeo.invites(&room, &her);
    juliet.joins(&room);
    juliet.says(&room, "two of us");
    romeo.rpc.sees("two of us");
    juliet.verifies(romeo);
    romeo.invites(&room, &third);
    juliet.rpc.event("room_member", "admitted", |event| event["jid"] == third && event["change"] == "admitted");
    nurse.joins(&room);
    juliet.says(&room, "three of us");
    nurse.rpc.sees("three of us");
    assert_eq!(juliet.rpc.ok("alarm.list", json!({ "account": her })), json!([]));
    for person in people {
        assert_eq!(person.rpc.close(), Some(0));
    }
}

#[test]
fn a_kill_in_the_middle_of_a_decision_leaves_it_made_or_to_be_made() {
    let server = server(&["juliet", "romeo", "nurse", "paris", "tybalt"]);
    let (juliet, mut romeo) = (Person::new(&server, "juliet"), Person::new(&server, "romeo"));
    let (room, her) = (room("vault"), juliet.jid.clone());
    romeo.creates(&room);
    romeo.invites(&room, &her);
    let mut juliet = juliet;
    juliet.joins(&room);
    juliet.says(&room, "before");
    let mut owner = Peer::start(&server, "romeo");
    for (user, method) in [("nurse", "room.admit"), ("paris", "alarm.answer"), ("tybalt", "room.admit")] {
        let ghost = server.jid(user);
        names(&mut owner, &room, &ghost);
        let alarm = juliet.rpc.event("alarm", user, |event| event["what"] == "room_member" && event["jid"] == ghost);
        let params = match method {
            "room.admit" => juliet.of(&room, &[("jid", &ghost)]),
            _ => json!({ "account": her, "alarm": alarm["alarm"], "answer": "accepted" }),
        };
        juliet.rpc.send(method, params);
        let Person { device, rpc, jid } = juliet;
        rpc.kill();
        let rpc = online(&device, &server, "juliet");
        juliet = Person { device, rpc, jid };
        juliet.is_inside(&room);
        let stands = admission(&mut juliet, &room, &ghost);
        let alarms = juliet.rpc.ok("alarm.list", json!({ "account": her }));
        let answer = |row: &&Value| row["jid"] == ghost;
        let answer = alarms.as_array().unwrap().iter().find(answer).expect("it is kept")["answer"].clone();
        // Both or neither.
        match stands.as_str() {
            "admitted" => assert_eq!(answer, "accepted"),
            other => assert_eq!((other, &answer), ("waiting", &Value::Null)),
        }
        juliet.rpc.ok("room.admit", juliet.of(&room, &[("jid", &ghost)]));
        assert_eq!(admission(&mut juliet, &room, &ghost), "admitted");
    }
    juliet.says(&room, "after");
    romeo.rpc.sees("after");
    assert_eq!((juliet.rpc.close(), romeo.rpc.close()), (Some(0), Some(0)));
}
