//! Windows: what is in them, and when they are produced again.

use super::Query;
use crate::Account;
use crate::model::{Delivery, Event, Sealing};
use crate::scratch::{Folder, JULIET, ROMEO, juliet, key, open, open_on, says, soon};
use crate::store::{Store, Touched, Tx};
use crate::workers::Workers;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

fn account(folder: &Folder, fill: impl FnOnce(&Tx)) -> Account {
    let files = juliet(folder.path());
    let mut store = Store::open(&files.database(), &key()).unwrap();
    let tx = store.tx().unwrap();
    fill(&tx);
    tx.commit().unwrap();
    open(files).0
}

fn texts(rows: &[crate::model::TimelineItem]) -> Vec<&str> {
    rows.iter().map(|row| row.text.as_deref().unwrap()).collect()
}

#[test]
fn a_timeline_is_read_backwards_page_by_page() {
    let folder = Folder::new();
    let account = account(&folder, |tx| {
        for number in 0..450 {
            says(tx, &number.to_string());
        }
    });
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let page = account.timeline(ROMEO, before.as_deref(), 1000).unwrap();
        assert!(page.len() <= 200);
        let Some(last) = page.last() else { break };
        before = Some(last.message.clone());
        seen.extend(page.iter().map(|row| row.text.clone().unwrap()));
    }
    let all: Vec<String> = (0..450).rev().map(|number| number.to_string()).collect();
    assert_eq!(seen, all);
    assert!(account.timeline(JULIET, None, 10).unwrap().is_empty());
    assert_eq!(account.timeline(ROMEO, Some("no"), 10).err().unwrap().kind, crate::ErrorKind::UnknownMessage);
}

#[test]
fn the_chat_list_shows_the_newest_row_and_what_is_unread() {
    let folder = Folder::new();
    let account = account(&folder, |tx| {
        says(tx, "but soft");
        says(tx, "what light");
    });
    account.inner.hub.publish_typing(ROMEO, true);
    let chats = account.chats().unwrap();
    assert_eq!((chats.len(), chats[0].chat.as_str(), chats[0].unread), (1, ROMEO, 2));
    assert_eq!(chats[0].last.as_ref().unwrap().text.as_deref(), Some("what light"));
    assert!(chats[0].sealed == Sealing::Full && chats[0].typing && !chats[0].plain_allowed);
}

#[test]
fn the_own_devices_begin_with_this_one_and_its_fingerprint() {
    let folder = Folder::new();
    let account = account(&folder, |_| {});
    let devices = account.devices(JULIET).unwrap();
    assert_eq!(devices.iter().map(|device| (device.own, device.current)).collect::<Vec<_>>(), [(true, true)]);
    assert_eq!(devices[0].fingerprint.len(), 64);
    assert!(account.devices(ROMEO).unwrap().is_empty());
}

#[test]
fn search_finds_words_and_never_reads_them_as_a_language() {
    let folder = Folder::new();
    let account = account(&folder, |tx| {
        for line in ["But soft, what light", "It is the east", "Arise, fair sun \"kill\""] {
            says(tx, line);
        }
    });
    assert_eq!(texts(&account.search("LIGHT soft", 10).unwrap()), ["But soft, what light"]);
    assert_eq!(texts(&account.search("ea", 10).unwrap()), ["It is the east"]);
    assert_eq!(texts(&account.search("\"kill\"", 10).unwrap()), ["Arise, fair sun \"kill\""]);
    for nothing in ["", "*", "\"", "light NOT soft", "body:light", "(", "moon"] {
        assert!(account.search(nothing, 10).unwrap().is_empty(), "{nothing}");
    }
}

