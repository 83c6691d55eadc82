//! How a stream is looked after while nothing happens on it.
//!
//! A stream can be dead without a sign: a router forgot it, a server lost its power. Whoever looks at the screen is to know
//! soon, so that silence is asked about. Each question costs a phone in a pocket some seconds of its radio, so there it is
//! left to others: servers ask for a sign of life themselves, and push once they get none.

use super::Limits;
use std::time::Duration;

/// Who would notice that the stream is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Vigil {
    /// A person looks: `Lifecycle::Foreground`.
    Seen,
    /// Nobody looks, and nobody else would wake us: `Lifecycle::Background`.
    Left,
    /// Nobody looks, and our server pushes (XEP-0357).
    Woken,
}

/// Silence that is borne where nobody looks, in those where somebody does: half an hour. Servers that look after their
/// streams ask much sooner (Prosody after 14 minutes), which is no silence, so that nothing is said by us unless they are gone.
const LEFT: u32 = 15;
/// A server that wants to hear from us more often than this is not followed (XEP-0478, `idle-seconds`).
const OFTEN: Duration = Duration::from_secs(30);

impl Vigil {
    pub(crate) fn of(inactive: bool, pushed: bool) -> Vigil {
        match (inactive, pushed) {
            (false, _) => Vigil::Seen,
            (true, false) => Vigil::Left,
            (true, true) => Vigil::Woken,
        }
    }

    /// Silence of the server after which it is asked for a sign of life; none: it is never asked.
    pub(crate) fn silence(self, limits: &Limits) -> Option<Duration> {
        match self {
            Vigil::Seen => Some(limits.silence),
            Vigil::Left => Some(limits.silence * LEFT),
            Vigil::Woken => None,
        }
    }

    /// Silence of ours after which we say something to a server that ends streams idle for `idle`. Where nobody looks such a
    /// server asks first, or has to take us back.
    pub(crate) fn speak(self, idle: Duration) -> Option<Duration> {
        // A tenth in hand for the way there.
        (self == Vigil::Seen).then(|| idle.mul_f64(0.9).max(OFTEN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_less_is_looked_at_the_less_is_asked() {
        let limits = Limits::default();
        let minutes = |vigil: Vigil| vigil.silence(&limits).map(|silence| silence.as_secs() / 60);
        assert_eq!([Vigil::Seen, Vigil::Left, Vigil::Woken].map(minutes), [Some(2), Some(30), None]);
        assert_eq!(Vigil::of(false, true), Vigil::Seen);
        assert_eq!([Vigil::of(true, false), Vigil::of(true, true)], [Vigil::Left, Vigil::Woken]);
    }

    #[test]
    fn a_server_that_is_impatient_is_followed_within_bounds_and_only_while_somebody_looks() {
        let speak = |vigil: Vigil, idle| vigil.speak(Duration::from_secs(idle)).map(|wait| wait.as_secs());
        assert_eq!([1800, 100, 10, 0].map(|idle| speak(Vigil::Seen, idle)), [Some(1620), Some(90), Some(30), Some(30)]);
        assert_eq!(speak(Vigil::Left, 60), None);
    }
}
