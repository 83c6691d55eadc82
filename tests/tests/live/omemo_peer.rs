//! Live OMEMO with slixmpp and python-omemo, in both versions.

use dunnock_tests::archive;
use dunnock_tests::peer::{Peer, Version};
use dunnock_tests::prosody::Prosody;
use dunnock_tests::tap::OMEMO_2;

/// The harness itself: if two peers did not understand each other, a failing story would say nothing about us.
#[test]
fn two_peers_understand_each_other_in_both_versions_and_over_a_restart() {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let mut juliet = Peer::start(&server, "juliet");
    let mut romeo = Peer::start(&server, "romeo");
    for version in [Version::V03, Version::V2] {
        let name = version.name();
        juliet.says(romeo.jid(), &format!("O Romeo, {name}"), version);
        assert_eq!(romeo.sees(&format!("O Romeo, {name}"))["version"], name);
        romeo.says(juliet.jid(), &format!("I take thee at thy word, {name}"), version);
        juliet.sees(&format!("I take thee at thy word, {name}"));
    }
    romeo.kill();
    romeo.start_again();
    juliet.says(romeo.jid(), "again", Version::V2);
    romeo.sees("again");
    let tap = server.tap();
    assert!(tap.assert_no_key_used_twice() >= 5);
    let archived = archive::read(&server.archive()).unwrap();
    assert!(
        archived.iter().any(|message| message.owner == "romeo" && message.stanza.contains(OMEMO_2)),
        "{archived:?}"
    );
    tap.assert_never_sent(&["O Romeo", "I take thee", "again"]);
}
