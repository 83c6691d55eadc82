//! What a wire knows from one stream to the next, and the pause between two tries.

use super::features::{Learnt, StreamLimits};
use super::sm::Sm;
use super::{Left, ToWire, Vigil};
use rand::{Rng, RngExt};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The first pause.
const FIRST: Duration = Duration::from_secs(1);
/// A stream that lasted this long was no failure.
const STABLE: Duration = Duration::from_secs(60);

/// Outlives the streams.
pub(crate) struct State {
    pub sm: Sm,
    /// Fresh streams that the brain has not begun on: what it sends is meant for an older one.
    pub unbegun: u32,
    /// Set once the brain told us to end, or went away.
    pub stop: Option<bool>,
    /// Set when the next try, or a sign of life, should not wait.
    pub hurry: bool,
    /// A permit for each venture of a login that is on the disk.
    pub noted: Arc<Semaphore>,
    /// The network may have changed, and nothing was done about it yet.
    pub changed: bool,
    /// What failed on another network says nothing of this one.
    pub renewed: bool,
    pub vigil: Vigil,
    /// What the server takes: of this stream, or of the last one until this one's features say so.
    pub limits: StreamLimits,
    /// The same as it was learnt from streams that ended.
    pub learnt: Learnt,
    /// What it does not take, and the brain has still to hear so.
    pub too_large: VecDeque<i64>,
}

impl Default for State {
    fn default() -> State {
        State {
            sm: Sm::default(),
            unbegun: 0,
            stop: None,
            hurry: false,
            changed: false,
            renewed: false,
            vigil: Vigil::Seen,
            limits: StreamLimits::default(),
            learnt: Learnt::default(),
            too_large: VecDeque::new(),
            noted: Arc::new(Semaphore::new(0)),
        }
    }
}

impl State {
    /// What an earlier wire left.
    pub(crate) fn left(left: Option<Left>) -> State {
        State { sm: left.map(Sm::left).unwrap_or_default(), ..State::default() }
    }

    /// Takes a command in. Returns `h` if the server waits for it.
    pub(crate) fn absorb(&mut self, command: Option<ToWire>) -> Option<u32> {
        match command {
            Some(ToWire::Send { token, bytes }) => {
                if self.unbegun == 0 && self.limits.takes(bytes.len()) && self.learnt.takes(bytes.len()) {
                    self.sm.push(token, bytes);
                } else if self.unbegun == 0 {
                    self.too_large.push_back(token);
                }
            }
            Some(ToWire::Begin) => self.unbegun = self.unbegun.saturating_sub(1),
            Some(ToWire::Handled { stanzas }) => return self.sm.handled(stanzas),
            Some(ToWire::Noted) => self.noted.add_permits(1),
            Some(ToWire::Hurry) => self.hurry = true,
            Some(ToWire::NetworkChanged) => (self.changed, self.renewed) = (true, true),
            Some(ToWire::Watch(vigil)) => self.vigil = vigil,
            Some(ToWire::Stop { clean }) => self.stop = Some(clean),
            // A brain that is gone has committed nothing more: the stream is left to be resumed.
            None => self.stop = Some(false),
        }
        None
    }
}

/// Pauses between tries: doubled up to a cap, with jitter, so that a restarted server does not meet all its clients at
/// once.
pub(crate) struct BackOff {
    cap: Duration,
    failures: u32,
}

impl BackOff {
    pub(crate) fn new(cap: Duration) -> Self {
        BackOff { cap, failures: 0 }
    }

    /// What was met on another network does not count.
    pub(crate) fn renew(&mut self) {
        self.failures = 0;
    }

    /// The pause after a try that was online for this long.
    pub(crate) fn pause(&mut self, online: Duration, rng: &mut impl Rng) -> Duration {
        if online >= STABLE {
            self.failures = 0;
        }
        let whole = FIRST.saturating_mul(1 << self.failures.min(16)).min(self.cap);
        self.failures = self.failures.saturating_add(1);
        whole.mul_f64(rng.random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn pauses_double_up_to_the_cap_and_never_vanish() {
        let mut rng = StdRng::seed_from_u64(5);
        let cap = Duration::from_secs(60);
        let mut back_off = BackOff::new(cap);
        for n in 0..40 {
            let whole = Duration::from_secs(1 << n.min(10)).min(cap);
            let pause = back_off.pause(Duration::from_secs(1), &mut rng);
            assert!(pause >= whole / 2 && pause <= whole, "{n}: {pause:?}");
        }
    }

    #[test]
    fn a_stream_that_lasted_starts_the_pauses_anew() {
        let mut rng = StdRng::seed_from_u64(5);
        let mut back_off = BackOff::new(Duration::from_secs(600));
        for _ in 0..8 {
            back_off.pause(Duration::ZERO, &mut rng);
        }
        assert!(back_off.pause(STABLE - Duration::from_millis(1), &mut rng) > Duration::from_secs(60));
        assert!(back_off.pause(STABLE, &mut rng) <= FIRST);
    }

    #[test]
    fn what_was_meant_for_an_older_stream_is_dropped() {
        let send = || Some(ToWire::Send { token: 1, bytes: b"<iq/>".to_vec() });
        let mut state = State { unbegun: 2, ..State::default() };
        for _ in 0..2 {
            state.absorb(send());
            assert!(!state.sm.waits());
            state.absorb(Some(ToWire::Begin));
        }
        state.absorb(send());
        assert!(state.sm.waits());
    }
}