#[tokio::test]
async fn events_come_in_the_order_of_commits_and_from_now_on() {
    let folder = Folder::new();
    let account = account(&folder, |tx| {
        let id = says(tx, "before");
        tx.event("message", Some(id), None, None, "{}").unwrap();
    });
    let mut events = account.events();
    let mut store = Store::open(&juliet(folder.path()).database(), &key()).unwrap();
    for number in 0..300 {
        let tx = store.tx().unwrap();
        let id = says(&tx, &number.to_string());
        tx.event("message", Some(id), None, None, "{}").unwrap();
        tx.commit().unwrap();
    }
    let tx = store.tx().unwrap();
    let data = r#"{"state":"sent","reached":2,"known":3,"error":null}"#;
    tx.event("delivery", Some(7), None, None, data).unwrap();
    tx.event("device", None, Some(ROMEO), Some(5), r#"{"fingerprint":"ab","change":"new"}"#).unwrap();
    tx.commit().unwrap();
    account.inner.hub.publish_all();
    let mut seen = Vec::new();
    while seen.len() < 302 {
        let batch = soon(events.next()).await.unwrap();
        assert!(batch.len() <= 200);
        seen.extend(batch);
    }
    for (number, event) in seen[..300].iter().enumerate() {
        assert!(matches!(event, Event::Message { item, .. } if item.text == Some(number.to_string())));
    }
    assert!(matches!(&seen[300], Event::Delivery { message, state: Delivery::Sent, devices: Some(reach), .. }
        if message == "7" && (reach.reached, reach.known) == (2, 3)));
    assert!(matches!(&seen[301], Event::Device { jid, device: 5, change, .. } if jid == ROMEO && change == "new"));
    events.ender().end();
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_window_cancelled_while_it_waits_loses_nothing() {
    let folder = Folder::new();
    let account = account(&folder, |_| {});
    let mut chats = account.watch_chats();
    assert!(soon(chats.next()).await.unwrap().is_empty());
    for _ in 0..3 {
        // Polled once and dropped.
        assert!(tokio::time::timeout(Duration::ZERO, chats.next()).await.is_err());
    }
    let mut store = Store::open(&juliet(folder.path()).database(), &key()).unwrap();
    let tx = store.tx().unwrap();
    says(&tx, "hi");
    let touched = tx.commit().unwrap();
    account.inner.hub.publish(&touched);
    for _ in 0..3 {
        if let Ok(window) = tokio::time::timeout(Duration::ZERO, chats.next()).await {
            assert_eq!(window.unwrap().len(), 1);
            return;
        }
    }
    assert_eq!(soon(chats.next()).await.unwrap().len(), 1);
}

/// Time is the test's here: it stands still but for what is waited for.
#[tokio::test(start_paused = true)]
async fn bursts_become_at_most_twenty_windows_a_second_and_the_last_one_is_the_latest() {
    let folder = Folder::new();
    let (account, _wires) = open_on(juliet(folder.path()), Workers::borrowed(Handle::current()));
    let (commits, reads) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let produce = {
        let (commits, reads) = (commits.clone(), reads.clone());
        move |_: &crate::account::Inner| {
            reads.fetch_add(1, Ordering::SeqCst);
            Ok(commits.load(Ordering::SeqCst))
        }
    };
    let mut query = Query::new(account.inner.clone(), |touched| *touched == Touched::Chats, Arc::new(produce));
    let hub = account.inner.hub.clone();
    let writer = tokio::spawn(async move {
        for _ in 0..1000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            commits.fetch_add(1, Ordering::SeqCst);
            hub.publish(&BTreeSet::from([Touched::Chats]));
        }
    });
    let (mut windows, mut last) = (0, 0);
    while last < 1000 {
        let window = query.next().await.unwrap();
        assert!(windows == 0 || window > last, "never an old one");
        (windows, last) = (windows + 1, window);
    }
    writer.await.unwrap();
    assert!((15..=22).contains(&windows), "{windows} windows in a second");
    assert!(reads.load(Ordering::SeqCst) <= windows + 1);
    // What touches something else, or changes nothing, gives no window.
    account.inner.hub.publish(&BTreeSet::from([Touched::Contacts]));
    account.inner.hub.publish(&BTreeSet::from([Touched::Chats]));
    assert!(tokio::time::timeout(Duration::from_secs(5), query.next()).await.is_err());
    query.end();
    assert!(query.next().await.is_none());
}

#[tokio::test]
async fn a_window_that_is_read_while_its_account_ends_comes_to_an_end_like_any_other() {
    let folder = Folder::new();
    let account = account(&folder, |_| {});
    let produce = Arc::new(|_: &crate::account::Inner| Err::<u32, _>(crate::ErrorKind::Ended.into()));
    let mut window = Query::new(account.inner.clone(), |_| true, produce);
    assert_eq!((soon(window.next()).await, window.failure()), (None, None));
}
