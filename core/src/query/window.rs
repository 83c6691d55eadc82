//! A window that is produced again.

use crate::account::Inner;
use crate::error::{ErrorKind, Result};
use crate::hub::Subscriber;
use crate::store::Touched;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The shortest time between two windows: at most 20 a second.
const PACE: Duration = Duration::from_millis(50);

/// How a window is read.
pub(crate) type Produce<T> = Arc<dyn Fn(&Inner) -> Result<T> + Send + Sync>;

/// A window that is produced again after a commit that touches it: the first one at once, then at most 20 a second, the
/// latest only. A window equal to the one before is not given out.
pub struct Query<T> {
    account: Arc<Inner>,
    subscriber: Arc<Subscriber>,
    produce: Produce<T>,
    due: bool,
    produced: Option<Instant>,
    last: Option<T>,
    failure: Option<ErrorKind>,
}

/// Ends a window from elsewhere while [`Query::next`] or [`Events::next`](super::Events::next) waits.
#[derive(Clone)]
pub struct Ender(pub(super) Arc<Subscriber>);

impl Ender {
    /// Ends it: `next` answers `None`.
    pub fn end(&self) {
        self.0.end();
    }
}

impl<T: Clone + PartialEq + Send + 'static> Query<T> {
    pub(crate) fn new(
        account: Arc<Inner>,
        matter: impl Fn(&Touched) -> bool + Send + Sync + 'static,
        produce: Produce<T>,
    ) -> Self {
        let subscriber = account.hub.subscribe(matter);
        Query { account, subscriber, produce, due: true, produced: None, last: None, failure: None }
    }

    /// The next window; `None` once it was ended, or when it cannot be read ([`Query::failure`]). Can be cancelled:
    /// nothing is lost.
    pub async fn next(&mut self) -> Option<T> {
        loop {
            // Cancel safety: `due` falls only when a window was read, and `produced` and `last` change with it.
            if !self.due {
                self.due = self.subscriber.woken().await;
            }
            if self.subscriber.is_ended() {
                return None;
            }
            self.pace().await;
            match self.read().await {
                // Suspended, and still due: the account's return wakes it.
                Ok(None) => {
                    self.subscriber.woken().await;
                }
                Ok(Some(window)) => {
                    if self.last.as_ref() != Some(&window) {
                        self.last = Some(window.clone());
                        return Some(window);
                    }
                }
                Err(ErrorKind::StoreBusy) => self.due = true,
                // The account ended while it was read: that is an end like any other.
                Err(ErrorKind::Ended) => {
                    self.subscriber.end();
                    return None;
                }
                Err(kind) => {
                    self.failure = Some(kind);
                    self.subscriber.end();
                    return None;
                }
            }
        }
    }

    /// Waits until the pace allows another window; the first comes at once.
    async fn pace(&self) {
        if let Some(produced) = self.produced {
            let sleep = {
                let _runtime = self.account.handle.enter();
                tokio::time::sleep_until(produced + PACE)
            };
            sleep.await;
        }
    }

    /// The window as it is now; none while the account is suspended.
    async fn read(&mut self) -> Result<Option<T>, ErrorKind> {
        let Some(reading) = self.account.readers.begin_window() else { return Ok(None) };
        let (account, produce) = (self.account.clone(), self.produce.clone());
        let began = {
            let _runtime = self.account.handle.enter();
            Instant::now()
        };
        let produced = move || {
            let _reading = reading;
            produce(&account)
        };
        let window = self.account.handle.spawn_blocking(produced).await;
        self.due = false;
        self.produced = Some(began);
        window.map_err(|_| ErrorKind::Crashed)?.map(Some).map_err(|error| error.kind)
    }
}

impl<T> Query<T> {
    /// Ends it.
    pub fn end(&self) {
        self.subscriber.end();
    }

    /// A handle to end it while `next` waits.
    pub fn ender(&self) -> Ender {
        Ender(self.subscriber.clone())
    }

    /// Why `next` answered `None`, if it was not ended.
    pub fn failure(&self) -> Option<ErrorKind> {
        self.failure
    }
}
