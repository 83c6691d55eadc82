//! `kill -9` of one member of a room at every named moment, while all write, with healing in between: nothing lost, nothing
//! doubled.

use super::*;
use std::time::{Duration, Instant};

/// The named moments (core/src/killpoint.rs), and at which occurrence one is tried.
const NAMED: [(&str, u64); 9] = [
    ("handing", 1),
    ("catchup", 1),
    ("encrypt", 2),
    ("commit", 9),
    ("taken", 3),
    ("asked", 2),
    ("login", 1),
    ("committed", 12),
    ("send", 2),
];
/// How long a process may take to reach the moment at which it is to die.
const REACH: Duration = Duration::from_secs(15);
/// Words of each in each round.
const EACH: usize = 4;

/// Asks for a word without waiting; the same word may be asked for again.
fn ask(person: &mut Person, room: &str, text: &str) -> u64 {
    let id = text.replace(' ', "-");
    person.rpc.send("message.send", json!({ "account": person.jid, "to": room, "text": text, "origin_id": id }))
}

/// Waits until each has all that was said, once, and the room has sent back what is theirs.
fn all_have(people: &mut [Person], room: &str, said: &[String]) {
    for person in people {
        let limit = Instant::now() + Duration::from_secs(60);
        loop {
            let rows: Vec<Value> = person.rpc.timeline(&person.jid, room);
            // What is ours is here at once; the room has it when it sent it back.
            let open = rows.iter().filter(|row| !row["state"].is_null() && row["state"] != "delivered").count();
            let mut texts = person.texts(room);
            texts.sort();
            if texts == said && open == 0 {
                break;
            }
            let missing: Vec<&String> = said.iter().filter(|text| !texts.contains(text)).collect();
            let more: Vec<&String> = texts.iter().filter(|text| !said.contains(text)).collect();
            assert!(
                Instant::now() < limit && texts.len() <= said.len(),
                "{}: {} of {}, {open} not delivered: missing {missing:?}, beside {more:?}",
                person.jid,
                texts.len(),
                said.len()
            );
            person.rpc.try_event(Duration::from_millis(100), "message", |_| true);
        }
    }
}

/// One drops its sessions with all devices of another and begins fresh ones, in a quiet moment; both are heard after that.
fn heals(people: &mut [Person], room: &str, said: &mut Vec<String>, round: usize, (one, other): (usize, usize)) {
    let (jid, whose) = (people[one].jid.clone(), people[other].jid.clone());
    let devices = people[one].rpc.ok("device.list", json!({ "account": jid, "jid": whose }));
    for device in devices.as_array().expect("a list").iter().map(|row| &row["device"]) {
        people[one].rpc.ok("device.reset", json!({ "account": jid, "jid": whose, "device": device }));
    }
    for (speaker, hearer) in [(one, other), (other, one)] {
        let text = format!("healed {round} {speaker}");
        people[speaker].rpc.says(&people[speaker].jid.clone(), room, &text);
        people[hearer].rpc.sees(&text);
        said.push(text);
    }
}

#[test]
fn a_kill_at_any_named_moment_loses_and_doubles_nothing_in_a_room() {
    let server = server(&["juliet", "romeo", "nurse"]);
    let users = ["juliet", "romeo", "nurse"];
    let mut people: Vec<Person> = users.iter().map(|user| Person::new(&server, user)).collect();
    let room = room("tomb");
    people[0].creates(&room);
    for other in 1..3 {
        let jid = people[other].jid.clone();
        people[0].invites(&room, &jid);
        people[other].is(&room, "invited");
    }
    // All belong to it before the first of them comes: nobody is new to anybody.
    for person in &mut people[1..] {
        person.joins(&room);
    }
    let mut said: Vec<String> = Vec::new();
    let mut reached = Vec::new();
    for (round, (moment, occurrence)) in NAMED.into_iter().enumerate() {
        let victim = round % 2;
        people[victim].device.set("DUNNOCK_KILL_AT", &format!("{moment}:{occurrence}"));
        let rpc = people[victim].device.rpc();
        std::mem::replace(&mut people[victim].rpc, rpc).kill();
        if moment == "catchup" {
            // A stream that goes on has none.
            people[victim].device.forget_streams();
        }
        let jid = people[victim].jid.clone();
        people[victim].rpc.send("account.connect", json!({ "account": jid }));
        for number in 0..EACH {
            for speaker in 0..3 {
                let text = format!("{} {round} {number}", users[speaker]);
                ask(&mut people[speaker], &room, &text);
                said.push(text);
            }
        }
        if people[victim].rpc.process().process().ended_within(REACH).is_some() {
            reached.push(moment);
        }
        people[victim].device.unset("DUNNOCK_KILL_AT");
        let rpc = people[victim].device.rpc();
        std::mem::replace(&mut people[victim].rpc, rpc).kill();
        people[victim].rpc.connect(&jid);
        for number in 0..EACH {
            let text = format!("{} {round} {number}", users[victim]);
            let id = ask(&mut people[victim], &room, &text);
            people[victim].rpc.answer(id).expect("what was asked for before is not refused");
        }
        if round % 3 == 2 {
            said.sort();
            all_have(&mut people, &room, &said);
            heals(&mut people, &room, &mut said, round, if round % 2 == 0 { (2, victim) } else { (victim, 2) });
        }
    }
    said.sort();
    all_have(&mut people, &room, &said);
    server.tap().assert_no_key_used_twice();
    assert_eq!(reached.len(), NAMED.len(), "{reached:?}");
}
