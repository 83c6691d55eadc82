//! The connections for reading: which are kept open, who reads, and when no file may be open at all.

use crate::store::Reader;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// So many open connections are kept for the next read.
const KEPT: usize = 2;

/// The connections of an account for reading.
#[derive(Default)]
pub(crate) struct Readers {
    state: Mutex<State>,
    /// No reader is at work any more.
    quiet: Notify,
}

#[derive(Default)]
struct State {
    /// Kept for the next read.
    idle: Vec<Reader>,
    at_work: usize,
    /// Nothing may stay open, and windows wait.
    suspended: bool,
}

/// One read under way; dropped after its connection.
pub(crate) struct Reading(Arc<Readers>);

impl Drop for Reading {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.at_work -= 1;
        if state.at_work == 0 {
            self.0.quiet.notify_waiters();
        }
    }
}

impl Readers {
    /// Counts a read.
    pub(crate) fn begin(self: &Arc<Self>) -> Reading {
        self.state().at_work += 1;
        Reading(self.clone())
    }

    /// Counts the read of a window; none while the account is suspended.
    pub(crate) fn begin_window(self: &Arc<Self>) -> Option<Reading> {
        let mut state = self.state();
        if state.suspended {
            return None;
        }
        state.at_work += 1;
        Some(Reading(self.clone()))
    }

    /// A connection that was kept.
    pub(crate) fn take(&self) -> Option<Reader> {
        self.state().idle.pop()
    }

    /// Keeps a connection for the next read, unless there are enough, or none may stay open.
    pub(crate) fn keep(&self, reader: Reader) {
        let mut state = self.state();
        if !state.suspended && state.idle.len() < KEPT {
            state.idle.push(reader);
        }
    }

    /// Closes what nobody uses.
    pub(crate) fn close(&self) {
        let idle = std::mem::take(&mut self.state().idle);
        drop(idle);
    }

    /// From now on windows wait, and no connection is kept.
    pub(crate) fn suspend(&self) {
        self.state().suspended = true;
    }

    /// Windows are read again; false if they were all the time.
    pub(crate) fn resume(&self) -> bool {
        std::mem::take(&mut self.state().suspended)
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.state().suspended
    }

