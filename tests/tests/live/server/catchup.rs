//! Coming back after an absence, on a server as it is after installing: small pages, slow lines, files as archive.

use dunnock_tests::environment::is_soak;
use dunnock_tests::prosody::{Prosody, Settings};
use dunnock_tests::report;
use dunnock_tests::talk::{Talker, assert_all_is_told};

#[test]
fn what_was_missed_on_stock_settings_comes_page_by_page_once_and_in_order() {
    let messages = if is_soak() { 300 } else { 70 };
    let server = Prosody::start(Settings { tap_out: true, ..Settings::stock() });
    ["juliet", "romeo"].iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    let talker = |voice: &str, peer: &str| Talker::new(&server, voice, voice, peer, server.port());
    let mut talkers = [talker("juliet", "romeo"), talker("romeo", "juliet")];
    talkers.iter_mut().for_each(|talker| talker.say_all(1));
    assert_all_is_told(&mut talkers);
    talkers[1].kill();
    talkers[0].say_all(messages);
    let last = format!("id='juliet-{}'", messages - 1);
    server.wait_until_sent("the last message", |stanza| stanza.xml.contains(&last));
    talkers[1].start();
    assert_all_is_told(&mut talkers);
    let keys = server.tap().assert_no_key_used_twice();
    report::note(&format!("catch-up on stock settings: {messages} messages, {keys} key uses"));
}
