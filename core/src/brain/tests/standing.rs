//! Stories of what stands until a person has said something: nothing is connected meanwhile.

use super::number;
use crate::brain::Request;
use crate::command::{AccountUpdate, Command};
use crate::model::{Event, State};
use crate::pin::{Binding, Evidence, Pin, Shown, Word};
use crate::scratch::{self, Folder, Wire, leave, soon};
use crate::wire::FromWire;
use crate::{Account, ErrorKind, Route};
use std::time::Duration;

fn shown(key: u8) -> Shown {
    Shown { key: [key; 32], issuer: "CN=Authority".into(), tls: "0304".into() }
}

/// The server is remembered, and what shows itself now is another one.
async fn doubts(wire: &Wire) {
    let bound = Some(Binding::Exporter);
    let pin = Pin { shown: shown(1), bound, confirmed: false, mechanism: "SCRAM-SHA-256".into() };
    wire.tell(FromWire::Connecting).await;
    wire.tell(FromWire::Server(Word::Met(pin))).await;
    let evidence = Evidence { remembered: shown(1), shown: shown(2), because: ErrorKind::BindingRefused };
    wire.tell(FromWire::Server(Word::Doubted(evidence))).await;
}

async fn gives_up(wire: Wire, kind: ErrorKind) {
    wire.tell(FromWire::Offline { error: Some(kind.into()), retry: None }).await;
}

async fn stands_at(account: &Account, state: State) {
    let mut connection = account.watch_connection();
    while soon(connection.next()).await.unwrap().state != state {}
}

async fn kind(account: &Account, command: Command) -> Option<ErrorKind> {
    account.call(command).await.err().map(|error| error.kind)
}

fn update(update: AccountUpdate) -> Command {
    Command::Update(update)
}

#[tokio::test]
async fn while_a_contradiction_stands_nothing_connects_whatever_is_asked_and_whoever_asks() {
    let home = Folder::new();
    let folder = scratch::juliet(home.path());
    let (account, mut wires) = scratch::open(folder.clone());
    account.call(Command::Connect).await.unwrap();
    let wire = wires.next().await;
    // Whoever waits for its turn gets none.
    let (other, others) = scratch::open(folder.clone());
    other.call(Command::Connect).await.unwrap();
    doubts(&wire).await;
    stands_at(&other, State::Contradiction).await;
    gives_up(wire, ErrorKind::Contradiction).await;
    stands_at(&account, State::Contradiction).await;

    let route = || AccountUpdate { route: Some(Route::Tor), ..AccountUpdate::default() };
    let port = || AccountUpdate { port: Some(5299), ..AccountUpdate::default() };
    let password = || AccountUpdate { password: Some("another".into()), ..AccountUpdate::default() };
    for _ in 0..4 {
        assert_eq!(kind(&account, Command::Connect).await, Some(ErrorKind::Contradiction));
        assert_eq!(kind(&other, Command::Connect).await, Some(ErrorKind::Contradiction));
        assert_eq!(kind(&account, Command::Disconnect).await, None);
        assert_eq!(account.connection().unwrap().state, State::Contradiction);
        for change in [route(), port(), password()] {
            assert_eq!(kind(&account, update(change)).await, None);
            assert_eq!(kind(&account, Command::Connect).await, Some(ErrorKind::Contradiction));
        }
        account.network_changed().await;
        account.inner.suspend().await;
        account.inner.resume().await.unwrap();
        assert_eq!(account.connection().unwrap().error.as_deref(), Some("contradiction"));
    }
    assert!(account.server().unwrap().contradiction.is_some());
    // Nor for a moment.
    let (answer, begun) = tokio::sync::oneshot::channel();
    let visit = Request::Visit { round: "r".into(), answer };
    assert!(account.inner.brain().unwrap().send(visit).await.is_ok());
    assert_eq!(begun.await.unwrap().err().map(|error| error.kind), Some(ErrorKind::Contradiction));
    leave(other).await;
    // Another program finds it so, and a person who wants the account online finds it so too.
    leave(account).await;
    let (account, mut wires) = scratch::open(folder.clone());
    assert_eq!(account.connection().unwrap().state, State::Contradiction);
    assert_eq!(kind(&account, Command::Connect).await, Some(ErrorKind::Contradiction));
    assert!(wires.is_empty() && others.is_empty());
    assert_eq!(number(&folder, "SELECT count(*) FROM event WHERE kind = 'alarm'"), 1);
    assert_eq!(number(&folder, "SELECT count(*) FROM server_change"), 1);
    // What needs no server goes on.
    account.call(Command::TellDisplayed { tell: true }).await.unwrap();
    assert!(account.chats().unwrap().is_empty());

    account.call(Command::AcceptServer).await.unwrap();
    assert_eq!(account.connection().unwrap().state, State::Offline);
    account.call(Command::Connect).await.unwrap();
    let wire = wires.next().await;
    assert!(wire.settings.pin.is_none(), "it is met anew");
    wire.online().await;
    soon(account.online(Duration::from_secs(60))).await.unwrap();
}

