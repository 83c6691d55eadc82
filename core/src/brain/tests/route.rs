//! Stories of an account whose way to the server is changed.

use super::online;
use crate::command::{AccountUpdate, Command};
use crate::model::State;
use crate::scratch::{Folder, Wire, soon};
use crate::wire::FromWire;
use crate::{Route, scratch};
use std::time::Duration;

fn to(route: Route) -> Command {
    Command::Update(AccountUpdate { route: Some(route), ..AccountUpdate::default() })
}

/// It is told to end without a goodbye, and could not say one.
async fn ends(mut wire: Wire) {
    assert_eq!(wire.stopped().await, Some(false));
    assert!(wire.fuse.is_blown(), "it may still send");
    wire.tell(FromWire::Offline { error: None, retry: None }).await;
}

#[tokio::test]
async fn another_route_ends_the_stream_before_the_next_begins() {
    let home = Folder::new();
    let (account, mut wires, wire) = online(&scratch::juliet(home.path())).await;
    assert_eq!(wire.settings.route, Route::Direct);
    let proxy = Route::Socks5 { host: "127.0.0.1".into(), port: 9050 };
    account.call(to(proxy.clone())).await.unwrap();
    assert_eq!(account.connection().unwrap().state, State::Connecting);
    assert!(wires.is_empty(), "the old wire has not ended");
    ends(wire).await;
    let wire = wires.next().await;
    assert_eq!(wire.settings.route, proxy);
    wire.online().await;
    soon(account.online(Duration::from_secs(60))).await.unwrap();

    // What does not change the way does not end the stream; the last change counts.
    let same = AccountUpdate { password: Some("another".into()), ..AccountUpdate::default() };
    account.call(Command::Update(same)).await.unwrap();
    account.call(to(proxy)).await.unwrap();
    assert_eq!(account.connection().unwrap().state, State::Online);
    account.call(to(Route::Tor)).await.unwrap();
    account.call(to(Route::Direct)).await.unwrap();
    ends(wire).await;
    assert_eq!(wires.next().await.settings.route, Route::Direct);
}

#[tokio::test]
async fn the_old_way_is_closed_before_the_change_of_route_is_answered() {
    let home = Folder::new();
    let (account, mut wires, wire) = online(&scratch::juliet(home.path())).await;
    assert!(!wire.fuse.is_blown());
    account.call(to(Route::Tor)).await.unwrap();
    assert!(wire.fuse.is_blown(), "the answer came first");
    wire.tell(FromWire::Offline { error: None, retry: None }).await;
    assert!(!wires.next().await.fuse.is_blown());
}

#[tokio::test]
async fn another_place_on_the_same_route_is_gone_to_with_a_goodbye() {
    let home = Folder::new();
    let (account, mut wires, mut wire) = online(&scratch::juliet(home.path())).await;
    let change = AccountUpdate { port: Some(5299), ..AccountUpdate::default() };
    account.call(Command::Update(change)).await.unwrap();
    assert_eq!(wire.stopped().await, Some(true));
    assert!(!wire.fuse.is_blown());
    wire.tell(FromWire::Offline { error: None, retry: None }).await;
    assert_eq!(wires.next().await.settings.port, Some(5299));
}

#[tokio::test]
async fn another_route_chosen_in_another_process_ends_the_stream_too() {
    let home = Folder::new();
    let folder = scratch::juliet(home.path());
    let (_account, mut wires, wire) = online(&folder).await;
    let (other, none) = scratch::open(folder);
    other.call(to(Route::Tor)).await.unwrap();
    ends(wire).await;
    assert_eq!(wires.next().await.settings.route, Route::Tor);
    assert!(none.is_empty());
}
