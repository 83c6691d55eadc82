//! Two processes on one home: one listens, the other sends; one of them dies.

use dunnock_tests::dunnock::Device;
use dunnock_tests::json_process::JsonProcess;
use dunnock_tests::prosody::Prosody;
use dunnock_tests::talk::Talker;
use serde_json::Value;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

/// A device with an account, at home and not running.
fn at_home(server: &Prosody, voice: &str, user: &str, peer: &str) -> Talker {
    let mut talker = Talker::new(server, voice, user, peer, server.port());
    talker.kill();
    talker
}

/// `listen --json` of this device, once it listens.
fn listen(device: &Device) -> JsonProcess {
    let words = ["--json", "listen"];
    let listen = JsonProcess::start(&format!("{}'s listen", device.name), &mut device.command(&words));
    listen.take(LONG, "connection", |line| line["kind"] == "connection");
    listen
}

fn hears(listen: &JsonProcess, text: &str) -> Value {
    listen.take(LONG, text, |line| line["text"] == text && line["own"] != true)
}

/// `send`, to its end.
fn send(device: &Device, to: &str, text: &str) {
    let done = device.run(&["send", to, text]);
    assert_eq!(done.status, Some(0), "{text}: {done:?}");
}

fn of_the_other(rows: &[Value]) -> Vec<&str> {
    rows.iter().filter(|row| row["own"] == false).filter_map(|row| row["text"].as_str()).collect()
}

#[test]
fn sends_beside_two_listens_arrive_once_and_nobody_fights_over_the_stream() {
    let server = Prosody::with_accounts(&["juliet", "romeo"]);
    let juliet = at_home(&server, "juliet", "juliet", "romeo");
    let mut romeo = Talker::new(&server, "romeo", "romeo", "juliet", server.port());
    let first = listen(&juliet.device);
    romeo.say_all(1);
    hears(&first, &romeo.text(0));
    let second = listen(&juliet.device);
    for number in 0..6 {
        send(&juliet.device, &romeo.jid, &format!("beside {number}"));
        romeo.say_all(number + 2);
        hears(&first, &romeo.text(number + 1));
        hears(&second, &romeo.text(number + 1));
    }
    // Whoever owns the stream dies while another wants to send: the other listen takes over.
    std::thread::scope(|scope| {
        scope.spawn(|| send(&juliet.device, &romeo.jid, "beside 6"));
        drop(first);
    });
    romeo.say_all(8);
    hears(&second, &romeo.text(7));
    let (me, other) = (romeo.jid.clone(), romeo.peer.clone());
    let end = Instant::now() + LONG;
    let rows = loop {
        let rows = romeo.rpc().timeline(&me, &other);
        if of_the_other(&rows).contains(&"beside 6") || Instant::now() > end {
            break rows;
        }
        // Any news is a reason to look again.
        let _ = romeo.rpc().try_event(Duration::from_millis(500), "message", |_| true);
    };
    let texts = of_the_other(&rows);
    assert_eq!(texts, (0..7).map(|number| format!("beside {number}")).collect::<Vec<String>>());
    assert!(rows.iter().all(|row| row["text"].is_string()), "unreadable: {rows:?}");
    server.tap().assert_no_key_used_twice();
    assert!(!server.log().contains("conflict"), "{}", server.log());
}