#[tokio::test]
async fn who_was_killed_while_a_contradiction_was_written_down_does_not_connect_again() {
    let home = Folder::new();
    let folder = scratch::juliet(home.path());
    let (account, mut wires) = scratch::open(folder.clone());
    account.call(Command::Connect).await.unwrap();
    let wire = wires.next().await;
    doubts(&wire).await;
    wire.taken().await;
    // Its wire has not even ended; what another program reads is what a kill would leave.
    let (other, others) = scratch::open(folder.clone());
    stands_at(&other, State::Contradiction).await;
    assert_eq!(kind(&other, Command::Connect).await, Some(ErrorKind::Contradiction));
    // And whoever opened the database anew after a defect connects no more either.
    wire.tell(FromWire::Stanza(crate::wire::Arrived::Whole(super::letter(super::CRASHES, "x").parse().unwrap()), None))
        .await;
    drop(wire);
    // It may be told of the defect itself.
    let _ = account.call(Command::Disconnect).await;
    stands_at(&account, State::Contradiction).await;
    assert!(wires.is_empty() && others.is_empty());
    leave(other).await;
    leave(account).await;
}

#[tokio::test]
async fn a_password_that_was_refused_is_not_tried_again_by_any_program_before_a_person_says_so() {
    let home = Folder::new();
    let folder = scratch::juliet(home.path());
    let (account, mut wires) = scratch::open(folder.clone());
    let refused = async |account: &Account, wires: &mut scratch::Wires| {
        gives_up(wires.next().await, ErrorKind::WrongPassword).await;
        stands_at(account, State::Refused).await;
    };
    account.call(Command::Connect).await.unwrap();
    refused(&account, &mut wires).await;
    leave(account).await;
    let (account, mut wires) = scratch::open(folder.clone());
    for _ in 0..3 {
        assert_eq!(kind(&account, Command::Connect).await, Some(ErrorKind::WrongPassword));
        account.call(Command::Disconnect).await.unwrap();
        account.call(update(AccountUpdate { route: Some(Route::Tor), ..AccountUpdate::default() })).await.unwrap();
        account.network_changed().await;
        account.inner.suspend().await;
        account.inner.resume().await.unwrap();
        let connection = account.connection().unwrap();
        assert_eq!((connection.state, connection.error.as_deref()), (State::Refused, Some("wrong_password")));
    }
    assert!(wires.is_empty());
    // A person may want just that, and it is refused again; nothing says offline in between.
    let mut events = account.events();
    account.call(Command::ConnectAgain).await.unwrap();
    let mut states = Vec::new();
    while states.last() != Some(&State::Connecting) {
        states.extend(soon(events.next()).await.unwrap().into_iter().filter_map(|event| match event {
            Event::Connection { connection, .. } => Some(connection.state),
            _ => None,
        }));
    }
    assert_eq!(account.connection().unwrap().state, State::Connecting, "{states:?}");
    refused(&account, &mut wires).await;
    assert_eq!(kind(&account, Command::Connect).await, Some(ErrorKind::WrongPassword));
    // Or has another one. The end of a try with the old one says nothing of it.
    account.call(Command::ConnectAgain).await.unwrap();
    let wire = wires.next().await;
    let another = AccountUpdate { password: Some("another".into()), ..AccountUpdate::default() };
    account.call(update(another)).await.unwrap();
    gives_up(wire, ErrorKind::WrongPassword).await;
    stands_at(&account, State::Refused).await;
    account.call(Command::Connect).await.unwrap();
    let wire = wires.next().await;
    assert_eq!(wire.settings.secret.password.as_ref().map(|password| password.as_str()), Some("another"));
    wire.online().await;
    soon(account.online(Duration::from_secs(60))).await.unwrap();
    leave(account).await;
}

#[tokio::test]
async fn trouble_of_the_server_that_passes_refuses_no_password() {
    let home = Folder::new();
    let folder = scratch::juliet(home.path());
    for passing in [ErrorKind::StreamRefused, ErrorKind::LoginRefused, ErrorKind::PasswordNeeded, ErrorKind::LoginCut] {
        let (account, mut wires) = scratch::open(folder.clone());
        account.call(Command::Connect).await.unwrap();
        gives_up(wires.next().await, passing).await;
        stands_at(&account, State::Refused).await;
        account.call(Command::Connect).await.unwrap();
        gives_up(wires.next().await, passing).await;
        leave(account).await;
    }
}
