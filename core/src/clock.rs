//! The clocks, read in one place and handed in everywhere else.

use crate::engine::Now;
use std::time::{SystemTime, UNIX_EPOCH};

/// What all clocks show.
pub(crate) fn now() -> Now {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    Now { wall, boot: boot() }
}

/// Runs on during sleep, which `Instant` does not.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn boot() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

/// Apple's continuous clock has a place here; until then the monotonic one.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn boot() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as i64 * 1000 + time.tv_nsec as i64 / 1_000_000
}
