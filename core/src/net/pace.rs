//! How often an account may connect, whatever a server does.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Connections that may follow each other at once after a quiet time.
const BURST: u32 = 10;
/// The time in which one more is earned.
const EACH: Duration = Duration::from_secs(6);

/// The most connections of any minute: those that were saved up, and those that are earned in it.
#[cfg(test)]
pub(crate) const A_MINUTE: usize = (BURST + 60 / EACH.as_secs() as u32) as usize;

/// A bucket of connections, of one account in this process. It knows no reason that lets anybody past it: pauses between
/// tries may be cut short by a person or a new network, and begin anew after a stream that lasted; this does not.
#[derive(Default)]
pub(crate) struct Pace {
    /// When the bucket will be full again.
    full: Mutex<Option<Instant>>,
}

impl Pace {
    /// Takes a connection out. Errors: when there will be one.
    pub(crate) fn take(&self) -> Result<(), Instant> {
        let now = Instant::now();
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        let free = free(*full, now);
        if free > now {
            return Err(free);
        }
        *full = Some(full.map_or(now, |full| full.max(now)) + EACH);
        Ok(())
    }

    /// When there is one, now or later.
    pub(crate) fn free(&self) -> Instant {
        free(*self.full.lock().unwrap_or_else(PoisonError::into_inner), Instant::now())
    }
}

fn free(full: Option<Instant>, now: Instant) -> Instant {
    full.and_then(|full| full.checked_sub(EACH * (BURST - 1))).map_or(now, |free| free.max(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_minute_holds_more_than_its_share_however_often_somebody_asks() {
        let pace = Pace::default();
        let mut taken = Vec::new();
        for _ in 0..10_000 {
            if pace.take().is_ok() {
                taken.push(Instant::now());
            }
            tokio::time::advance(Duration::from_millis(50)).await;
        }
        let most = (0..taken.len()).map(|from| {
            let end = taken[from] + Duration::from_secs(60);
            taken[from..].iter().take_while(|at| **at <= end).count()
        });
        assert_eq!(most.max(), Some(A_MINUTE));
        // 500 seconds: ten at first, and one each six seconds.
        assert_eq!(taken.len(), 10 + 83);
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_time_fills_it_and_no_further() {
        let pace = Pace::default();
        for _ in 0..3 {
            for _ in 0..BURST {
                assert_eq!(pace.free(), Instant::now());
                assert_eq!(pace.take(), Ok(()));
            }
            assert_eq!(pace.take(), Err(Instant::now() + EACH));
            tokio::time::advance(Duration::from_secs(3600)).await;
        }
    }
}
