//! What handles hold of the core, so that the end of a client can take it back from all of them.
//!
//! An app may keep handles for as long as it likes, or leave them to a garbage collector. The core's runtime, files and
//! threads must not depend on that: after [`Home::end`] no handle holds anything any more.

use crate::error::Result;
use crate::guard;
use dunnock_core::{Client, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::runtime::Handle;

/// Something that a handle holds until it is ended.
pub(crate) struct Held<T>(Mutex<Option<T>>);

impl<T: Clone> Held<T> {
    pub(crate) fn new(thing: T) -> Arc<Held<T>> {
        Arc::new(Held(Mutex::new(Some(thing))))
    }

    /// What is held; `Ended` afterwards.
    pub(crate) fn get(&self) -> Result<T> {
        lock(&self.0).clone().ok_or_else(|| ErrorKind::Ended.into())
    }
}

/// What can be made to let go.
pub(crate) trait LetGo: Send + Sync {
    /// Holds nothing afterwards.
    fn let_go(&self);
}

impl<T: Send> LetGo for Held<T> {
    fn let_go(&self) {
        drop(lock(&self.0).take());
    }
}

/// An open home, and all that was handed out from it.
pub(crate) struct Home {
    client: Held<Client>,
    /// The core's runtime; spawning on it after it ended gives `Ended`.
    pub(crate) handle: Handle,
    given: Mutex<Vec<Weak<dyn LetGo>>>,
}

impl Home {
    pub(crate) fn new(client: Client) -> Arc<Home> {
        let handle = client.handle().clone();
        Arc::new(Home { client: Held(Mutex::new(Some(client))), handle, given: Mutex::default() })
    }

    /// The core's client; `Ended` after [`Home::end`].
    pub(crate) fn client(&self) -> Result<Client> {
        self.client.get()
    }

    /// Remembers what is handed out.
    pub(crate) fn gives(&self, thing: &Arc<impl LetGo + 'static>) {
        let thing: Arc<dyn LetGo> = thing.clone();
        let mut given = lock(&self.given);
        given.retain(|one| one.strong_count() > 0);
        given.push(Arc::downgrade(&thing));
    }

    /// Says goodbye to the servers, writes all back, and takes back what was handed out. Only the first call does.
    pub(crate) async fn end(&self) -> Result<()> {
        let Some(client) = lock(&self.client.0).take() else { return Ok(()) };
        let given = std::mem::take(&mut *lock(&self.given));
        // Not on the runtime, which ends here, and not on the app's thread, which must not wait.
        guard::thread(move || {
            client.block_on(client.close());
            given.iter().filter_map(Weak::upgrade).for_each(|thing| thing.let_go());
            client.end();
            Ok(())
        })
        .await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one; if it did, what is inside would still be whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
