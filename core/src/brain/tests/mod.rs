//! Stories of a brain with a wire whose other end the test holds.

mod crashes;
mod left;
mod route;
mod standing;

use crate::ErrorKind;
use crate::command::Command;
use crate::lease::Lease;
use crate::model::{Event, State};
use crate::query::Events;
use crate::scratch::{Folder, JULIET, ROMEO, Wire, Wires, in_a_small_world, juliet, key, leave, open, soon};
use crate::seal::Sealed;
use crate::store::outgoing::Fate;
use crate::store::{AccountFolder, Reader, Store};
use crate::wire::{Arrived, CREDIT, FromWire, ToWire};
use crate::{Account, command::Reply};
use std::path::Path;
use std::time::Duration;

/// A stanza with this id crashes the brain when it arrives; the other one when it is handled.
const CRASHES: &str = "crashes";
const CRASHES_LATER: &str = "crashes later";
/// The engine refuses a stanza with this id.
const FAILS: &str = "fails";

/// Stands for a defect of the engine.
pub(super) fn fail_if_asked(stanza: &Arrived) -> crate::Result<()> {
    let Arrived::Whole(element) = stanza else { return Ok(()) };
    crate::scratch::crash_if_asked(element, CRASHES);
    if element.attr("id") == Some(FAILS) { Err(ErrorKind::UnknownMessage.into()) } else { Ok(()) }
}

async fn online(folder: &AccountFolder) -> (Account, Wires, Wire) {
    let (account, mut wires) = open(folder.clone());
    account.call(Command::Connect).await.unwrap();
    let wire = wires.next().await;
    wire.online().await;
    account.online(Duration::from_secs(60)).await.unwrap();
    (account, wires, wire)
}

/// The first event that `find` takes.
async fn event<T>(events: &mut Events, mut find: impl FnMut(Event) -> Option<T>) -> T {
    loop {
        if let Some(found) = soon(events.next()).await.unwrap().into_iter().find_map(&mut find) {
            return found;
        }
    }
}

fn number(folder: &AccountFolder, sql: &str) -> i64 {
    let reader = Reader::open(&folder.database(), &key()).unwrap();
    reader.sql().query_row(sql, [], |row| row.get(0)).unwrap()
}

fn letter(id: &str, text: &str) -> String {
    format!(
        "<message xmlns='jabber:client' from='{ROMEO}/o' to='{JULIET}' type='chat' id='{id}'><body>{text}</body></message>"
    )
}

/// Messages that are on the disk, handled or kept for after the catch-up.
const KEPT: &str = "SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM message)";

#[tokio::test]
async fn what_is_acknowledged_is_on_the_disk() {
    let home = Folder::new();
    let folder = juliet(home.path());
    let (_account, _wires, mut wire) = online(&folder).await;
    for round in 1..=20 {
        wire.stanza(&letter(&format!("m{round}"), "hi")).await;
        wire.handled(1).await;
        assert_eq!(number(&folder, KEPT), round);
    }
}

#[tokio::test]
async fn the_wire_never_holds_more_than_its_credit() {
    let home = Folder::new();
    let folder = juliet(home.path());
    let (account, _wires, mut wire) = online(&folder).await;
    // Another process queues far more than that.
    let mut other = Store::open(&folder.database(), &key()).unwrap();
    let tx = other.tx().unwrap();
    let ping = "<iq xmlns='jabber:client' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>".parse().unwrap();
    for _ in 0..3 * CREDIT {
        tx.queue(Fate::Again, None, &Sealed::protocol(&ping).unwrap(), "[]").unwrap();
    }
    tx.commit().unwrap();
    let (mut taken, mut begun) = (Vec::new(), 0);
    while taken.len() < 3 * CREDIT {
        // A wish makes a turn, which takes what the wire said before: what may be sent is sent when it is answered.
        account.call(Command::TellDisplayed { tell: true }).await.unwrap();
        let mut now = 0;
        while let Some(order) = wire.waiting() {
            match order {
                ToWire::Send { token, .. } => {
                    assert_eq!(begun, 1, "sent before the stream began");
                    assert!(taken.last().is_none_or(|last| *last < token), "tokens grow");
                    taken.push(token);
                    now += 1;
                }
                ToWire::Begin => begun += 1,
                _ => {}
            }
        }
        assert!((1..=CREDIT).contains(&now), "{now} at once");
        wire.tell(FromWire::Written { token: *taken.last().unwrap() }).await;
    }
}

