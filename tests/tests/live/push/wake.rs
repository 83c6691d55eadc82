//! A suspended client is woken by pushes that say nothing, and tells each message once.

use super::{LONG, Told, is_enabled, push_until, pushing, register, sync};
use dunnock_tests::app_server::{self, AppServer, Manner};
use dunnock_tests::dunnock::{Device, Rpc};
use dunnock_tests::prosody::Prosody;
use dunnock_tests::report;
use dunnock_tests::seed::Seed;
use serde_json::json;
use std::time::{Duration, Instant};

/// Messages, in bursts with a quiet time after each.
const BURSTS: usize = 5;
const EACH: usize = 10;

/// How long the next push may take before it is looked without one.
const AGAIN: Duration = Duration::from_secs(5);

/// Two people who know each other; the second is online.
struct Pair {
    juliet: Device,
    rpc: Rpc,
    romeo: Rpc,
    _device: Device,
    me: String,
    friend: String,
}

fn pair(server: &Prosody, me: &str, friend: &str) -> Pair {
    let (juliet, device) = (Device::new("juliet"), Device::new("romeo"));
    let (rpc, mut romeo) = (juliet.online(server, me), device.online(server, friend));
    let (me, friend) = (server.jid(me), server.jid(friend));
    romeo.tells(&friend, &me, "are you there", &rpc);
    Pair { juliet, rpc, romeo, _device: device, me, friend }
}

#[test]
fn fifty_messages_to_a_suspended_client_are_pushed_without_a_word_of_them_and_told_once_each() {
    let mut seed = Seed::for_test("push");
    let mut word = |kind: &str| format!("{kind}{:016x}", seed.number());
    let (me, friend) = (word("juliet"), word("romeo"));
    let server = pushing(&[&me, &friend]);
    let app = AppServer::start(&server, Manner::Right);
    let mut two = pair(&server, &me, &friend);
    register(&mut two.rpc, &two.me);
    push_until(&mut two.rpc, &two.me, "enabled", is_enabled);
    let registered = app.heard().registered.len();
    two.rpc.ok("chat.mark_read", json!({ "account": two.me, "chat": two.friend }));
    two.rpc.ok("lifecycle", json!({ "state": "suspended" }));

    let texts: Vec<String> = (0..BURSTS * EACH).map(|number| format!("{} {number:03}", word("canary"))).collect();
    let (mut told, mut syncs) = (Told::default(), 0);
    for (number, burst) in texts.chunks(EACH).enumerate() {
        let mut heard = app.heard().pushes.len();
        burst.iter().for_each(|text| _ = two.romeo.says(&two.friend, &two.me, text));
        heard = app.wait("push", |app| app.pushes.len() > heard).pushes.len();
        let end = Instant::now() + LONG;
        while told.texts.len() < (number + 1) * EACH {
            assert!(Instant::now() < end, "of burst {number} came only {:?}", told.sorted());
            syncs += 1;
            // The suspended program itself, another one on the same home, and two at once.
            match number % 3 {
                0 => told.take(&two.rpc.ok("background_sync", json!({ "deadline_ms": 60_000 }))),
                1 => told.take(&sync(&two.juliet, &[]).1.expect("a report")),
                _ => {
                    let both = std::thread::scope(|scope| {
                        [(); 2]
                            .map(|()| scope.spawn(|| sync(&two.juliet, &[])))
                            .map(|one| one.join().expect("a report"))
                    });
                    both.iter().for_each(|(_, report)| told.take(report.as_ref().expect("a report")));
                }
            }
            if told.texts.len() < (number + 1) * EACH {
                // What came after that is pushed for anew; what another process was still telling needs no push.
                heard = app.try_wait(AGAIN, |app| app.pushes.len() > heard).map_or(heard, |app| app.pushes.len());
            }
        }
    }
    let mut expected = texts.clone();
    expected.sort();
    assert_eq!(told.sorted(), expected, "told {} times again", told.again);
    assert_eq!(told.again, 0);

    let heard = app.heard();
    let all = String::from_utf8_lossy(&heard.bytes).into_owned();
    let said =
        texts.iter().flat_map(|text| text.split(' ').take(1)).chain([friend.as_str()]).find(|word| all.contains(word));
    assert_eq!(said, None, "the app server heard of it");
    assert!(all.contains(&me), "the search would not have found it: the registration names its account");
    for push in &heard.pushes {
        assert_eq!(
            (push.node.as_str(), push.secret.as_str()),
            (&*app_server::node(registered), &*app_server::secret(registered))
        );
        assert!(!push.xml.contains(&me), "a push names the account: {}", push.xml);
    }
    assert_eq!(heard.registered.len(), registered, "registered once for all streams");
    server.tap().assert_no_key_used_twice();
    report::note(&format!(
        "push: {} of {} told, {} pushes, {syncs} syncs",
        told.texts.len(),
        texts.len(),
        heard.pushes.len()
    ));
}

