//! Who waits for which rows, and what is shown beside the rows: who types, and what troubles the brain.

use crate::ErrorKind;
use crate::store::Touched;
use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use tokio::sync::Notify;

/// Typing events kept for a listener that lags.
const KEPT: usize = 64;

/// The one place of an account where commits are told to its screens.
#[derive(Default)]
pub(crate) struct Hub {
    waiting: Mutex<Vec<Weak<Subscriber>>>,
    live: Mutex<Live>,
}

/// What is true now and never stored.
#[derive(Default)]
struct Live {
    typing: BTreeSet<String>,
    trouble: Option<ErrorKind>,
    holding: bool,
    ended: bool,
}

/// One who waits.
pub(crate) struct Subscriber {
    matter: Box<dyn Fn(&Touched) -> bool + Send + Sync>,
    woken: Notify,
    ended: AtomicBool,
    typing: Mutex<VecDeque<(String, bool)>>,
}

impl Subscriber {
    /// Waits until a commit touched the matter since the last call. Can be cancelled. False once it was ended.
    pub(crate) async fn woken(&self) -> bool {
        if self.is_ended() {
            return false;
        }
        self.woken.notified().await;
        !self.is_ended()
    }

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.woken.notify_one();
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Who began or stopped typing since the last call.
    pub(crate) fn take_typing(&self) -> VecDeque<(String, bool)> {
        std::mem::take(&mut *self.typing.lock().expect("no holder of this lock panics"))
    }
}

impl Hub {
    /// Waits for commits that touch what `matter` says.
    pub(crate) fn subscribe(&self, matter: impl Fn(&Touched) -> bool + Send + Sync + 'static) -> Arc<Subscriber> {
        let subscriber = Arc::new(Subscriber {
            matter: Box::new(matter),
            woken: Notify::new(),
            ended: AtomicBool::new(self.live().ended),
            typing: Mutex::default(),
        });
        self.waiting().push(Arc::downgrade(&subscriber));
        subscriber
    }

    /// Tells what a commit touched.
    pub(crate) fn publish(&self, touched: &BTreeSet<Touched>) {
        self.each(|one| {
            if touched.iter().any(|matter| (one.matter)(matter)) {
                one.woken.notify_one();
            }
        });
    }

    /// Another process committed: anything may have changed.
    pub(crate) fn publish_all(&self) {
        self.each(|one| one.woken.notify_one());
    }

    /// Whether somebody waits.
    pub(crate) fn is_watched(&self) -> bool {
        self.waiting().iter().any(|one| one.strong_count() > 0)
    }

    /// Somebody types or stopped.
    pub(crate) fn publish_typing(&self, chat: &str, typing: bool) {
        let changed = {
            let mut live = self.live();
            if typing { live.typing.insert(chat.to_owned()) } else { live.typing.remove(chat) }
        };
        if !changed {
            return;
        }
        self.each(|one| {
            if (one.matter)(&Touched::Events) {
                let mut events = one.typing.lock().expect("no holder of this lock panics");
                events.push_back((chat.to_owned(), typing));
                if events.len() > KEPT {
                    events.pop_front();
                }
                one.woken.notify_one();
            } else if (one.matter)(&Touched::Chats) {
                one.woken.notify_one();
            }
        });
    }

    /// The stream is gone: nobody is known to type.
    pub(crate) fn still(&self) {
        let chats = std::mem::take(&mut self.live().typing);
        if !chats.is_empty() {
            self.publish(&BTreeSet::from([Touched::Chats]));
        }
    }

    /// Whether somebody types in this chat.
    pub(crate) fn types(&self, chat: &str) -> bool {
        self.live().typing.contains(chat)
    }

    /// What keeps the brain from its rows.
    pub(crate) fn trouble(&self) -> Option<ErrorKind> {
        self.live().trouble
    }

    pub(crate) fn set_trouble(&self, trouble: Option<ErrorKind>) {
        let before = std::mem::replace(&mut self.live().trouble, trouble);
        if before != trouble {
            self.publish(&BTreeSet::from([Touched::Connection]));
        }
    }

    /// Whether this process holds the lease.
    pub(crate) fn holding(&self) -> bool {
        self.live().holding
    }

    pub(crate) fn set_holding(&self, holding: bool) {
        self.live().holding = holding;
    }

    /// Ends everyone who waits, and whoever comes later.
    pub(crate) fn end(&self) {
        self.live().ended = true;
        self.each(Subscriber::end);
    }

    fn each(&self, mut tell: impl FnMut(&Subscriber)) {
        self.waiting().retain(|one| match one.upgrade() {
            Some(one) => {
                tell(&one);
                true
            }
            None => false,
        });
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Subscriber>>> {
        self.waiting.lock().expect("no holder of this lock panics")
    }

    fn live(&self) -> std::sync::MutexGuard<'_, Live> {
        self.live.lock().expect("no holder of this lock panics")
    }
}
