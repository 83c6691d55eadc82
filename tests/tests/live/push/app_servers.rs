//! App servers that hang or lie, and a server that does not push.

use super::{
    APP_SERVER, AppServer, Device, LONG, Manner, Prosody, Settings, is_enabled, push_until, pushing, register,
};
use serde_json::json;
use std::time::{Duration, Instant};

/// Whether the server was ever told to push.
fn is_told(server: &Prosody) -> bool {
    server.tap().sent().any(|stanza| stanza.xml.contains("<enable ") && stanza.xml.contains("urn:xmpp:push:0"))
}

#[test]
fn an_app_server_that_lies_gets_a_name_for_it_and_nothing_is_enabled() {
    let lies = [
        (Manner::Error, "push_refused"),
        (Manner::Garbage, "push_answer"),
        (Manner::OtherJid, "push_answer"),
        (Manner::NoNode, "push_answer"),
    ];
    let server = pushing(&["juliet"]);
    let juliet = Device::new("juliet");
    let mut rpc = juliet.online(&server, "juliet");
    let me = server.jid("juliet");
    for (manner, kind) in lies {
        let app = AppServer::start(&server, manner);
        register(&mut rpc, &me);
        app.wait("registration", |heard| !heard.registered.is_empty());
        let push = push_until(&mut rpc, &me, kind, |push| push["error"] == kind);
        assert_eq!((&push["state"], &push["app_server"]), (&json!("registering"), &json!(APP_SERVER)));
        drop(app);
        rpc.ok("push.unregister", json!({ "account": me }));
        push_until(&mut rpc, &me, "off", |push| push["state"] == "off");
    }
    assert!(!is_told(&server));
    // The same device with an honest one: the lies left nothing behind.
    let _app = AppServer::start(&server, Manner::Right);
    register(&mut rpc, &me);
    push_until(&mut rpc, &me, "enabled", is_enabled);
    assert!(is_told(&server), "the control");
}

#[test]
fn an_app_server_that_never_answers_is_named_and_keeps_nobody_from_leaving() {
    // One that answers under another name is as silent.
    for (manner, hangs) in [(Manner::Silent, true), (Manner::OtherName, false)] {
        let server = pushing(&["juliet"]);
        let app = AppServer::start(&server, manner);
        let juliet = Device::new("juliet");
        let mut rpc = juliet.online(&server, "juliet");
        let me = server.jid("juliet");
        register(&mut rpc, &me);
        let push = push_until(&mut rpc, &me, "push_silent", |push| push["error"] == "push_silent");
        assert_eq!(push["state"], "registering");
        // It is asked again by itself.
        app.wait("second question", |heard| heard.registered.len() > 1);
        // And on the next stream, after a crash too.
        rpc.kill();
        let mut rpc = juliet.rpc();
        rpc.connect(&me);
        let before = app.heard().registered.len();
        app.wait("question on the next stream", |heard| heard.registered.len() > before.min(2));
        // A sync does not wait for it either.
        let report = rpc.ok("background_sync", json!({ "deadline_ms": 60_000 }));
        assert_eq!(report["caught_up"], true);
        // Answered within a test's patience, which an app server that hangs has no end of.
        assert_eq!(rpc.close(), Some(0));
        let done = juliet.run(&["forget", &me]);
        assert_eq!(done.status, Some(0), "{done:?}");
        // There is no account left to take it back with, so it is said. The other one answers that it took it back.
        assert_eq!(done.output.contains("could not be taken back"), hangs, "{done:?}");
        assert_eq!(juliet.run(&["accounts"]).output, "");
        app.wait("unregistration", |heard| !heard.unregistered.is_empty());
    }
}

#[test]
fn a_server_that_does_not_push_is_named_and_the_app_server_hears_nothing_of_us() {
    let server = Prosody::start(Settings {
        push: true,
        extra: "modules_disabled = { 's2s', 'cloud_notify' }".into(),
        ..Settings::default()
    });
    server.account("juliet", Prosody::PASSWORD);
    let app = AppServer::start(&server, Manner::Right);
    let juliet = Device::new("juliet");
    let mut rpc = juliet.online(&server, "juliet");
    let me = server.jid("juliet");
    register(&mut rpc, &me);
    let push = push_until(&mut rpc, &me, "push_unsupported", |push| push["error"] == "push_unsupported");
    assert_eq!(push["state"], "registering");
    rpc.ok("push.unregister", json!({ "account": me }));
    push_until(&mut rpc, &me, "off", |push| push["state"] == "off");
    assert_eq!(rpc.close(), Some(0));
    let done = juliet.run(&["push", "enable", APP_SERVER, "--token", "t", "--device", "d"]);
    assert!(done.status == Some(1) && done.errors.contains("sends no pushes"), "{done:?}");
    let heard = app.heard();
    assert!(!String::from_utf8_lossy(&heard.bytes).contains("juliet"));
}

#[test]
fn a_server_that_forgot_the_push_is_told_again_on_the_next_stream() {
    let mut server = pushing(&["juliet", "romeo"]);
    let app = AppServer::start(&server, Manner::Right);
    let (juliet, device) = (Device::new("juliet"), Device::new("romeo"));
    let mut rpc = juliet.online(&server, "juliet");
    let (me, friend) = (server.jid("juliet"), server.jid("romeo"));
    register(&mut rpc, &me);
    push_until(&mut rpc, &me, "enabled", is_enabled);
    drop(app);
    server.kill();
    let store = server.folder().join("data/verona%2etest/cloud_notify/juliet.dat");
    std::fs::remove_file(&store).expect("the server kept the push");
    server.start_again();
    let app = AppServer::start(&server, Manner::Right);
    let end = Instant::now() + LONG;
    while !store.exists() {
        assert!(Instant::now() < end, "the server was not told again");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert!(app.heard().registered.is_empty(), "the app server need not hear of it");
    rpc.ok("lifecycle", json!({ "state": "suspended" }));
    let mut romeo = device.online(&server, "romeo");
    romeo.says(&friend, &me, "wherefore");
    app.wait("push", |heard| !heard.pushes.is_empty());
    let report = rpc.ok("background_sync", json!({ "deadline_ms": 60_000 }));
    assert_eq!(report["notifications"][0]["item"]["text"], "wherefore");
}
