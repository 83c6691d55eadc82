//! What screens watch of an account: windows that are produced again, and events.

use super::{Account, Inner, chats};
use crate::address;
use crate::model::{ChatItem, Connection, Contact, DeviceView, Room, TimelineItem};
use crate::query::{self, Events, Produce, Query};
use crate::store::Touched;
use std::sync::Arc;

impl Account {
    /// The chat list, again after each change.
    pub fn watch_chats(&self) -> Query<Vec<ChatItem>> {
        self.watch(|touched| matches!(touched, Touched::Chats | Touched::Contacts), Arc::new(chats))
    }

    /// The newest rows of a chat, again after each change.
    pub fn watch_timeline(&self, chat: &str, limit: u32) -> Query<Vec<TimelineItem>> {
        let chat = normal(chat);
        let matter = Touched::Timeline(chat.clone());
        let produce = move |inner: &Inner| inner.read(|reader| query::timeline(reader, &chat, None, limit));
        self.watch(move |touched| *touched == matter, Arc::new(produce))
    }

    /// The contact list, again after each change.
    pub fn watch_contacts(&self) -> Query<Vec<Contact>> {
        let matter = |touched: &Touched| matches!(touched, Touched::Contacts | Touched::Connection);
        self.watch(matter, Arc::new(|inner| inner.read(query::contacts)))
    }

    /// The devices of a person, again after each change.
    pub fn watch_devices(&self, jid: &str) -> Query<Vec<DeviceView>> {
        let jid = normal(jid);
        let matter = Touched::Devices(jid.clone());
        let produce = move |inner: &Inner| inner.read(|reader| query::devices(reader, &jid));
        self.watch(move |touched| *touched == matter, Arc::new(produce))
    }

    /// The rooms, again after each change.
    pub fn watch_rooms(&self) -> Query<Vec<Room>> {
        self.watch(|touched| *touched == Touched::Rooms, Arc::new(|inner| inner.read(query::rooms)))
    }

    /// The connection, again after each change.
    pub fn watch_connection(&self) -> Query<Connection> {
        self.watch(|touched| *touched == Touched::Connection, Arc::new(Inner::connection))
    }

    /// What happens from now on, in the order of commits, in this and other processes.
    pub fn events(&self) -> Events {
        self.wake();
        Events::new(self.inner.clone())
    }

    pub(super) fn watch<T: Clone + PartialEq + Send + 'static>(
        &self,
        matter: impl Fn(&Touched) -> bool + Send + Sync + 'static,
        produce: Produce<T>,
    ) -> Query<T> {
        self.wake();
        Query::new(self.inner.clone(), matter, produce)
    }

    /// Starts the brain, which hears of what other processes commit; that of a suspended account is started when it is
    /// resumed. If it cannot start, the first read says why.
    fn wake(&self) {
        if !self.inner.readers.is_suspended() {
            let _ = self.inner.brain();
        }
    }
}

/// The normal form of a bare JID; what is none has no rows under any form.
fn normal(text: &str) -> String {
    address::bare(text).map_or_else(|_| text.to_owned(), |jid| jid.to_string())
}
