//! The bell between the processes of one home: rung after each commit, heard by all others.
//!
//! A change of the log file itself would come too early: SQLite writes it before the commit can be seen, and shows the
//! commit in shared memory, which no file event tells. So whoever has committed touches the time stamp of the lease file.
//! Linux tells of it by inotify. For kqueue there is a place in this file; until then other systems look once a second.

use crate::error::Result;
use std::fs::{File, FileTimes};
use std::path::Path;
use std::time::SystemTime;

/// Rings, and hears others ring (and itself).
pub(crate) struct Bell {
    file: File,
    ear: Ear,
}

impl Bell {
    /// The bell of the account with this lease file. Needs the runtime's context.
    pub(crate) fn hang(lease: &Path) -> Result<Bell> {
        let refused = |error| crate::store::about(lease, error);
        Ok(Bell { file: File::open(lease).map_err(refused)?, ear: Ear::listen(lease).map_err(refused)? })
    }

    /// Tells other processes that something was committed.
    pub(crate) fn ring(&self) {
        let now = SystemTime::now();
        // A full disk or a folder wiped meanwhile: the rows are safe, the others see them with the next ring.
        let _ = self.file.set_times(FileTimes::new().set_accessed(now).set_modified(now));
    }

    /// Waits until it rang, or until a process let go of the lease. Can be cancelled: what rang is heard by the next call.
    pub(crate) async fn rung(&mut self) {
        self.ear.rung().await;
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
struct Ear {
    events: inotify::EventStream<[u8; 1024]>,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Ear {
    fn listen(lease: &Path) -> std::io::Result<Ear> {
        use inotify::WatchMask;
        let inotify = inotify::Inotify::init()?;
        inotify.watches().add(lease, WatchMask::ATTRIB | WatchMask::CLOSE_WRITE | WatchMask::DELETE_SELF)?;
        Ok(Ear { events: inotify.into_event_stream([0; 1024])? })
    }

    async fn rung(&mut self) {
        use futures_core::Stream;
        let next = std::future::poll_fn(|context| std::pin::Pin::new(&mut self.events).poll_next(context));
        if !matches!(next.await, Some(Ok(_))) {
            // The watch is gone with its folder, or the runtime is shutting down: the brain is told by other means.
            std::future::pending().await
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
struct Ear;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Ear {
    fn listen(_: &Path) -> std::io::Result<Ear> {
        Ok(Ear)
    }

    async fn rung(&mut self) {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}
