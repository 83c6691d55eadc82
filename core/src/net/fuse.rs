//! What closes a door at once, from whichever thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The fuse of one [`Door`](super::Door). Once it is blown nothing is asked or opened by that door any more, and none of its
/// TCP streams takes another byte: one that is dropped then ends by a reset, so that the kernel does not go on to send what
/// still lay there.
#[derive(Clone, Default)]
pub(crate) struct Fuse(Arc<AtomicBool>);

impl Fuse {
    /// For good.
    pub(crate) fn blow(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_blown(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
