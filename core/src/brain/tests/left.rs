//! Stories of the stream that a program leaves behind, and what the next one makes of it.

use super::letter;
use crate::command::Command;
use crate::scratch::{self, Folder, JULIET, Wire, leave, soon};
use crate::seal::Sealed;
use crate::store::outgoing::Fate;
use crate::store::{AccountFolder, Store};
use crate::wire::{Bound, CREDIT, FromWire, Resumable, ToWire};
use crate::{Account, model::Proof};
use std::time::Duration;

fn bound(resumed: bool) -> FromWire {
    let jid: jid::FullJid = format!("{JULIET}/r").parse().unwrap();
    let resumable = Some(Resumable { id: "s1".into(), jid: jid.clone(), location: None });
    FromWire::Online(Bound { jid, resumed, resumable, carbons: true, proof: Proof::Proved })
}

/// An account whose stream `s1` may be resumed, and all that it said at first, as tokens.
async fn begun(folder: &AccountFolder) -> (Account, scratch::Wires, Wire, Vec<i64>) {
    let (account, mut wires) = scratch::open(folder.clone());
    account.call(Command::Connect).await.unwrap();
    let mut wire = wires.next().await;
    assert!(wire.settings.left.is_none());
    wire.tell(FromWire::Connecting).await;
    wire.tell(bound(false)).await;
    account.call(Command::TellDisplayed { tell: true }).await.unwrap();
    let mut tokens = Vec::new();
    while let Some(order) = wire.waiting() {
        if let ToWire::Send { token, .. } = order {
            tokens.push(token);
        }
    }
    assert!(tokens.len() > 4);
    (account, wires, wire, tokens)
}

/// The stream as the next program finds it: what it heard, what was acknowledged, which tokens are open.
async fn found(folder: &AccountFolder) -> (Account, scratch::Wires, Wire, Option<(u32, u32, Vec<i64>)>) {
    let (account, mut wires) = scratch::open(folder.clone());
    account.call(Command::Connect).await.unwrap();
    let wire = wires.next().await;
    let left = wire.settings.left.as_ref();
    let left = left.map(|left| (left.heard, left.acked, left.sent.iter().map(|(token, _)| *token).collect()));
    (account, wires, wire, left)
}

/// Suspended, as a killed process leaves it: without a goodbye.
async fn dies(account: Account, mut wire: Wire) {
    let ending = tokio::spawn(leave_unclean(account));
    assert_eq!(wire.stopped().await, Some(false));
    wire.tell(FromWire::Offline { error: None, retry: None }).await;
    drop(wire);
    ending.await.unwrap();
}

async fn leave_unclean(account: Account) {
    account.inner.suspend().await;
    leave(account).await;
}

#[tokio::test]
async fn the_next_program_goes_on_where_the_commits_of_the_last_one_ended() {
    let home = Folder::new();
    let folder = scratch::juliet(home.path());
    let (account, _wires, mut wire, tokens) = begun(&folder).await;
    for count in 1..=3 {
        wire.tell(FromWire::Stanza(
            crate::wire::Arrived::Whole(letter(&format!("m{count}"), "hi").parse().unwrap()),
            Some(count),
        ))
        .await;
    }
    wire.handled(3).await;
    wire.tell(FromWire::Written { token: tokens[3] }).await;
    wire.tell(FromWire::Acked { token: tokens[1], h: Some(2) }).await;
    wire.taken().await;
    account.call(Command::TellDisplayed { tell: true }).await.unwrap();
    dies(account, wire).await;

    let (account, _wires, mut wire, left) = found(&folder).await;
    let (heard, acked, open) = left.expect("the stream is resumed");
    assert_eq!((heard, acked), (3, 2));
    assert_eq!(open[..tokens.len() - 2], tokens[2..], "written or not, they are counted in order");
    // What is given from now on comes behind them.
    wire.tell(FromWire::Connecting).await;
    wire.tell(FromWire::Acked { token: tokens[2], h: Some(3) }).await;
    wire.tell(bound(true)).await;
    wire.tell(FromWire::Written { token: *open.last().unwrap() }).await;
    soon(account.online(Duration::from_secs(60))).await.unwrap();
    assert_eq!(account.connection().unwrap().resumable, Some(true));
    account.call(Command::TellDisplayed { tell: true }).await.unwrap();
    while let Some(order) = wire.waiting() {
        match order {
            ToWire::Send { token, .. } => assert!(token > *open.last().unwrap(), "{token} goes twice"),
            ToWire::Begin => panic!("no new stream began"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn nothing_is_resumed_after_a_goodbye_or_another_way() {
    let home = Folder::new();
    let folder = scratch::juliet(home.path());
    let (account, _wires, wire, _) = begun(&folder).await;
    wire.tell(FromWire::Over).await;
    wire.taken().await;
    account.call(Command::TellDisplayed { tell: true }).await.unwrap();
    dies(account, wire).await;
    let (_account, _wires, wire, left) = found(&folder).await;
    assert!(left.is_none());
    drop(wire);
}

#[tokio::test]
async fn a_database_out_of_a_backup_resumes_nothing() {
    let home = Folder::new();
    let folder = scratch::juliet(home.path());
    let (account, _wires, wire, _) = begun(&folder).await;
    dies(account, wire).await;
    let copy = std::fs::read(folder.database()).unwrap();
    let (account, _wires, wire, left) = found(&folder).await;
    assert!(left.is_some());
    wire.tell(bound(true)).await;
    let arrived = crate::wire::Arrived::Whole(letter("later", "hi").parse().unwrap());
    wire.tell(FromWire::Stanza(arrived, Some(1))).await;
    wire.taken().await;
    account.call(Command::TellDisplayed { tell: true }).await.unwrap();
    dies(account, wire).await;
    std::fs::write(folder.database(), copy).unwrap();
    let (_account, _wires, _wire, left) = found(&folder).await;
    assert!(left.is_none(), "the counts of then are not those of now");
}

#[tokio::test]
async fn what_the_server_had_of_the_last_program_takes_no_credit_of_the_next() {
    let home = Folder::new();
    let folder = scratch::juliet(home.path());
    let (account, _wires, wire, _) = begun(&folder).await;
    dies(account, wire).await;
    let queue = |count: usize| {
        let mut store = Store::open(&folder.database(), &scratch::key()).unwrap();
        let tx = store.tx().unwrap();
        let ping = "<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>".parse().unwrap();
        for _ in 0..count {
            tx.queue(Fate::Again, None, &Sealed::protocol(&ping).unwrap(), "[]").unwrap();
        }
        tx.commit().unwrap();
    };
    queue(2 * CREDIT);
    let (account, _wires, mut wire, left) = found(&folder).await;
    let last = *left.unwrap().2.last().unwrap();
    wire.tell(FromWire::Connecting).await;
    // Nothing is to be written again, so nothing is said to be written.
    wire.tell(FromWire::Acked { token: last, h: Some(9) }).await;
    wire.tell(bound(true)).await;
    queue(1);
    account.call(Command::TellDisplayed { tell: true }).await.unwrap();
    loop {
        if let ToWire::Send { token, .. } = wire.order().await.expect("the brain holds the wire") {
            break assert!(token > last);
        }
    }
}
