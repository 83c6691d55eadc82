//! What screens show: windows that are pulled.

use crate::error::Result;
use crate::guard::{guarded, panic_if_told};
use crate::held::{Home, LetGo};
use crate::model::DeviceView;
use dunnock_core::model::{ChatItem, Connection, Contact, Event, Push, TimelineItem, TorStatus};
use dunnock_core::query::{self, Ender, Query};
use dunnock_core::{Error, ErrorKind};
use std::future::Future;
use std::sync::Arc;
use tokio::sync::Mutex;

/// What the core gives out piece by piece.
pub(crate) trait Source: Send + 'static {
    /// A piece.
    type Piece;
    /// The next one; none once it was ended or failed. Can be cancelled.
    fn pull(&mut self) -> impl Future<Output = Option<Self::Piece>> + Send;
    /// Why there is none.
    fn failure(&self) -> Option<ErrorKind>;
    /// Ends it while somebody pulls.
    fn ender(&self) -> Ender;
}

impl<T: Clone + PartialEq + Send + Sync + 'static> Source for Query<T> {
    type Piece = T;

    fn pull(&mut self) -> impl Future<Output = Option<T>> + Send {
        self.next()
    }

    fn failure(&self) -> Option<ErrorKind> {
        Query::failure(self)
    }

    fn ender(&self) -> Ender {
        Query::ender(self)
    }
}

impl Source for query::Events {
    type Piece = Vec<Event>;

    fn pull(&mut self) -> impl Future<Output = Option<Vec<Event>>> + Send {
        self.next()
    }

    fn failure(&self) -> Option<ErrorKind> {
        query::Events::failure(self)
    }

    fn ender(&self) -> Ender {
        query::Events::ender(self)
    }
}

impl Source for query::TorQuery {
    type Piece = TorStatus;

    fn pull(&mut self) -> impl Future<Output = Option<TorStatus>> + Send {
        self.next()
    }

    fn failure(&self) -> Option<ErrorKind> {
        None
    }

    fn ender(&self) -> Ender {
        query::TorQuery::ender(self)
    }
}

/// Where a window stands.
enum State<S> {
    Open(S),
    /// Ended, or failed with this kind.
    Over(Option<ErrorKind>),
}

/// A window behind a handle.
pub(crate) struct Watch<S> {
    /// Its account, as the subject of failures.
    account: String,
    state: Mutex<State<S>>,
    ender: Option<Ender>,
}

impl<S: Source> Watch<S> {
    /// Opens one. What cannot be opened fails at the first `next()`, so that opening never does.
    pub(crate) fn open(home: &Home, account: &str, open: Result<S>) -> Arc<Watch<S>> {
        let (state, ender) = match open {
            Ok(source) => {
                let ender = source.ender();
                (State::Open(source), Some(ender))
            }
            Err(crate::DunnockError::Failed { kind, .. }) => (State::Over(Some(kind)), None),
        };
        let watch = Arc::new(Watch { account: account.to_owned(), state: Mutex::new(state), ender });
        home.gives(&watch);
        watch
    }

    pub(crate) async fn next(&self) -> Result<Option<S::Piece>> {
        guarded(async {
            panic_if_told();
            let mut state = self.state.lock().await;
            // Cancel safety: the state changes only after the last await.
            let State::Open(source) = &mut *state else { return self.over(&state) };
            if let Some(piece) = source.pull().await {
                return Ok(Some(piece));
            }
            // The connection to the database goes now, not when the app forgets the handle.
            let failure = source.failure();
            *state = State::Over(failure);
            self.over(&state)
        })
        .await
    }

    fn over(&self, state: &State<S>) -> Result<Option<S::Piece>> {
        match state {
            State::Over(Some(kind)) => Err(Error::about(*kind, &self.account).into()),
            _ => Ok(None),
        }
    }

    pub(crate) fn end(&self) {
        if let Some(ender) = &self.ender {
            ender.end();
        }
    }
}

impl<S: Source> LetGo for Watch<S> {
    fn let_go(&self) {
        self.end();
        // Who waits in `next` holds the lock, was just woken, and lets go by itself.
        if let Ok(mut state) = self.state.try_lock()
            && let State::Open(_) = &*state
        {
            *state = State::Over(None);
        }
    }
}

macro_rules! window {
    ($(#[$doc:meta])* $name:ident($source:ty) -> $piece:ty, |$given:ident| $crossing:expr) => {
        $(#[$doc])*
        #[derive(uniffi::Object)]
        pub struct $name(pub(crate) Arc<Watch<$source>>);

        #[uniffi::export]
        impl $name {
            /// Waits for the next one; null once it was ended. The first comes at once, then one after each change and at
            /// most 20 a second, the latest only. Can be cancelled: nothing is lost.
            pub async fn next(&self) -> Result<Option<$piece>> {
                let next = self.0.next().await?;
                Ok(next.map(|$given| $crossing))
            }

            /// Ends it and wakes who waits in `next`.
            pub fn end(&self) {
                self.0.end();
            }
        }
    };
}

window! {
    /// The chat list, newest first, at most 200 rows.
    ChatsQuery(Query<Vec<ChatItem>>) -> Vec<ChatItem>, |chats| chats
}

window! {
    /// The newest rows of a chat, newest first.
    TimelineQuery(Query<Vec<TimelineItem>>) -> Vec<TimelineItem>, |rows| rows
}

window! {
    /// The contact list, by name.
    ContactsQuery(Query<Vec<Contact>>) -> Vec<Contact>, |contacts| contacts
}

window! {
    /// The devices of a person.
    DevicesQuery(Query<Vec<dunnock_core::model::DeviceView>>) -> Vec<DeviceView>, |devices| devices.into_iter().map(DeviceView::from).collect()
}

window! {
    /// How the connection stands.
    ConnectionQuery(Query<Connection>) -> Connection, |connection| connection
}

window! {
    /// How Tor inside of this process stands.
    TorQuery(query::TorQuery) -> TorStatus, |status| status
}

window! {
    /// How far the push of an account is.
    PushQuery(Query<Push>) -> Push, |push| push
}

/// What happens, in the order of commits, in this and other processes.
#[derive(uniffi::Object)]
pub struct Events(pub(crate) Arc<Watch<query::Events>>);

#[uniffi::export]
impl Events {
    /// Waits for what happened since the last call: at least one, at most 200; null once it was ended. One that is taken by
    /// a call whose caller was cancelled in that moment may be lost: for what is shown take a window.
    pub async fn next(&self) -> Result<Option<Vec<Event>>> {
        self.0.next().await
    }

    /// Ends it and wakes who waits in `next`.
    pub fn end(&self) {
        self.0.end();
    }
}
