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
}
