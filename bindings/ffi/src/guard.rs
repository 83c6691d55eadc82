//! No panic crosses the border, and all work is done on the core's runtime.

use crate::error::Result;
use dunnock_core::ErrorKind;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Once;
use std::task::Poll;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};

/// Polls `work`; a panic in it becomes `Crashed`. What it held is given up by the unwinding, nothing of it is used again.
pub(crate) async fn guarded<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = pin!(work);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(poll) => poll,
        Err(_) => Poll::Ready(Err(ErrorKind::Crashed.into())),
    })
    .await
}

/// Does `work`; a panic in it becomes `Crashed`.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(ErrorKind::Crashed.into()))
}

/// Carries out `work` as a task of the core's runtime, to its end even if nobody waits for the answer any more.
pub(crate) async fn task<T: Send + 'static>(
    handle: &Handle,
    work: impl Future<Output = dunnock_core::Result<T>> + Send + 'static,
) -> Result<T> {
    guarded(async {
        let work = async {
            panic_if_told();
            work.await
        };
        answer(handle.spawn(work)).await
    })
    .await
}

/// Carries out `work` as a task of the core's runtime that is dropped with the answer: for what a caller may break off.
pub(crate) async fn cancellable<T: Send + 'static>(
    handle: &Handle,
    work: impl Future<Output = dunnock_core::Result<T>> + Send + 'static,
) -> Result<T> {
    struct Abort(AbortHandle);
    impl Drop for Abort {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    guarded(async {
        let work = handle.spawn(async {
            panic_if_told();
            work.await
        });
        let _abort = Abort(work.abort_handle());
        answer(work).await
    })
    .await
}

/// Carries out `work`, which may wait for the disk, beside the runtime's tasks.
pub(crate) async fn disk<T: Send + 'static>(
    handle: &Handle,
    work: impl FnOnce() -> dunnock_core::Result<T> + Send + 'static,
) -> Result<T> {
    guarded(async {
        let work = || {
            panic_if_told();
            work()
        };
        answer(handle.spawn_blocking(work)).await
    })
    .await
}

/// Does `work` on a thread of its own, for what begins before there is a runtime or ends after it.
pub(crate) async fn thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    guarded(async {
        let (answer, answered) = oneshot::channel();
        let work = move || {
            // Nobody waits any more: nobody to tell.
            let _ = answer.send(caught(|| {
                panic_if_told();
                work()
            }));
        };
        std::thread::Builder::new().name("dunnock".to_owned()).spawn(work).map_err(|_| ErrorKind::Internal)?;
        answered.await.unwrap_or_else(|_| Err(ErrorKind::Crashed.into()))
    })
    .await
}

async fn answer<T>(work: JoinHandle<dunnock_core::Result<T>>) -> Result<T> {
    match work.await {
        Ok(answer) => answer.map_err(Into::into),
        Err(error) if error.is_panic() => Err(ErrorKind::Crashed.into()),
        // The runtime went with the last handle of its client.
        Err(_) => Err(ErrorKind::Ended.into()),
    }
}

/// From now on a panic tells where it happened and nothing else, on the app's threads too: what it says may be personal.
pub(crate) fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            if let Some(place) = panic.location() {
                eprintln!("dunnock: defect at {}:{}", place.file(), place.line());
            }
        }));
    });
}

#[cfg(not(feature = "test-panics"))]
pub(crate) fn panic_if_told() {}

#[cfg(feature = "test-panics")]
pub(crate) use told::panic_if_told;

/// A panic on demand, for the tests of the border.
#[cfg(feature = "test-panics")]
mod told {
    use std::sync::atomic::{AtomicBool, Ordering};

    static TOLD: AtomicBool = AtomicBool::new(false);

    /// The next guarded call panics. Exported by name and not through UniFFI, so that the generated sources are the same
    /// with and without it.
    #[expect(unreachable_pub, reason = "it is reached by its name")]
    #[unsafe(no_mangle)]
    pub extern "C" fn dunnock_test_panic_next() {
        TOLD.store(true, Ordering::SeqCst);
    }

    pub(crate) fn panic_if_told() {
        assert!(!TOLD.swap(false, Ordering::SeqCst), "told to");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DunnockError;
    use dunnock_core::ErrorKind;
    use std::future::Future;
    use std::task::{Context, Waker};
    use tokio::runtime::{Builder, Runtime};

    fn runtime() -> Runtime {
        Builder::new_multi_thread().worker_threads(1).build().unwrap()
    }

    fn kind<T>(answer: Result<T>) -> ErrorKind {
        let DunnockError::Failed { kind, .. } = answer.err().expect("it fails");
        kind
    }

    #[test]
    fn a_panic_anywhere_is_an_answer() {
        let runtime = runtime();
        let handle = runtime.handle().clone();
        let crashed = |answer: Result<()>| assert_eq!(kind(answer), ErrorKind::Crashed);
        crashed(caught(|| panic!("synchronously")));
        runtime.block_on(async {
            crashed(guarded(async { panic!("while polled") }).await);
            crashed(task(&handle, async { panic!("in a task") }).await);
            crashed(cancellable(&handle, async { panic!("in a task that can be broken off") }).await);
            crashed(disk(&handle, || panic!("beside the tasks")).await);
            crashed(thread(|| panic!("on a thread")).await);
        });
    }

    #[test]
    fn work_for_a_runtime_that_ended_answers_so() {
        let runtime = runtime();
        let handle = runtime.handle().clone();
        drop(runtime);
        let other = self::runtime();
        assert_eq!(kind(other.block_on(task(&handle, async { Ok(()) }))), ErrorKind::Ended);
        assert_eq!(kind(other.block_on(disk(&handle, || Ok(())))), ErrorKind::Ended);
    }

    #[test]
    fn a_dropped_task_goes_on_and_a_cancellable_one_does_not() {
        let runtime = runtime();
        let handle = runtime.handle().clone();
        for goes_on in [true, false] {
            let (open, gate) = oneshot::channel::<()>();
            let (tell, mut told) = tokio::sync::mpsc::channel::<()>(1);
            let work = async move {
                let _open = gate.await;
                let _ = tell.send(()).await;
                Ok(())
            };
            let mut answer: std::pin::Pin<Box<dyn Future<Output = Result<()>>>> = match goes_on {
                true => Box::pin(task(&handle, work)),
                false => Box::pin(cancellable(&handle, work)),
            };
            assert!(answer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            drop(answer);
            // A task that was broken off hears nothing and drops its end.
            if goes_on {
                let _ = open.send(());
            }
            assert_eq!(runtime.block_on(told.recv()).is_some(), goes_on);
        }
    }
}
