//! Named moments at which a test may kill the process, and time-outs that it may lower. Without the feature `killpoints` there is nothing here.
//!
//! `DUNNOCK_KILL_AT=commit:3` kills it without a farewell when the third commit is about to happen. Known names: `login`,
//! `catchup`, `encrypt`, `commit` (just before), of these `taken` (messages came), `asked` (a wish about messages is
//! carried out) and `handing` (messages go to the wire), `committed` (just after, nothing told yet), `send` (a message's bytes are with the
//! wire), `round` (a sync in the background has all), `told` (it is about to answer). With `commit:3:100` only this thread stops there at first and the process dies 100 ms later: whatever the
//! other threads were told too early gets out.

/// Dies here if that was asked for.
#[cfg(not(feature = "killpoints"))]
#[inline(always)]
pub(crate) fn reach(_name: &'static str) {}

/// Dies here if that was asked for.
#[cfg(feature = "killpoints")]
pub(crate) fn reach(name: &'static str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;
    static WANTED: LazyLock<Option<(String, u64, Duration)>> = LazyLock::new(|| {
        let wanted = std::env::var("DUNNOCK_KILL_AT").ok()?;
        let mut parts = wanted.split(':');
        let (name, count) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?);
        let pause = parts.next().and_then(|ms| ms.parse().ok()).unwrap_or(0);
        Some((name, count, Duration::from_millis(pause)))
    });
    static REACHED: AtomicU64 = AtomicU64::new(0);
    if let Some((wanted, count, pause)) = &*WANTED
        && wanted == name
        && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        std::thread::sleep(*pause);
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