    /// Waits for the reads under way. A program that ends while another thread still closes a database crashes: the
    /// library's memory is gone by then.
    pub(crate) async fn last(&self) {
        loop {
            let quiet = self.quiet.notified();
            if self.state().at_work == 0 {
                return;
            }
            quiet.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

#[cfg(test)]
mod tests {
    use crate::ErrorKind;
    use crate::command::Command;
    use crate::model::Event;
    use crate::scratch::{Folder, ROMEO, juliet, key, open, says, soon};
    use crate::store::{AccountFolder, Store, Touched};
    use std::pin::{Pin, pin};
    use std::sync::mpsc::channel;
    use std::task::{Context, Poll, Waker};

    fn polled<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn the_end_waits_for_a_read_under_way() {
        let home = Folder::new();
        let (account, _wires) = open(juliet(home.path()));
        let ((began, begun), (go_on, gate)) = (channel(), channel());
        let inner = account.inner.clone();
        let reading = std::thread::spawn(move || {
            inner.read(|_| {
                began.send(()).unwrap();
                gate.recv().map_err(|_| ErrorKind::Internal.into())
            })
        });
        begun.recv().unwrap();
        let mut end = pin!(account.inner.rest(true, true));
        assert!(polled(end.as_mut()).is_pending());
        go_on.send(()).unwrap();
        end.await;
        assert!(account.inner.readers.state().idle.is_empty());
        reading.join().unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_suspension_waits_for_a_window_that_is_being_read_and_keeps_nothing_of_it() {
        let home = Folder::new();
        let (account, _wires) = open(juliet(home.path()));
        let reading = account.inner.readers.begin_window().unwrap();
        let mut suspension = pin!(account.inner.suspend());
        assert!(polled(suspension.as_mut()).is_pending());
        account.chats().unwrap();
        drop(reading);
        soon(suspension).await;
        assert_eq!(home.open_files(), [""; 0]);
    }

    /// Another process writes a message of Romeo's, and tells of it.
    fn commit(folder: &AccountFolder, text: &str) {
        let mut store = Store::open(&folder.database(), &key()).unwrap();
        let tx = store.tx().unwrap();
        let message = says(&tx, text);
        tx.event("message", Some(message), None, None, "{}").unwrap();
        tx.commit().unwrap();
    }

    #[tokio::test]
    async fn windows_of_a_suspended_account_open_nothing_and_then_show_what_was_committed_meanwhile() {
        let home = Folder::new();
        let folder = juliet(home.path());
        let (account, _wires) = open(folder.clone());
        let (mut timeline, mut events) = (account.watch_timeline(ROMEO, 10), account.events());
        assert!(soon(timeline.next()).await.unwrap().is_empty());
        assert!(!home.open_files().is_empty(), "the control: while it runs there are some");
        soon(account.inner.suspend()).await;
        assert_eq!(home.open_files(), [""; 0]);
        commit(&folder, "meanwhile");

        // Due, as if the last commit before the suspension had woken them.
        account.inner.hub.publish_all();
        let mut chats = account.watch_chats();
        {
            let (mut listed, mut told) = (pin!(chats.next()), pin!(events.next()));
            for _ in 0..2 {
                assert!(polled(listed.as_mut()).is_pending() && polled(told.as_mut()).is_pending());
                account.inner.readers.last().await;
                assert_eq!(home.open_files(), [""; 0]);
            }
            account.inner.resume().await.unwrap();
            assert_eq!(soon(listed).await.unwrap().len(), 1);
            assert!(matches!(&soon(told).await.unwrap()[..], [Event::Message { .. }]));
        }
        assert_eq!(soon(timeline.next()).await.unwrap()[0].text.as_deref(), Some("meanwhile"));
    }

    #[tokio::test]
    async fn after_a_suspension_windows_hear_again_of_other_processes() {
        let home = Folder::new();
        let folder = juliet(home.path());
        let (account, _wires) = open(folder.clone());
        let mut timeline = account.watch_timeline(ROMEO, 10);
        assert!(soon(timeline.next()).await.unwrap().is_empty());
        soon(account.inner.suspend()).await;
        account.inner.resume().await.unwrap();
        let (other, _others) = open(folder);
        // The first is seen with the return itself.
        for rows in 1..=2 {
            let text = "from elsewhere".to_owned();
            other.call(Command::Send { to: ROMEO.into(), text, reply_to: None, origin_id: None }).await.unwrap();
            assert_eq!(soon(timeline.next()).await.unwrap().len(), rows);
        }
    }

    #[tokio::test]
    async fn what_another_process_committed_before_the_brain_began_to_listen_is_shown() {
        let home = Folder::new();
        let folder = juliet(home.path());
        let (account, _wires) = open(folder.clone());
        let window = account.inner.hub.subscribe(|touched| *touched == Touched::Chats);
        commit(&folder, "too early for the bell");
        account.inner.brain().unwrap();
        assert!(soon(window.woken()).await);
    }

    #[tokio::test]
    async fn a_suspended_account_can_be_ended_under_its_windows() {
        let home = Folder::new();
        let (account, _wires) = open(juliet(home.path()));
        soon(account.inner.suspend()).await;
        let (mut chats, mut events) = (account.watch_chats(), account.events());
        let (mut listed, mut told) = (pin!(chats.next()), pin!(events.next()));
        assert!(polled(listed.as_mut()).is_pending() && polled(told.as_mut()).is_pending());
        account.inner.rest(true, true).await;
        assert!(soon(listed).await.is_none() && soon(told).await.is_none());
        assert_eq!(home.open_files(), [""; 0]);
    }
}
