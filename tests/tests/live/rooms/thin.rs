//! Two people in one room.

use super::*;

#[test]
fn two_people_talk_in_a_room_and_catch_up_with_what_they_missed() {
    let server = server(&["juliet", "romeo"]);
    let (mut juliet, mut romeo) = (Person::new(&server, "juliet"), Person::new(&server, "romeo"));
    let balcony = room("balcony");
    juliet.creates(&balcony);
    juliet.invites(&balcony, &romeo.jid);
    let invited = romeo.is(&balcony, "invited");
    assert_eq!(invited["inviter"], json!(juliet.jid));
    romeo.joins(&balcony);
    juliet.says(&balcony, "O Romeo");
    let seen = romeo.rpc.sees("O Romeo");
    assert_eq!((seen["chat"].as_str(), seen["from"].as_str()), (Some(&*balcony), Some(&*juliet.jid)));
    assert_eq!(seen["sealed"], "full");
    romeo.says(&balcony, "Shall I hear more");
    juliet.rpc.sees("Shall I hear more");
    let members = romeo.rpc.ok("room.members", romeo.of(&balcony, &[]));
    let whos: Vec<_> =
        members.as_array().unwrap().iter().map(|row| (row["jid"].clone(), row["affiliation"].clone())).collect();
    assert_eq!(whos, [(json!(juliet.jid), json!("owner")), (json!(romeo.jid), json!("member"))]);
    assert_eq!(romeo.rpc.close(), Some(0));
    for number in 0..5 {
        juliet.says(&balcony, &format!("missed {number}"));
    }
    romeo.rpc = online(&romeo.device, &server, "romeo");
    romeo.rpc.sees("missed 4");
    juliet.says(&balcony, "live");
    romeo.rpc.sees("live");
    let wanted = ["O Romeo", "Shall I hear more", "missed 0", "missed 1", "missed 2", "missed 3", "missed 4", "live"];
    assert_eq!(romeo.texts(&balcony), wanted);
    assert_eq!(juliet.texts(&balcony), wanted);
    let romeo = romeo.comes_again(&server, "romeo");
    assert_eq!((juliet.rpc.close(), romeo.rpc.close()), (Some(0), Some(0)));
}
