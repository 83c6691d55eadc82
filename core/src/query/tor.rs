//! How Tor stands. It belongs to no account and is nowhere stored: shown is what is true now.

use super::Ender;
use crate::hub::{Hub, Subscriber};
use crate::model::{TorState, TorStatus};
use std::sync::{Arc, Mutex};

/// Where Tor writes how it stands.
pub(crate) struct TorBoard {
    hub: Hub,
    status: Mutex<TorStatus>,
}

impl Default for TorBoard {
    fn default() -> Self {
        let status = TorStatus { state: TorState::Off, percent: 0, blocked: None };
        TorBoard { hub: Hub::default(), status: Mutex::new(status) }
    }
}

impl TorBoard {
    /// How it stands.
    pub(crate) fn status(&self) -> TorStatus {
        self.status.lock().expect("no holder of this lock panics").clone()
    }

    /// It stands otherwise now.
    #[cfg_attr(not(feature = "tor"), allow(dead_code))]
    pub(crate) fn set(&self, status: TorStatus) {
        let before =
            std::mem::replace(&mut *self.status.lock().expect("no holder of this lock panics"), status.clone());
        if before != status {
            self.hub.publish_all();
        }
    }

    /// Ends everyone who watches.
    pub(crate) fn end(&self) {
        self.hub.end();
    }
}

/// How Tor stands, again whenever that changes: the first at once, the latest only.
pub struct TorQuery {
    board: Arc<TorBoard>,
    subscriber: Arc<Subscriber>,
    last: Option<TorStatus>,
}

impl TorQuery {
    pub(crate) fn new(board: Arc<TorBoard>) -> TorQuery {
        let subscriber = board.hub.subscribe(|_| true);
        TorQuery { board, subscriber, last: None }
    }

    /// The next status; `None` once it was ended. Can be cancelled: nothing is lost.
    pub async fn next(&mut self) -> Option<TorStatus> {
        loop {
            if self.subscriber.is_ended() {
                return None;
            }
            let status = self.board.status();
            if self.last.as_ref() != Some(&status) {
                self.last = Some(status.clone());
                return Some(status);
            }
            self.subscriber.woken().await;
        }
    }

    /// Ends it.
    pub fn end(&self) {
        self.subscriber.end();
    }

    /// A handle to end it while `next` waits.
    pub fn ender(&self) -> Ender {
        Ender(self.subscriber.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_latest_status_is_given_once_and_the_end_wakes() {
        let board: Arc<TorBoard> = Arc::default();
        let mut query = TorQuery::new(board.clone());
        assert_eq!(query.next().await.unwrap().state, TorState::Off);
        for percent in [10, 20] {
            board.set(TorStatus { state: TorState::Starting, percent, blocked: None });
        }
        assert_eq!(query.next().await.unwrap().percent, 20);
        let ender = query.ender();
        let (last, ()) = tokio::join!(query.next(), async { ender.end() });
        assert_eq!(last, None);
    }
}
