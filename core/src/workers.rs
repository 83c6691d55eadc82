//! The one small runtime of a client: wires, timers, readers.

use crate::error::{ErrorKind, Result};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle, Runtime};

/// How long threads that were told to end may take for that.
const LAST: Duration = Duration::from_secs(2);

/// Ends with its last holder, wherever that is dropped; a brain holds it as long as it runs.
pub(crate) struct Workers {
    handle: Handle,
    runtime: Option<Runtime>,
    /// Threads beside the runtime that use the database.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Workers {
    /// Two threads: one may be busy with cryptography while the other keeps the sockets alive.
    pub(crate) fn start() -> Result<Workers> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).max_blocking_threads(8).thread_name("dunnock").enable_all().build();
        let runtime = runtime.map_err(|_| ErrorKind::Internal)?;
        Ok(Workers { handle: runtime.handle().clone(), runtime: Some(runtime), threads: Mutex::default() })
    }

    /// The runtime that a test brought along.
    #[cfg(test)]
    pub(crate) fn borrowed(handle: Handle) -> Workers {
        Workers { handle, runtime: None, threads: Mutex::default() }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Keeps a thread beside the runtime, to be waited for at the end.
    pub(crate) fn keep(&self, thread: JoinHandle<()>) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
    }

    /// Waits for the kept threads, all of which were told to end.
    pub(crate) fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let end = Instant::now() + LAST;
        for thread in threads {
            while !thread.is_finished() && Instant::now() < end {
                std::thread::park_timeout(Duration::from_millis(1));
            }
            if thread.is_finished() {
                // A panic of its own was told where it happened.
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            match Handle::try_current() {
                // A task must not wait.
                Ok(_) => runtime.shutdown_background(),
                // A thread that ends while the process does would free once more what the database's library freed.
                Err(_) => runtime.shutdown_timeout(LAST),
            }
        }
    }
}
