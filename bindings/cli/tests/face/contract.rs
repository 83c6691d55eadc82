//! Holds `docs/contract.schema.json` against every shape of row and event that the core can send.

use crate::support::Contract;
use dunnock_core::ErrorKind;
use dunnock_core::model::{
    Alarm, ChatItem, Connection, Contact, Delivery, DeviceView, Event, Notification, OwnDeviceEvent, Proof, Push,
    PushState, Reach, Reaction, Sealing, State, SyncReport, Time, TimelineItem, TorState, TorStatus, Trust,
};
use serde::Serialize;
use serde_json::{Value, json};

fn full_row() -> TimelineItem {
    TimelineItem {
        message: "12".into(),
        chat: "romeo@b.example".into(),
        origin_id: Some("o".into()),
        stanza_id: Some("s".into()),
        from: "romeo@b.example".into(),
        text: Some("hi".into()),
        sealed: Sealing::Full,
        device: Some(7),
        trust: Some(Trust::FirstUse),
        time: Time(1_763_782_380_123),
        own: true,
        state: Some(Delivery::Sent),
        devices: Some(Reach { reached: 2, known: 3 }),
        error: Some(ErrorKind::DeviceChanged.code().into()),
        reason: Some("no_session".into()),
        reply_to: Some("11".into()),
        edited: Some(Time(1_763_782_390_000)),
        retracted: Some(Time(1_763_782_400_000)),
        claimed: Some(Time(0)),
        reactions: vec![Reaction { emoji: "👍".into(), from: vec!["juliet@a.example".into()] }],
    }
}

fn bare_row() -> TimelineItem {
    TimelineItem {
        origin_id: None,
        stanza_id: None,
        text: None,
        sealed: Sealing::None,
        device: None,
        trust: None,
        own: false,
        state: None,
        devices: None,
        error: None,
        reason: None,
        reply_to: None,
        edited: None,
        retracted: None,
        claimed: None,
        reactions: Vec::new(),
        ..full_row()
    }
}

fn connection(state: State, proof: Option<Proof>) -> Connection {
    let known = proof.map(|_| true);
    Connection { state, proof, archive: known, resumable: known, error: None, about: None, caught_up: false, caught: 3 }
}

fn value(of: impl Serialize) -> Value {
    serde_json::to_value(of).unwrap()
}

#[test]
fn every_row_of_a_chat_has_the_form_that_the_contract_says() {
    let contract = Contract::read();
    for row in [full_row(), bare_row()] {
        contract.holds("chat.timeline:result", &value([&row]));
        contract.holds("search:result", &value([&row]));
        for (name, last) in [(Some("Romeo".to_owned()), Some(row.clone())), (None, None)] {
            let chat = ChatItem {
                chat: row.chat.clone(),
                name,
                unread: 1,
                last,
                sealed: Sealing::Content,
                plain_allowed: false,
                room: false,
                typing: true,
                extras_allowed: false,
            };
            contract.holds("chat.list:result", &value([chat]));
        }
    }
}

#[test]
fn every_person_and_device_has_the_form_that_the_contract_says() {
    let contract = Contract::read();
    let contact = |name: Option<String>, subscription: &str| Contact {
        jid: "romeo@b.example".into(),
        name,
        subscription: subscription.into(),
        asked: true,
        requests: false,
        blocked: false,
        online: true,
    };
    let all = ["none", "to", "from", "both"].map(|subscription| contact(None, subscription));
    contract.holds("contact.list:result", &value(all));
    contract.holds("contact.list:result", &value([contact(Some("R".into()), "to")]));
    for trust in [Trust::Undecided, Trust::FirstUse, Trust::Vouched, Trust::Verified, Trust::Distrusted] {
        let device = DeviceView {
            device: u32::MAX,
            fingerprint: String::new(),
            fingerprint_2: String::new(),
            trust,
            versions: vec!["0.3", "2"],
            own: true,
            current: false,
        };
        contract.holds("device.list:result", &value([device]));
    }
}

#[test]
fn every_alarm_and_own_device_event_has_the_form_that_the_contract_says() {
    let contract = Contract::read();
    for what in
        ["quarantined", "own_unknown", "own_returned", "own_keys", "list_unreadable", "key_changed", "other_list"]
            .into_iter()
            .chain(["room_member", "server_contradicts"])
    {
        for answer in [None, Some("accepted"), Some("rejected"), Some("dismissed"), Some("settled")] {
            let alarm = Alarm {
                alarm: "1".into(),
                what: what.into(),
                jid: "romeo@b.example".into(),
                room: (what == "room_member").then(|| "verona@rooms.b.example".into()),
                device: answer.is_some().then_some(7),
                fingerprint: String::new(),
                time: Time(1_700_000_000_000),
                answer: answer.map(str::to_owned),
            };
            contract.holds("alarm.list:result", &value([alarm]));
        }
    }
    for change in [
        "appeared",
        "gone",
        "removed",
        "list_lost_us",
        "list_emptied",
        "list_unreadable",
        "keys_replaced",
        "published",
        "restored",
    ] {
        let event = OwnDeviceEvent {
            time: Time(1_700_000_000_000),
            change: change.into(),
            version: (change == "published").then_some("2"),
            device: (change == "gone").then_some(7),
            fingerprint: String::new(),
        };
        contract.holds("device.log:result", &value([event]));
    }
}

