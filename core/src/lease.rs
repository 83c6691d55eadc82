//! The lease of an account: a file lock that says which process owns its wire.
//!
//! Without it a process reads and writes rows only. It ends with the process, however that ends, and passes to one that waits.

use crate::error::{ErrorKind, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// The right to own the wire; ends when dropped.
pub(crate) struct Lease {
    _file: File,
}

fn open(path: &Path) -> Result<File> {
    // For writing, so that its end is seen by those who watch the file.
    OpenOptions::new().read(true).write(true).open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NoAccount.into(),
        _ => crate::store::about(path, error),
    })
}

impl Lease {
    /// Takes it if it is free.
    pub(crate) fn try_take(path: &Path) -> Result<Option<Lease>> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lease { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(crate::store::about(path, error)),
        }
    }

    /// Whether nobody has it: then what the rows say of a connection is what a crash left. Who takes it in this very
    /// moment is told to wait, and waits for a moment.
    pub(crate) fn is_free(path: &Path) -> bool {
        File::open(path).is_ok_and(|file| file.try_lock_shared().is_ok())
    }
}

/// Makes the file that is locked, if it is not there.
pub(crate) fn prepare(path: &Path) -> Result<()> {
    match OpenOptions::new().create(true).append(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(ErrorKind::NoAccount.into()),
        Err(error) => Err(crate::store::about(path, error)),
    }
}

/// A place in the queue for a lease. A system thread waits in the lock itself, at most one for each queue: nothing polls.
#[derive(Clone)]
pub(crate) struct LeaseQueue {
    path: PathBuf,
    place: Arc<(Mutex<Place>, Notify)>,
}

#[derive(Default)]
struct Place {
    wanted: bool,
    waiting: bool,
    taken: Option<Lease>,
}

impl LeaseQueue {
    pub(crate) fn new(path: PathBuf) -> Self {
        LeaseQueue { path, place: Arc::default() }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.0.lock().expect("no holder of this lock panics")
    }

    /// Takes the lease now, or stands in the queue for it.
    pub(crate) fn want(&self) -> Result<()> {
        let mut place = self.place();
        place.wanted = true;
        if place.waiting || place.taken.is_some() {
            return Ok(());
        }
        place.taken = Lease::try_take(&self.path)?;
        if place.taken.is_some() {
            self.place.1.notify_one();
            return Ok(());
        }
        place.waiting = true;
        let queue = self.clone();
        let spawned = std::thread::Builder::new().name("lease".into()).spawn(move || queue.wait());
        if spawned.is_err() {
            place.waiting = false;
            return Err(ErrorKind::Internal.into());
        }
        Ok(())
    }

    /// Leaves the queue. A lease that comes all the same is given back at once.
    pub(crate) fn leave(&self) {
        let mut place = self.place();
        place.wanted = false;
        place.taken = None;
    }

    /// The lease, once it is ours. Can be cancelled: nothing is lost.
    pub(crate) async fn taken(&self) -> Lease {
        loop {
            if let Some(lease) = self.place().taken.take() {
                return lease;
            }
            self.place.1.notified().await;
        }
    }

    fn wait(self) {
        let locked = open(&self.path).ok().filter(|file| file.lock().is_ok());
        let mut place = self.place();
        place.waiting = false;
        if place.wanted
            && let Some(file) = locked
        {
            place.taken = Some(Lease { _file: file });
            self.place.1.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_lease_passes_to_the_one_who_waits() {
        let folder = crate::scratch::Folder::new();
        let path = folder.path().join("lease");
        File::create(&path).unwrap();
        assert!(Lease::is_free(&path));
        let first = Lease::try_take(&path).unwrap().unwrap();
        assert!(Lease::try_take(&path).unwrap().is_none());
        assert!(!Lease::is_free(&path));
        let queue = LeaseQueue::new(path.clone());
        queue.want().unwrap();
        drop(first);
        let second = queue.taken().await;
        assert!(Lease::try_take(&path).unwrap().is_none());
        drop(second);
        assert!(Lease::try_take(&path).unwrap().is_some());
    }

    #[tokio::test]
    async fn who_left_the_queue_gives_the_lease_back() {
        let folder = crate::scratch::Folder::new();
        let path = folder.path().join("lease");
        File::create(&path).unwrap();
        let first = Lease::try_take(&path).unwrap().unwrap();
        let gone = LeaseQueue::new(path.clone());
        gone.want().unwrap();
        gone.leave();
        let next = LeaseQueue::new(path.clone());
        next.want().unwrap();
        drop(first);
        next.taken().await;
    }
}
