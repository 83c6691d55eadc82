//! Stories of stanzas that crash the brain, and of what was in hand at a crash.

use super::{CRASHES, CRASHES_LATER, FAILS, KEPT, event, letter, number, online};
use crate::command::Command;
use crate::model::Event;
use crate::scratch::{Folder, ROMEO, juliet, key};
use crate::store::Store;
use crate::wire::ToWire;
use std::time::Duration;

#[tokio::test]
async fn a_stanza_that_crashes_the_brain_twice_is_put_aside_and_the_rest_goes_on() {
    let home = Folder::new();
    let folder = juliet(home.path());
    let (account, mut wires, mut wire) = online(&folder).await;
    let mut events = account.events();
    let poison = letter(CRASHES, "such sweet sorrow");
    for _ in 0..2 {
        wire.stanza(&letter("before", "good night")).await;
        wire.stanza(&poison).await;
        // The stream ends without a goodbye: the server sends again what was not acknowledged.
        assert_ne!(wire.stopped().await, Some(true));
        event(&mut events, |event| match event {
            Event::Connection { connection, .. } => (connection.error.as_deref() == Some("crashed")).then_some(()),
            _ => None,
        })
        .await;
        wire = wires.next().await;
        wire.online().await;
    }
    wire.stanza(&poison).await;
    wire.stanza(&letter("after", "till it be morrow")).await;
    wire.handled(2).await;
    assert_eq!(number(&folder, "SELECT count(*) FROM inbox WHERE poison = 1"), 1);
    let unreadable = event(&mut events, |event| match event {
        Event::Unreadable { item, .. } => Some(item),
        _ => None,
    })
    .await;
    assert_eq!((unreadable.chat.as_str(), unreadable.reason.as_deref()), (ROMEO, Some("crashed")));
}

#[tokio::test]
async fn a_stanza_that_the_engine_fails_on_is_put_aside_with_a_row() {
    let home = Folder::new();
    let folder = juliet(home.path());
    let (account, _wires, mut wire) = online(&folder).await;
    let mut events = account.events();
    wire.stanza(&letter(FAILS, "such sweet sorrow")).await;
    wire.stanza(&letter("after", "till it be morrow")).await;
    wire.handled(2).await;
    assert_eq!(number(&folder, "SELECT count(*) FROM inbox WHERE poison = 1"), 1);
    assert_eq!(number(&folder, KEPT), 3, "it, its row, and what came after");
    let unreadable = event(&mut events, |event| match event {
        Event::Unreadable { item, .. } => Some(item),
        _ => None,
    })
    .await;
    assert_eq!((unreadable.chat.as_str(), unreadable.reason.as_deref()), (ROMEO, Some("crashed")));
}

#[tokio::test]
async fn a_stanza_in_hand_at_three_kills_is_read_all_the_same() {
    let home = Folder::new();
    let folder = juliet(home.path());
    let said = letter("m", "such sweet sorrow");
    // What kills of the whole process leave: held, and the stanza under suspicion each time.
    let mut store = Store::open(&folder.database(), &key()).unwrap();
    let tx = store.tx().unwrap();
    tx.set_unclean(true).unwrap();
    for _ in 0..3 {
        tx.suspect(&crate::brain::aside::fingerprint(&said.parse().unwrap())).unwrap();
    }
    tx.commit().unwrap();
    let (_account, _wires, mut wire) = online(&folder).await;
    wire.stanza(&said).await;
    wire.handled(1).await;
    assert_eq!(number(&folder, "SELECT count(*) FROM inbox WHERE poison = 1"), 0);
    assert_eq!(number(&folder, KEPT), 1);
    assert_eq!(number(&folder, "SELECT count(*) FROM suspect"), 0);
}

#[tokio::test]
async fn a_kept_stanza_that_crashes_the_brain_is_put_aside_as_well() {
    let home = Folder::new();
    let folder = juliet(home.path());
    let mut store = Store::open(&folder.database(), &key()).unwrap();
    let tx = store.tx().unwrap();
    for (id, text) in [("one", "1"), (CRASHES_LATER, "2"), ("three", "3")] {
        tx.put_inbox(&letter(id, text), 0).unwrap();
    }
    tx.commit().unwrap();
    let (account, mut wires, wire) = online(&folder).await;
    let mut events = account.events();
    // As if the archive had just been read to its end, on each stream.
    let drain = |store: &mut Store| {
        let tx = store.tx().unwrap();
        tx.want("drain", "", "", "", i64::MAX).unwrap();
        tx.commit().unwrap();
    };
    drain(&mut store);
    let _ = account.call(Command::MarkRead { chat: ROMEO.into() }).await;
    drop(wire);
    let mut held = Vec::new();
    while number(&folder, "SELECT count(*) FROM inbox WHERE poison = 1") == 0 {
        let wire = wires.next().await;
        wire.online().await;
        account.online(Duration::from_secs(60)).await.unwrap();
        drain(&mut store);
        let _ = account.call(Command::MarkRead { chat: ROMEO.into() }).await;
        held.push(wire);
        assert!(held.len() < 10);
    }
    let reason = event(&mut events, |event| match event {
        Event::Unreadable { item, .. } => item.reason,
        _ => None,
    })
    .await;
    assert_eq!(reason, "crashed");
    drain(&mut store);
    account.call(Command::MarkRead { chat: ROMEO.into() }).await.unwrap();
    account.call(Command::MarkRead { chat: ROMEO.into() }).await.unwrap();
    assert_eq!(number(&folder, "SELECT count(*) FROM inbox WHERE poison = 0"), 0);
    assert_eq!(number(&folder, "SELECT count(*) FROM message WHERE body IN ('1', '3')"), 2);
}

#[tokio::test]
async fn of_what_was_in_hand_at_a_crash_as_much_is_acknowledged_as_is_on_the_disk() {
    let home = Folder::new();
    let folder = juliet(home.path());
    let (_account, mut wires, mut wire) = online(&folder).await;
    for round in 0..5 {
        let before = number(&folder, KEPT);
        // They come together: mostly both share the transaction that is undone.
        let (first, second) = (letter(&format!("m{round}"), "one"), letter(CRASHES, "two"));
        wire.tell_together(&[&first, &second]).await;
        let mut acknowledged = 0;
        while let Some(order) = wire.order().await {
            match order {
                ToWire::Handled { stanzas } => acknowledged += i64::from(stanzas),
                ToWire::Stop { clean } => assert!(!clean),
                _ => {}
            }
        }
        wire = wires.next().await;
        assert_eq!(number(&folder, KEPT) - before, acknowledged);
        wire.online().await;
        // The suspect is put aside when it is met again; the next round shall meet a fresh one.
        let mut store = Store::open(&folder.database(), &key()).unwrap();
        let tx = store.tx().unwrap();
        tx.harmless_all().unwrap();
        tx.commit().unwrap();
    }
}
