use super::*;
use crate::command::Command;
use crate::scratch::{Folder, JULIET, ROMEO, Wire, juliet, key, open, soon};
use crate::store::{AccountFolder, Store};
use crate::wire::{FromWire, ToWire, Vigil};
use minidom::Element;

const LONG: Duration = Duration::from_secs(60);

/// An account that a person wants online, at home.
fn wanted(home: &Folder) -> AccountFolder {
    let folder = juliet(home.path());
    write(&folder, |tx| tx.set_wanted(true));
    folder
}

fn write(folder: &AccountFolder, work: impl FnOnce(&crate::store::Tx) -> Result<()>) {
    let mut store = Store::open(&folder.database(), &key()).unwrap();
    let tx = store.tx().unwrap();
    work(&tx).unwrap();
    tx.commit().unwrap();
}

fn letter(text: &str) -> String {
    let body = format!("<body>{text}</body>");
    format!("<message xmlns='jabber:client' from='{ROMEO}/o' to='{JULIET}' type='chat' id='{text}'>{body}</message>")
}

/// A server without an archive, which has these letters for us; until the wire is told to stop: whether with a goodbye.
async fn serve(wire: &mut Wire, letters: &[&str]) -> Option<bool> {
    let mut token = 0;
    loop {
        let bytes = match wire.order().await {
            Some(ToWire::Send { bytes, token: next }) => {
                token = next.max(token);
                bytes
            }
            Some(ToWire::Stop { clean }) => return Some(clean),
            Some(_) => continue,
            None => return None,
        };
        wire.tell(FromWire::Written { token }).await;
        let iq: Element = String::from_utf8(bytes).unwrap().parse().unwrap();
        if iq.name() == "presence" {
            for text in letters {
                wire.stanza(&letter(text)).await;
            }
        }
        if iq.name() == "iq" && matches!(iq.attr("type"), Some("get" | "set")) {
            let id = iq.attr("id").unwrap();
            let to = iq.attr("to").map(|to| format!(" from='{to}'")).unwrap_or_default();
            let error =
                "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
            let (kind, payload) =
                if iq.children().any(|c| c.name() == "ping") { ("result", "") } else { ("error", error) };
            wire.stanza(&format!("<iq xmlns='jabber:client' type='{kind}' id='{id}'{to}>{payload}</iq>")).await;
        }
    }
}

async fn one(account: &Account, deadline: Duration) -> (Result<bool>, Vec<Notification>) {
    soon(sync(account.clone(), Instant::now() + deadline, deadline, true)).await
}

fn texts(notifications: &[Notification]) -> Vec<&str> {
    notifications.iter().filter_map(|notification| notification.item.text.as_deref()).collect()
}

#[tokio::test]
async fn a_sync_fetches_all_tells_each_once_and_leaves_without_a_goodbye() {
    let home = Folder::new();
    let folder = wanted(&home);
    let (account, mut wires) = open(folder.clone());
    for letters in [["one", "two"], ["three", "four"]] {
        let server = async {
            let mut wire = wires.next().await;
            wire.online().await;
            serve(&mut wire, &letters).await
        };
        let ((caught_up, news), clean) = tokio::join!(one(&account, LONG), server);
        assert!(caught_up.unwrap());
        assert_eq!((texts(&news), clean), (letters.to_vec(), Some(false)));
        assert!(Lease::is_free(&folder.lease()) && !account.inner.is_running());
    }
    account.inner.told().await.unwrap();
    assert!(one(&account, Duration::ZERO).await.1.is_empty());
}

#[tokio::test]
async fn with_no_time_it_connects_nothing_and_tells_what_is_here() {
    let home = Folder::new();
    let folder = wanted(&home);
    write(&folder, |tx| {
        crate::scratch::says(tx, "one");
        Ok(())
    });
    let (account, wires) = open(folder);
    let (caught_up, news) = one(&account, Duration::ZERO).await;
    assert_eq!((caught_up.unwrap(), texts(&news)), (false, vec!["one"]));
    // Who asks again has shown it.
    assert!(one(&account, Duration::ZERO).await.1.is_empty());
    assert!(wires.is_empty() && !account.inner.is_running());
}

#[tokio::test]
async fn syncs_of_one_process_at_once_tell_each_message_once() {
    let home = Folder::new();
    let folder = wanted(&home);
    write(&folder, |tx| {
        crate::scratch::says(tx, "one");
        Ok(())
    });
    let (account, _wires) = open(folder.clone());
    for (deadline, text) in [(LONG, "one"), (Duration::ZERO, "two")] {
        let told = || sync(account.clone(), Instant::now() + deadline, Duration::ZERO, true);
        let all = soon(async { tokio::join!(told(), told(), told(), told()) }).await;
        let all: Vec<_> = [all.0, all.1, all.2, all.3].into_iter().flat_map(|(_, news)| news).collect();
        assert_eq!(texts(&all), [text]);
        write(&folder, |tx| {
            crate::scratch::says(tx, "two");
            Ok(())
        });
    }
}