#[test]
fn beside_a_listener_a_sync_leaves_the_stream_to_it_and_tells_what_it_fetched() {
    let server = pushing(&["juliet", "romeo"]);
    let mut two = pair(&server, "juliet", "romeo");
    two.rpc.ok("chat.mark_read", json!({ "account": two.me, "chat": two.friend }));
    let mut told = Told::default();
    for number in 0..3 {
        two.romeo.says(&two.friend, &two.me, &format!("beside {number}"));
        two.rpc.sees(&format!("beside {number}"));
        told.take(&sync(&two.juliet, &[]).1.expect("a report"));
        assert_eq!(told.texts.len(), number + 1);
    }
    assert_eq!((told.sorted(), told.again), (vec!["beside 0".into(), "beside 1".into(), "beside 2".into()], 0));
    // What was read on a screen is not told any more.
    two.romeo.tells(&two.friend, &two.me, "read already", &two.rpc);
    two.rpc.ok("chat.mark_read", json!({ "account": two.me, "chat": two.friend }));
    told.take(&sync(&two.juliet, &[]).1.expect("a report"));
    assert_eq!(told.texts.len(), 3);
    let clients: std::collections::BTreeSet<String> = server
        .tap()
        .sent()
        .map(|stanza| stanza.client.clone())
        .filter(|client| client.starts_with("juliet@"))
        .collect();
    assert_eq!(clients.len(), 1, "one stream for all: {clients:?}");
}

#[test]
fn without_time_or_account_it_says_so_and_nothing_is_lost() {
    let server = pushing(&["juliet", "romeo"]);
    let app = AppServer::start(&server, Manner::Right);
    let mut two = pair(&server, "juliet", "romeo");
    register(&mut two.rpc, &two.me);
    push_until(&mut two.rpc, &two.me, "enabled", is_enabled);
    two.rpc.ok("chat.mark_read", json!({ "account": two.me, "chat": two.friend }));
    two.rpc.ok("lifecycle", json!({ "state": "suspended" }));
    two.romeo.says(&two.friend, &two.me, "in no time");
    let push = app.wait("push", |app| !app.pushes.is_empty()).pushes.remove(0);
    let (done, report) = sync(&two.juliet, &["--deadline", "0"]);
    assert_eq!(done.status, Some(1), "{done:?}");
    assert!(done.errors.contains("deadline_passed"), "{done:?}");
    assert_eq!(report.expect("a report"), json!({ "caught_up": false, "notifications": [], "alarms": 0 }));
    assert_eq!(two.rpc.ok("background_sync", json!({ "deadline_ms": 0 }))["caught_up"], false);
    for words in [["--node", "node-unknown"], ["--account", "nobody@verona.test"]] {
        let (done, _) = sync(&two.juliet, &words);
        assert!(done.status == Some(1) && done.errors.contains("no_account"), "{words:?}: {done:?}");
    }
    assert_eq!(
        two.rpc.refused("background_sync", json!({ "deadline_ms": 9, "account": "nobody@verona.test" })),
        "no_account"
    );
    // The push itself says whose it is.
    let (done, report) = sync(&two.juliet, &["--node", &push.node]);
    assert_eq!(done.status, Some(0), "{done:?}");
    let mut told = Told::default();
    told.take(&report.expect("a report"));
    assert_eq!(told.sorted(), ["in no time"]);
    // Removed, the account is unknown to a late push, and the home is not the worse for it.
    two.rpc.ok("account.remove", json!({ "account": two.me }));
    app.wait("unregistration", |app| !app.unregistered.is_empty());
    server.wait_until_sent("disable", |stanza| stanza.xml.contains("<disable ") && stanza.xml.contains(&push.node));
    let node = json!({ "deadline_ms": 9, "node": push.node });
    assert_eq!(two.rpc.refused("background_sync", node), "no_account");
}
