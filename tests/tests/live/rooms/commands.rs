//! The command `room …`, as a person types it: what it shows, what it says where something is wrong, and its exit status.

use super::*;

#[test]
fn the_command_says_what_is_wrong_and_what_became_of_each_wish() {
    let server = server(&["juliet", "romeo"]);
    let device = Device::new("juliet");
    let (room, her, him) = (room("pantry"), server.jid("juliet"), server.jid("romeo"));
    // Who is to be asked in has keys, once.
    let romeo = Person::new(&server, "romeo");
    let mut hers = online(&device, &server, "juliet");
    assert!(hers.ok("room.list", json!({ "account": her })).as_array().is_some_and(Vec::is_empty));
    assert_eq!(hers.close(), Some(0));
    let run = |words: &[&str]| device.run(&[&["room"], words].concat());
    let fails = |words: &[&str], says: &str| {
        let done = run(words);
        assert_eq!((done.status, done.errors.contains(says)), (Some(1), true), "{words:?}: {}", done.errors);
    };
    let holds = |words: &[&str], says: &str| {
        let done = run(words);
        assert_eq!(
            (done.status, done.output.contains(says)),
            (Some(0), true),
            "{words:?}: {} {}",
            done.output,
            done.errors
        );
    };
    holds(&["create", &room], "joined");
    fails(&["create", &room], "already");
    fails(&["accept", &room], "private");
    fails(&["invite", &room, &her], "your own address");
    fails(&["invite", &room, "verona.test"], "a server or a room");
    fails(&["invite", &room, &room], "a server or a room");
    fails(&["members", "nope@rooms.verona.test"], "no such room");
    fails(&["leave", "nope@rooms.verona.test"], "no such room");
    fails(&["admit", &room, &him], "nobody of this address");
    fails(&["join", "nowhere@rooms.verona.test"], "no such room");
    // What never let us in is on no list.
    assert!(!run(&["list"]).output.contains("nowhere"));
    holds(&["invite", &room, &him], "");
    let members = run(&["members", &room]).output;
    let of_him = members.lines().find(|line| line.contains(&him)).expect("he is listed").to_owned();
    assert!(!of_him.contains("waiting") && !of_him.contains("no keys"), "{of_him}");
    assert_eq!(device.run(&["allow-plain", &room, "yes"]).status, Some(1));
    assert_eq!(device.run(&["read", "nobody@verona.test"]).status, Some(1));
    let away = device.run(&["send", "nobody@nowhere.invalid", "hello"]);
    assert!(away.status == Some(1) && away.errors.contains("cannot be looked up"), "{}", away.errors);
    assert_eq!(romeo.rpc.close(), Some(0));
}
