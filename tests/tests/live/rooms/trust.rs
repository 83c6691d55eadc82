//! A device that somebody adds to a member of a room.

use super::*;
use dunnock_tests::peer::Peer;
use minidom::Element;

/// How many keys for this device are in a stanza.
pub(super) fn keys_for(element: &Element, id: &str) -> usize {
    let here = usize::from(element.name() == "key" && element.attr("rid") == Some(id));
    here + element.children().map(|child| keys_for(child, id)).sum::<usize>()
}

#[test]
fn a_device_added_to_a_member_gets_no_key_in_the_room_and_is_told() {
    let server = server(&["juliet", "romeo"]);
    let (mut juliet, mut romeo) = (Person::new(&server, "juliet"), Person::new(&server, "romeo"));
    let balcony = room("balcony");
    juliet.creates(&balcony);
    juliet.invites(&balcony, &romeo.jid);
    romeo.is(&balcony, "invited");
    romeo.joins(&balcony);
    juliet.says(&balcony, "before");
    romeo.rpc.sees("before");
    romeo.says(&balcony, "before too");
    juliet.rpc.sees("before too");
    let mut spy = Peer::start(&server, "romeo");
    let own = romeo.rpc.event("alarm", "an unknown device of one's own", |event| event["what"] == "own_unknown");
    let id = own["device"].as_u64().unwrap();
    // She heard of it from the server, or reads his list again on her next stream, before anything goes to the room.
    let mut juliet = juliet.comes_again(&server, "juliet");
    juliet.says(&balcony, "after");
    let alarms = juliet.rpc.ok("alarm.list", json!({ "account": juliet.jid }));
    let told = alarms.as_array().unwrap().iter().map(|alarm| (alarm["what"].clone(), alarm["device"].clone()));
    assert_eq!(told.collect::<Vec<_>>(), [(json!("quarantined"), json!(id))]);
    romeo.rpc.sees("after");
    romeo.says(&balcony, "after too");
    juliet.rpc.sees("after too");
    spy.quit();
    assert_eq!((juliet.rpc.close(), romeo.rpc.close()), (Some(0), Some(0)));
    let ours = romeo.device.rows(&["devices"]).iter().find(|row| row["current"] == true).unwrap()["device"].to_string();
    let keys = |id: &str| -> usize {
        let tap = server.tap();
        tap.stanzas.iter().filter_map(|stanza| stanza.element()).map(|stanza| keys_for(&stanza, id)).sum()
    };
    assert_eq!(keys(&id.to_string()), 0);
    assert!(keys(&ours) > 0, "the true one is reached");
}
