//! Places where a test may end the process as if it had been killed.

/// Ends the process at once if `DUNNOCK_KILL_AT` is `name:count` and this is the count-th time that `name` is reached.
///
/// Without the feature `killpoints` this is nothing.
#[cfg(feature = "killpoints")]
pub(crate) fn reach(name: &str) {
    use std::sync::Mutex;
    static LEFT: Mutex<Option<u64>> = Mutex::new(None);
    let Ok(wish) = std::env::var("DUNNOCK_KILL_AT") else { return };
    let Some((place, count)) = wish.split_once(':') else { return };
    if place != name {
        return;
    }
    let mut left = LEFT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let now = left.get_or_insert_with(|| count.parse().unwrap_or(1));
    *now = now.saturating_sub(1);
    if *now == 0 {
        std::process::abort();
    }
}

/// Without the feature `killpoints` this is nothing.
#[cfg(not(feature = "killpoints"))]
pub(crate) fn reach(_name: &str) {}