#[tokio::test]
async fn when_the_time_is_up_it_lets_go_and_nothing_is_lost() {
    let home = Folder::new();
    let folder = wanted(&home);
    let (account, mut wires) = open(folder.clone());
    let silent = async {
        let mut wire = wires.next().await;
        wire.online().await;
        wire.stopped().await
    };
    let ((caught_up, news), clean) = tokio::join!(one(&account, Duration::from_millis(50)), silent);
    assert_eq!((caught_up.unwrap(), news.len(), clean), (false, 0, Some(false)));
    assert!(Lease::is_free(&folder.lease()));
    let server = async {
        let mut wire = wires.next().await;
        wire.online().await;
        serve(&mut wire, &["one"]).await
    };
    let ((caught_up, news), _) = tokio::join!(one(&account, LONG), server);
    assert_eq!((caught_up.unwrap(), texts(&news)), (true, vec!["one"]));
}

#[tokio::test]
async fn cancelled_it_lets_go() {
    let home = Folder::new();
    let folder = wanted(&home);
    let (account, mut wires) = open(folder.clone());
    let task = tokio::spawn(sync(account.clone(), Instant::now() + LONG, LONG, true));
    let mut wire = wires.next().await;
    wire.online().await;
    task.abort();
    assert_eq!(wire.stopped().await, Some(false));
    drop(wire);
    let let_go = async {
        while account.inner.is_running() || !Lease::is_free(&folder.lease()) {
            tokio::task::yield_now().await;
        }
    };
    soon(let_go).await;
}

#[tokio::test]
async fn what_a_killed_process_was_given_comes_again_under_the_same_number() {
    let home = Folder::new();
    let folder = wanted(&home);
    write(&folder, |tx| {
        crate::scratch::says(tx, "one");
        Ok(())
    });
    let ((first, _), (second, _)) = (open(folder.clone()), open(folder));
    let given = one(&first, Duration::ZERO).await.1;
    assert_eq!(texts(&given), ["one"]);
    // While the first may still show it the second does not.
    assert!(one(&second, Duration::ZERO).await.1.is_empty());
    // The lock of a process ends with it, and what it would have written is not written.
    *first.inner.telling.lock().unwrap() = Telling::default();
    let again = one(&second, Duration::ZERO).await.1;
    assert_eq!(again[0].notification, given[0].notification);
    second.inner.told().await.unwrap();
    assert!(one(&first, Duration::ZERO).await.1.is_empty());
}

#[tokio::test]
async fn beside_a_holder_it_starts_no_wire_and_the_holder_does_the_work() {
    let home = Folder::new();
    let folder = wanted(&home);
    let ((holder, mut wires), (other, others)) = (open(folder.clone()), open(folder));
    holder.call(Command::Connect).await.unwrap();
    let mut wire = wires.next().await;
    wire.online().await;
    holder.online(LONG).await.unwrap();
    tokio::select! {
        _ = serve(&mut wire, &["one"]) => panic!("the holder stays online"),
        (caught_up, news) = one(&other, LONG) => {
            assert_eq!((caught_up.unwrap(), texts(&news)), (true, vec!["one"]));
        }
    }
    assert!(others.is_empty());
    assert_eq!(holder.connection().unwrap().state, State::Online);
}

#[tokio::test]
async fn a_holder_that_pauses_is_hurried() {
    let home = Folder::new();
    let folder = wanted(&home);
    let ((holder, mut wires), (other, others)) = (open(folder.clone()), open(folder));
    holder.call(Command::Connect).await.unwrap();
    let mut wire = wires.next().await;
    wire.tell(FromWire::Connecting).await;
    wire.tell(FromWire::Offline { error: Some(ErrorKind::Unreachable.into()), retry: Some(LONG) }).await;
    let hurried = async {
        while !matches!(wire.order().await, Some(ToWire::Hurry)) {}
        wire.online().await;
        serve(&mut wire, &["one"]).await
    };
    tokio::select! {
        _ = hurried => panic!("the holder stays online"),
        (caught_up, news) = one(&other, LONG) => {
            assert_eq!((caught_up.unwrap(), texts(&news)), (true, vec!["one"]));
        }
    }
    assert!(others.is_empty());
}

