//! Named moments at which a test may kill the process, and time-outs that it may lower. Without the feature `killpoints` there is nothing here.
//!
//! `DUNNOCK_KILL_AT=commit:3` kills it without a farewell when the third commit is about to happen. Known names: `login`,
//! `catchup`, `encrypt`, `commit` (just before), `committed` (just after, nothing told yet), `send` (a message's bytes are
//! with the wire).

/// Dies here if that was asked for.
#[cfg(not(feature = "killpoints"))]
#[inline(always)]
pub(crate) fn reach(_name: &'static str) {}

/// Dies here if that was asked for.
#[cfg(feature = "killpoints")]
pub(crate) fn reach(name: &'static str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static WANTED: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let wanted = std::env::var("DUNNOCK_KILL_AT").ok()?;
        let (name, count) = wanted.split_once(':')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    static REACHED: AtomicU64 = AtomicU64::new(0);
    if let Some((wanted, count)) = &*WANTED
        && wanted == name
        && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        std::process::abort();
    }
}

/// The time-outs; `DUNNOCK_LIMITS=2000,1500,1500,1000` lowers them: `step`, `silence`, `answer`, `back_off` in milliseconds.
#[cfg(feature = "killpoints")]
pub(crate) fn limits() -> crate::wire::Limits {
    use std::time::Duration;
    let text = std::env::var("DUNNOCK_LIMITS").unwrap_or_default();
    let times: Vec<Duration> = text.split(',').filter_map(|ms| ms.parse().ok()).map(Duration::from_millis).collect();
    match times[..] {
        [step, silence, answer, back_off] => crate::wire::Limits { step, silence, answer, back_off },
        _ => crate::wire::Limits::default(),
    }
}

/// The time-outs.
#[cfg(not(feature = "killpoints"))]
pub(crate) fn limits() -> crate::wire::Limits {
    crate::wire::Limits::default()
}
