//! `kill -9` in the midst of a sync in the background.

use super::{Told, pushing, sync};
use dunnock_tests::dunnock::Device;
use dunnock_tests::report;
use serde_json::json;

/// Moments of a sync (core/src/killpoint.rs), and at which occurrence.
const MOMENTS: [&str; 12] = [
    "login:1",
    "catchup:1",
    "commit:1",
    "commit:3",
    "commit:6",
    "commit:10",
    "taken:1",
    "committed:2",
    "committed:5",
    "committed:9",
    "round:1",
    "told:1",
];

#[test]
fn a_sync_that_is_killed_at_any_moment_loses_and_doubles_nothing() {
    let server = pushing(&["juliet", "romeo"]);
    let (mut juliet, device) = (Device::new("juliet"), Device::new("romeo"));
    let (mut rpc, mut romeo) = (juliet.online(&server, "juliet"), device.online(&server, "romeo"));
    let (me, friend) = (server.jid("juliet"), server.jid("romeo"));
    romeo.tells(&friend, &me, "are you there", &rpc);
    rpc.ok("chat.mark_read", json!({ "account": me, "chat": friend }));
    rpc.ok("lifecycle", json!({ "state": "suspended" }));
    rpc.kill();

    let (mut told, mut expected, mut died) = (Told::default(), Vec::new(), 0);
    for (round, moment) in MOMENTS.iter().enumerate() {
        for number in 0..3 {
            let text = format!("round {round:02} message {number}");
            let sent = romeo.says(&friend, &me, &text);
            romeo.event("delivery", "sent", |event| event["message"] == sent.as_str() && event["state"] == "sent");
            expected.push(text);
        }
        juliet.set("DUNNOCK_KILL_AT", moment);
        let (done, report) = sync(&juliet, &[]);
        juliet.unset("DUNNOCK_KILL_AT");
        died += usize::from(done.status.is_none());
        // One that is killed never answers; what it would have told comes with the next.
        assert!(done.status == Some(0) || (done.status.is_none() && report.is_none()), "{moment}: {done:?}");
        report.iter().for_each(|report| told.take(report));
        let (done, report) = sync(&juliet, &[]);
        assert_eq!(done.status, Some(0), "after {moment}: {done:?}");
        told.take(&report.expect("a report"));
        assert_eq!(told.sorted(), expected, "after {moment}");
    }
    assert_eq!(told.again, 0);
    // How many commits a sync takes is not fixed.
    assert!(died >= MOMENTS.len() / 2, "only {died} of {} died", MOMENTS.len());
    let (_, last) = sync(&juliet, &[]);
    assert_eq!(last.expect("a report")["notifications"], json!([]));
    server.tap().assert_no_key_used_twice();
    report::note(&format!("sync: {died} deaths, {} messages told once each", expected.len()));
}