#[tokio::test]
async fn what_is_online_stays_so() {
    let home = Folder::new();
    let (account, mut wires) = open(wanted(&home));
    account.call(Command::Connect).await.unwrap();
    let mut wire = wires.next().await;
    wire.online().await;
    tokio::select! {
        _ = serve(&mut wire, &["one"]) => panic!("it stays online"),
        (caught_up, news) = one(&account, LONG) => {
            assert_eq!((caught_up.unwrap(), texts(&news)), (true, vec!["one"]));
        }
    }
    assert_eq!(account.connection().unwrap().state, State::Online);
}

#[tokio::test]
async fn a_suspended_account_is_resumed_after_a_sync_as_before_it() {
    let home = Folder::new();
    let (account, mut wires) = open(wanted(&home));
    account.call(Command::Connect).await.unwrap();
    let mut wire = wires.next().await;
    wire.online().await;
    let ((), _) = tokio::join!(account.inner.suspend(), async {
        let stopped = wire.stopped().await;
        drop(wire);
        stopped
    });
    let server = async {
        let mut wire = wires.next().await;
        wire.online().await;
        serve(&mut wire, &[]).await
    };
    let ((caught_up, _), _) = tokio::join!(one(&account, LONG), server);
    assert!(caught_up.unwrap());
    account.inner.resume().await.unwrap();
    wires.next().await.online().await;
    account.online(LONG).await.unwrap();
}

#[tokio::test]
async fn a_suspension_ends_a_sync_at_once() {
    let home = Folder::new();
    let folder = wanted(&home);
    let (account, mut wires) = open(folder.clone());
    let silent = async {
        let mut wire = wires.next().await;
        wire.online().await;
        let ((), clean) = tokio::join!(account.inner.suspend(), wire.stopped());
        clean
    };
    // Far longer than this test may take.
    let ((caught_up, _), clean) = tokio::join!(one(&account, 20 * LONG), silent);
    assert_eq!((caught_up.unwrap(), clean), (false, Some(false)));
    assert!(Lease::is_free(&folder.lease()));
}

#[tokio::test]
async fn what_was_disconnected_while_suspended_stays_so() {
    let home = Folder::new();
    let folder = wanted(&home);
    let (account, mut wires) = open(folder.clone());
    account.call(Command::Connect).await.unwrap();
    let mut wire = wires.next().await;
    wire.online().await;
    let ((), _) = tokio::join!(account.inner.suspend(), async {
        let stopped = wire.stopped().await;
        drop(wire);
        stopped
    });
    account.call(Command::Disconnect).await.unwrap();
    account.inner.resume().await.unwrap();
    // Answered after the resumption was looked at.
    account.call(Command::TellDisplayed { tell: true }).await.unwrap();
    assert!(wires.is_empty() && Lease::is_free(&folder.lease()));
}

#[tokio::test]
async fn who_is_not_wanted_or_was_refused_is_left_alone() {
    let home = Folder::new();
    let folder = juliet(home.path());
    let (account, wires) = open(folder.clone());
    assert_eq!(one(&account, LONG).await.0.unwrap_err().kind, ErrorKind::Offline);
    write(&folder, |tx| {
        tx.set_wanted(true)?;
        let mut connection = tx.connection()?;
        (connection.state, connection.error) = (State::Refused, Some("wrong_password".into()));
        tx.set_connection(&connection)
    });
    assert_eq!(one(&account, LONG).await.0.unwrap_err().kind, ErrorKind::WrongPassword);
    assert!(wires.is_empty());
}

#[tokio::test]
async fn what_was_read_is_not_told() {
    let home = Folder::new();
    let folder = wanted(&home);
    write(&folder, |tx| {
        crate::scratch::says(tx, "one");
        Ok(())
    });
    let (account, _wires) = open(folder);
    account.call(Command::MarkRead { chat: ROMEO.into() }).await.unwrap();
    assert!(one(&account, Duration::ZERO).await.1.is_empty());
}

#[tokio::test]
async fn the_server_hears_whether_somebody_looks_also_on_streams_begun_later() {
    let home = Folder::new();
    let (account, mut wires) = open(wanted(&home));
    let told = async |wire: &mut Wire| loop {
        if let Some(ToWire::Watch(vigil)) = soon(wire.order()).await {
            return vigil != Vigil::Seen;
        }
    };
    account.call(Command::Connect).await.unwrap();
    let mut wire = wires.next().await;
    assert!(!told(&mut wire).await);
    account.inner.inactive.store(true, std::sync::atomic::Ordering::SeqCst);
    account.inner.tell_activity().await;
    assert!(told(&mut wire).await);
    let ((), _) = tokio::join!(account.inner.suspend(), async {
        let stopped = wire.stopped().await;
        drop(wire);
        stopped
    });
    account.inner.resume().await.unwrap();
    assert!(told(&mut wires.next().await).await);
}
