//! Stories of a home as a face uses it.

use crate::command::Tls;
use crate::scratch::{Folder, key};
use crate::{Client, ErrorKind, NewAccount, Route, StoreKey};

fn new(jid: &str) -> NewAccount {
    NewAccount {
        jid: jid.into(),
        password: String::from("secret").into(),
        keep_password: false,
        host: None,
        port: None,
        tls: Tls::Auto,
        ca: None,
        route: Route::Direct,
    }
}

#[test]
fn accounts_come_in_the_order_of_adding_and_once_each() {
    let home = Folder::new();
    let client = Client::open(home.path(), key()).unwrap();
    assert!(!Client::has_accounts(home.path()).unwrap());
    for jid in ["romeo@montague.example", "juliet@capulet.example", "nurse@capulet.example"] {
        assert_eq!(client.add(new(jid)).unwrap().jid(), jid);
    }
    assert!(Client::has_accounts(home.path()).unwrap());
    let again = client.add(new("Juliet@capulet.example"));
    assert_eq!(again.err().unwrap().kind, ErrorKind::AccountExists);
    for bad in ["capulet.example", "", "a@b@c", "juliet@capulet.example/balcony"] {
        assert_eq!(client.add(new(bad)).err().unwrap().kind, ErrorKind::InvalidJid, "{bad}");
    }
    client.block_on(client.close());
    let client = Client::open(home.path(), key()).unwrap();
    let jids: Vec<String> = client.accounts().unwrap().iter().map(|account| account.jid()).collect();
    assert_eq!(jids, ["romeo@montague.example", "juliet@capulet.example", "nurse@capulet.example"]);
    assert_eq!(client.account("paris@verona.example").err().unwrap().kind, ErrorKind::NoAccount);
}

#[test]
fn a_removed_account_is_gone_from_the_disk_and_from_its_handles() {
    let home = Folder::new();
    let client = Client::open(home.path(), key()).unwrap();
    let account = client.add(new("romeo@montague.example")).unwrap();
    client.add(new("juliet@capulet.example")).unwrap();
    client.block_on(client.remove("romeo@montague.example")).unwrap();
    assert_eq!(client.accounts().unwrap().len(), 1);
    assert!(account.chats().is_err());
    assert_eq!(std::fs::read_dir(home.path().join("accounts")).unwrap().count(), 1);
}

#[test]
fn a_damaged_account_is_listed_apart_and_can_be_wiped() {
    let home = Folder::new();
    let client = Client::open(home.path(), key()).unwrap();
    client.add(new("romeo@montague.example")).unwrap();
    let folder = std::fs::read_dir(home.path().join("accounts")).unwrap().next().unwrap().unwrap().path();
    client.add(new("juliet@capulet.example")).unwrap();
    client.block_on(client.close());
    std::fs::write(folder.join("store.db"), b"").unwrap();
    let client = Client::open(home.path(), key()).unwrap();
    assert_eq!(client.accounts().unwrap().len(), 1);
    let damaged = client.damaged();
    assert_eq!((damaged.len(), damaged[0].kind), (1, ErrorKind::DamagedStore));
    assert_eq!(damaged[0].export(&mut Vec::new()).err().unwrap().kind, ErrorKind::DamagedStore);
    assert_eq!(client.account("romeo@montague.example").err().unwrap().kind, ErrorKind::DamagedStore);
    assert_eq!(std::fs::read(folder.join("store.db")).unwrap(), b"");
    client.block_on(client.remove_damaged(&damaged[0].folder)).unwrap();
    assert!(client.damaged().is_empty() && !folder.exists());
}

#[test]
fn a_closed_client_answers_ended_and_another_key_is_refused() {
    let home = Folder::new();
    let client = Client::open(home.path(), key()).unwrap();
    let account = client.add(new("romeo@montague.example")).unwrap();
    client.block_on(async {
        let mut chats = account.watch_chats();
        assert!(chats.next().await.is_some());
        client.close().await;
        assert!(chats.next().await.is_none());
    });
    assert_eq!(account.chats().err().unwrap().kind, ErrorKind::Ended);
    let wrong = Client::open(home.path(), StoreKey::from_bytes([1; 32]));
    assert_eq!(wrong.err().unwrap().kind, ErrorKind::WrongKey);
}
