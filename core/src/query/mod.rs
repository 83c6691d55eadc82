//! What screens show: SELECT only, on connections that cannot write. One window a file.

use crate::model::Event;
use std::marker::PhantomData;

/// A window that is produced again after a commit that touches it: the first one at once, then at most 20 a second, the latest only.
pub struct Query<T> {
    kind: PhantomData<fn() -> T>,
}

impl<T> Query<T> {
    pub(crate) fn ended() -> Self {
        Query { kind: PhantomData }
    }

    /// The next window; `None` once it was ended. Can be cancelled: nothing is lost.
    pub async fn next(&mut self) -> Option<T> {
        None
    }

    /// Ends it, also while another thread waits in [`Query::next`] on a clone of the handle.
    pub fn end(&self) {}
}

/// Events in the order of commits.
pub struct Events {}

impl Events {
    pub(crate) fn ended() -> Self {
        Events {}
    }

    /// What happened since the last call, at least one; `None` once it was ended. Can be cancelled: nothing is lost.
    pub async fn next(&mut self) -> Option<Vec<Event>> {
        None
    }

    /// Ends it.
    pub fn end(&self) {}
}
