//! The one small runtime of a client: wires, timers, readers.

use crate::error::{ErrorKind, Result};
use tokio::runtime::{Builder, Handle, Runtime};

/// Ends with its last holder, wherever that is dropped; a brain holds it as long as it runs.
pub(crate) struct Workers {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Workers {
    /// Two threads: one may be busy with cryptography while the other keeps the sockets alive.
    pub(crate) fn start() -> Result<Workers> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).max_blocking_threads(8).thread_name("dunnock").enable_all().build();
        let runtime = runtime.map_err(|_| ErrorKind::Internal)?;
        Ok(Workers { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// The runtime that a test brought along.
    #[cfg(test)]
    pub(crate) fn borrowed(handle: Handle) -> Workers {
        Workers { handle, runtime: None }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Never waits: the last holder may be a task.
            runtime.shutdown_background();
        }
    }
}