#[test]
fn every_event_has_the_form_that_the_contract_says() {
    let contract = Contract::read();
    let account = || "juliet@a.example".to_owned();
    let mut events = vec![
        Event::Typing { account: account(), chat: "romeo@b.example".into(), typing: true },
        Event::Device {
            account: account(),
            jid: "romeo@b.example".into(),
            device: 1,
            fingerprint: "ab".into(),
            change: "key_changed".into(),
        },
        Event::Alarm {
            account: account(),
            alarm: "1".into(),
            what: "quarantined".into(),
            jid: "romeo@b.example".into(),
            room: None,
            device: Some(1),
            fingerprint: "ab".into(),
        },
        Event::Alarm {
            account: account(),
            alarm: "1".into(),
            what: "room_member".into(),
            jid: "romeo@b.example".into(),
            room: Some("verona@rooms.b.example".into()),
            device: None,
            fingerprint: "".into(),
        },
    ];
    for item in [full_row(), bare_row()] {
        events.push(Event::Message { account: account(), item: item.clone() });
        for change in ["corrected", "retracted", "reacted"] {
            events.push(Event::Changed { account: account(), change: change.into(), item: item.clone() });
        }
        events.push(Event::Unreadable { account: account(), item });
    }
    for state in [State::Offline, State::Connecting, State::Online, State::Refused, State::Contradiction] {
        for proof in [None, Some(Proof::Proved), Some(Proof::Pinned), Some(Proof::FirstUse)] {
            events.push(Event::Connection { account: account(), connection: connection(state, proof) });
        }
    }
    for number in 0..6 {
        let state = Delivery::from_number(number).unwrap();
        let devices = (number > 1).then_some(Reach { reached: 1, known: 1 });
        let error = (number == 3).then(|| ErrorKind::Refused.code().to_owned());
        events.push(Event::Delivery { account: account(), message: "1".into(), state, devices, error });
    }
    for event in events {
        contract.holds("line", &json!({ "jsonrpc": "2.0", "method": "event", "params": value(event) }));
    }
}

#[test]
fn how_tor_stands_has_the_form_that_the_contract_says() {
    let contract = Contract::read();
    for (state, blocked) in [(TorState::Starting, None), (TorState::Starting, Some("silent")), (TorState::Ready, None)]
    {
        let mut event = value(TorStatus { state, percent: 99, blocked: blocked.map(str::to_owned) });
        event["kind"] = "tor".into();
        contract.holds("line", &json!({ "jsonrpc": "2.0", "method": "event", "params": event }));
    }
}

/// A contract that lets everything through would pass all of the above.
#[test]
fn the_contract_refuses_what_it_does_not_say() {
    let contract = Contract::read();
    for (field, wrong) in [
        ("text", json!(7)),
        ("time", json!("2025-11-22T03:33:00Z")),
        ("sealed", json!("partly")),
        ("state", json!("lost")),
        ("device", json!(0)),
        ("devices", json!({ "reached": 1 })),
        ("error", json!("Some Words")),
        ("surprise", json!(1)),
    ] {
        let mut row = value(full_row());
        row[field] = wrong;
        assert!(contract.refuses("row", &row), "{field}");
    }
    for (part, wrong) in [
        ("event", json!({ "kind": "typing", "account": "a" })),
        ("event", json!({ "kind": "news", "account": "a" })),
        ("line", json!({ "jsonrpc": "2.0", "id": 1 })),
        ("request", json!({ "jsonrpc": "2.0", "method": "no.such" })),
        ("request", json!({ "jsonrpc": "2.0", "method": "account.remove", "params": {} })),
    ] {
        assert!(contract.refuses(part, &wrong), "{part}: {wrong}");
    }
}

#[test]
fn a_push_and_a_sync_have_the_form_that_the_contract_says() {
    let contract = Contract::read();
    for state in 0..5 {
        let state = PushState::from_number(state).unwrap();
        for (app_server, error) in [(None, None), (Some("push.example".to_owned()), Some("push_silent".to_owned()))] {
            contract.holds("push.status:result", &value(Push { state, app_server, error }));
        }
    }
    let notification = |item| Notification { notification: "1".into(), account: "j@a".into(), name: None, item };
    let notifications = vec![notification(full_row()), notification(bare_row())];
    contract.holds("background_sync:result", &value(SyncReport { caught_up: true, notifications, alarms: 0 }));
}