/// Takes orders until bytes with these words are to be sent: the bytes, and how many stanzas were acknowledged before.
async fn said(wire: &mut Wire, words: &str) -> (String, u32) {
    let mut handled = 0;
    loop {
        match wire.order().await.expect("the brain holds the wire") {
            ToWire::Handled { stanzas } => handled += stanzas,
            ToWire::Send { bytes, .. } => {
                let text = String::from_utf8(bytes).unwrap();
                if text.contains(words) {
                    return (text, handled);
                }
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn the_next_page_is_asked_for_before_the_rest_of_a_page_is_handled() {
    let home = Folder::new();
    let folder = juliet(home.path());
    let mut other = Store::open(&folder.database(), &key()).unwrap();
    let tx = other.tx().unwrap();
    tx.set_cursor(JULIET, Some("a0"), 0).unwrap();
    tx.commit().unwrap();
    let (_account, _wires, mut wire) = online(&folder).await;
    let (question, _) = said(&mut wire, "<after>a0</after>").await;
    let question: minidom::Element = question.parse().unwrap();
    let end = format!(
        "<iq xmlns='jabber:client' type='result' id='{}'><fin xmlns='urn:xmpp:mam:2'>
         <set xmlns='http://jabber.org/protocol/rsm'><last>a9</last></set></fin></iq>",
        question.attr("id").unwrap()
    );
    // Another process writes, so the turn that the first message begins stands still until the rest has come.
    let tx = other.tx().unwrap();
    wire.stanza(&letter("m0", "hi")).await;
    wire.taken().await;
    assert_eq!(number(&folder, KEPT), 0);
    let rest: Vec<String> = (1..9).map(|number| letter(&format!("m{number}"), "hi")).chain([end]).collect();
    wire.tell_together(&rest.iter().map(String::as_str).collect::<Vec<_>>()).await;
    drop(tx);
    let (_, handled) = said(&mut wire, "<after>a9</after>").await;
    assert!(handled <= 1, "{handled} stanzas were handled first");
    wire.handled(10 - handled).await;
    assert_eq!(number(&folder, KEPT), 9);
}

#[tokio::test]
async fn one_process_holds_the_wire_and_another_takes_it_over() {
    let home = Folder::new();
    let folder = juliet(home.path());
    let (first, _wires, mut wire) = online(&folder).await;
    let (second, mut wires) = open(folder.clone());
    second.call(Command::Connect).await.unwrap();
    // It is online by the first one's wire, and starts none.
    second.online(Duration::from_secs(60)).await.unwrap();
    assert!(wires.is_empty());
    // Its rows reach the first one.
    let mut timeline = first.watch_timeline(ROMEO, 10);
    soon(timeline.next()).await.unwrap();
    let send = Command::Send { to: ROMEO.into(), text: "wherefore".into(), reply_to: None, origin_id: None };
    assert!(matches!(second.call(send).await.unwrap(), Reply::Sent { .. }));
    let rows = soon(timeline.next()).await.unwrap();
    assert_eq!(rows[0].text.as_deref(), Some("wherefore"));
    // The first one ends well and the second one goes on.
    let (ended, ()) = tokio::join!(wire.stopped(), first.inner.rest(true, true));
    assert_eq!(ended, Some(true));
    let taken = wires.next().await;
    taken.online().await;
    let mut connection = second.watch_connection();
    while soon(connection.next()).await.unwrap().state != State::Online {}
    assert!(matches!(first.call(Command::Connect).await, Err(error) if error.kind == ErrorKind::Ended));
}

#[tokio::test]
async fn a_disconnect_in_another_process_is_obeyed() {
    let home = Folder::new();
    let folder = juliet(home.path());
    let (_first, _wires, mut wire) = online(&folder).await;
    let (second, _) = open(folder.clone());
    second.call(Command::Disconnect).await.unwrap();
    assert_eq!(wire.stopped().await, Some(true));
    drop(wire);
    let mut connection = second.watch_connection();
    while soon(connection.next()).await.unwrap().state != State::Offline {}
}

#[tokio::test]
async fn a_refusal_waits_for_a_person_and_gives_the_lease_back() {
    let home = Folder::new();
    let folder = juliet(home.path());
    let (account, mut wires) = open(folder.clone());
    account.call(Command::Connect).await.unwrap();
    let wire = wires.next().await;
    wire.tell(FromWire::Connecting).await;
    wire.tell(FromWire::Offline { error: Some(ErrorKind::LoginRefused.into()), retry: None }).await;
    let refused = account.online(Duration::from_secs(60)).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::LoginRefused);
    let mut connection = account.watch_connection();
    while soon(connection.next()).await.unwrap().state != State::Refused {}
    assert!(wires.is_empty());
    // The old refusal is no answer to a new try.
    account.call(Command::Connect).await.unwrap();
    let wire = wires.next().await;
    wire.online().await;
    account.online(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test]
async fn a_good_end_leaves_no_log_no_lease_and_no_suspicion() {
    let home = Folder::new();
    let folder = juliet(home.path());
    // What was in hand at an earlier crash, and did not come again.
    let mut store = Store::open(&folder.database(), &key()).unwrap();
    let tx = store.tx().unwrap();
    tx.suspect(&[1; 32]).unwrap();
    tx.commit().unwrap();
    drop(store);
    let (account, _wires, mut wire) = online(&folder).await;
    assert!(!Lease::is_free(&folder.lease()));
    assert_eq!(number(&folder, "SELECT unclean FROM account"), 1);
    let ((), stopped) = tokio::join!(account.inner.rest(true, true), async {
        let stopped = wire.stopped().await;
        drop(wire);
        stopped
    });
    assert_eq!(stopped, Some(true));
    assert!(Lease::is_free(&folder.lease()));
    let log = std::fs::metadata(folder.database().with_file_name("store.db-wal"));
    assert_eq!(log.map_or(0, |log| log.len()), 0);
    assert_eq!(number(&folder, "SELECT unclean FROM account"), 0);
    assert_eq!(number(&folder, "SELECT count(*) FROM suspect"), 0);
    assert_eq!(number(&folder, "SELECT state FROM connection"), State::Offline as i64);
}

#[tokio::test]
async fn suspended_it_lets_go_of_all_and_foreground_takes_it_up_again() {
    let home = Folder::new();
    let folder = juliet(home.path());
    let (account, mut wires, mut wire) = online(&folder).await;
    let mut timeline = account.watch_timeline(ROMEO, 10);
    soon(timeline.next()).await.unwrap();
    let ((), stopped) = tokio::join!(account.inner.suspend(), async {
        let stopped = wire.stopped().await;
        drop(wire);
        stopped
    });
    assert_eq!(stopped, Some(false), "no goodbye, so that the stream can be resumed");
    assert!(Lease::is_free(&folder.lease()));
    account.inner.resume().await.unwrap();
    let again = wires.next().await;
    again.online().await;
    account.online(Duration::from_secs(60)).await.unwrap();
    // Windows live on.
    let send = Command::Send { to: ROMEO.into(), text: "wherefore".into(), reply_to: None, origin_id: None };
    account.call(send).await.unwrap();
    assert_eq!(soon(timeline.next()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_damaged_store_answers_at_once_and_stays_as_it_is() {
    let home = Folder::new();
    let folder = juliet(home.path());
    std::fs::write(folder.database(), vec![1; 40960]).unwrap();
    let (account, wires) = open(folder.clone());
    let refused = account.call(Command::Connect).await.unwrap_err();
    assert_eq!((refused.kind, refused.subject.as_str()), (ErrorKind::DamagedStore, JULIET));
    assert_eq!(account.online(Duration::from_secs(60)).await.unwrap_err().kind, ErrorKind::DamagedStore);
    assert_eq!(account.chats().err().unwrap().kind, ErrorKind::DamagedStore);
    assert_eq!(account.connection().unwrap().error.as_deref(), Some("damaged_store"));
    assert!(wires.is_empty());
    assert_eq!(std::fs::read(folder.database()).unwrap(), vec![1; 40960]);
}

#[tokio::test]
async fn an_account_wiped_by_another_process_ends() {
    let home = Folder::new();
    let folder = juliet(home.path());
    let (account, _wires, mut wire) = online(&folder).await;
    let mut chats = account.watch_chats();
    soon(chats.next()).await.unwrap();
    let wiped = crate::store::Home::open(home.path(), &key()).unwrap();
    wiped.wipe(&folder).unwrap();
    assert!(soon(chats.next()).await.is_none());
    assert_ne!(wire.stopped().await, Some(false));
    assert_eq!(account.call(Command::Connect).await.unwrap_err().kind, ErrorKind::NoAccount);
}

/// Two real processes: the child holds the wire until it is killed.
#[tokio::test]
async fn the_lease_of_a_killed_process_passes_on() {
    const NAME: &str = "brain::tests::the_lease_of_a_killed_process_passes_on";
    if let Some(home) = std::env::var_os("DUNNOCK_TEST_HOME") {
        let (account, _wires, _wire) = online(&juliet(Path::new(&home))).await;
        println!("\nholding");
        let mut timeline = account.watch_timeline(ROMEO, 10);
        while let Some(rows) = soon(timeline.next()).await {
            println!("rows {}", rows.len());
        }
        return;
    }
    use std::io::{BufRead, BufReader};
    use std::process::{Command as Process, Stdio};
    let home = Folder::new();
    let folder = juliet(home.path());
    let mut child = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture", "--test-threads", "1"])
        .env("DUNNOCK_TEST_HOME", home.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "holding"));
    assert!(lines.any(|line| line == "rows 0"));

    let (account, mut wires) = open(folder.clone());
    account.call(Command::Connect).await.unwrap();
    account.online(Duration::from_secs(60)).await.unwrap();
    let send = Command::Send { to: ROMEO.into(), text: "wherefore".into(), reply_to: None, origin_id: None };
    account.call(send).await.unwrap();
    assert!(lines.any(|line| line == "rows 1"), "the holder hears of rows of another process");
    assert!(wires.is_empty());

    child.kill().unwrap();
    child.wait().unwrap();
    let taken = wires.next().await;
    taken.online().await;
    let mut connection = account.watch_connection();
    while soon(connection.next()).await.unwrap().state != State::Online {}
}

#[tokio::test]
async fn after_a_full_disk_the_brain_goes_on_by_itself_and_has_all_that_was_answered() {
    const NAME: &str = "brain::tests::after_a_full_disk_the_brain_goes_on_by_itself_and_has_all_that_was_answered";
    if let Some(home) = std::env::var_os("DUNNOCK_TEST_HOME") {
        return fill_the_disk(&juliet(Path::new(&home))).await;
    }
    let home = Folder::new();
    juliet(home.path());
    let said = in_a_small_world(NAME, home.path(), 1200);
    assert!(said.contains("room again"), "{said}");
}

/// In a small world: sends until there is no room, then makes room.
async fn fill_the_disk(folder: &AccountFolder) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let (account, mut wires, mut wire) = online(folder).await;
    let mut events = account.events();
    let send = || Command::Send { to: ROMEO.into(), text: "ado ".repeat(900), reply_to: None, origin_id: None };
    let mut sent = 0;
    let full = loop {
        match account.call(send()).await {
            Ok(_) => sent += 1,
            Err(error) => break error.kind,
        }
        assert!(sent < 10_000, "the world is not small");
    };
    assert_eq!(full, ErrorKind::DiskFull);
    assert_ne!(wire.stopped().await, Some(true));
    let mut limit = getrlimit(Resource::Fsize);
    limit.current = limit.maximum;
    setrlimit(Resource::Fsize, limit).unwrap();

    let wire = wires.next().await;
    wire.online().await;
    event(&mut events, |event| match event {
        Event::Connection { connection, .. } => (connection.error.as_deref() == Some("disk_full")).then_some(()),
        _ => None,
    })
    .await;
    account.online(Duration::from_secs(60)).await.unwrap();
    account.call(send()).await.unwrap();
    assert_eq!(number(folder, "SELECT count(*) FROM message"), sent + 1);
    drop(events);
    leave(account).await;
    println!("room again");
}
