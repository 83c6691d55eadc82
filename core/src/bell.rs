//! The bell between the processes of one home: rung after each commit, heard by all others.
//!
//! A change of the log file itself would come too early: SQLite writes it before the commit can be seen, and shows the
//! commit in shared memory, which no file event tells. So whoever has committed touches the time stamp of the lease file.
//! Linux tells of it by inotify. For kqueue there is a place in this file; until then other systems look once a second, and
//! so does Linux where a user's watches are used up.

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
        Ok(Bell { file: File::open(lease).map_err(refused)?, ear: Ear::listen(lease) })
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
    events: Option<inotify::EventStream<[u8; 1024]>>,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Ear {
    fn listen(lease: &Path) -> Ear {
        use inotify::{Inotify, WatchMask};
        let watch = |inotify: Inotify| {
            inotify.watches().add(lease, WatchMask::ATTRIB | WatchMask::CLOSE_WRITE | WatchMask::DELETE_SELF)?;
            inotify.into_event_stream([0; 1024])
        };
        let events = Inotify::init().and_then(watch);
        if events.is_err() {
            tracing::warn!(target: "dunnock", "no file watch to be had");
        }
        Ear { events: events.ok() }
    }

    async fn rung(&mut self) {
        use futures_core::Stream;
        let Some(events) = &mut self.events else { return look().await };
        let next = std::future::poll_fn(|context| std::pin::Pin::new(&mut *events).poll_next(context));
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
    fn listen(_: &Path) -> Ear {
        Ear
    }

    async fn rung(&mut self) {
        look().await;
    }
}

/// The time until it is looked whether something changed.
async fn look() {
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::{Folder, soon};

    #[tokio::test]
    async fn every_bell_on_a_lease_hears_a_ring_and_the_end_of_a_holder() {
        let folder = Folder::new();
        let lease = folder.path().join("lease");
        File::create(&lease).unwrap();
        let (mut one, mut other) = (Bell::hang(&lease).unwrap(), Bell::hang(&lease).unwrap());
        one.ring();
        soon(other.rung()).await;
        soon(one.rung()).await;
        drop(crate::lease::Lease::try_take(&lease).unwrap().unwrap());
        soon(other.rung()).await;
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_watch_it_looks_once_a_second() {
        let began = tokio::time::Instant::now();
        Ear { events: None }.rung().await;
        assert_eq!(began.elapsed().as_secs(), 1);
    }
}
