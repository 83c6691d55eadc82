//! How long each part of a try to connect may take.
//!
//! Each part has a limit as a whole beside the limit for each answer: a server, or somebody on the way, that sends one byte a
//! second is on time with every byte and never done.

use super::Limits;
use crate::route::Route;
use std::time::Duration;
use tokio::time::Instant;

/// Steps of a login as a whole: three or four answers that are each on time.
const LOGIN: u32 = 2;
/// Steps after which no further place is tried.
const PLACES: u32 = 4;
/// On a route of several hops everything takes longer.
const FAR: u32 = 3;

/// The times of one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// One that goes to a place near by; the route itself gives what is far more ([`crate::net::Door::dial`]).
    pub dial: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// Asking for TLS (RFC 6120 §5).
    pub negotiate: Turns,
    /// From the first stream header inside TLS to the session.
    pub login: Turns,
    /// After this no further place is tried.
    pub places: Duration,
    /// A sign of life once the network has changed.
    pub probe: Duration,
}

/// The times of a stream that is being set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turns {
    /// Each thing that is said or answered.
    pub each: Duration,
    /// All of them together.
    pub all: Duration,
}

impl Turns {
    /// When the next of them must be done, if all must be at `until`.
    pub(crate) fn next(&self, until: Instant) -> Instant {
        until.min(Instant::now() + self.each)
    }
}

impl Patience {
    /// Those of a route. Behind a SOCKS5 proxy may be Tor.
    pub(crate) fn of(limits: &Limits, route: &Route) -> Patience {
        let far = if *route == Route::Direct { 1 } else { FAR };
        let step = limits.step * far;
        Patience {
            dial: limits.step,
            tls: step,
            negotiate: Turns { each: step, all: step },
            login: Turns { each: step, all: step * LOGIN },
            places: step * PLACES,
            probe: limits.answer / 4 * far,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tor_is_given_more_time_and_each_part_has_an_end() {
        let limits = Limits::default();
        let near = Patience::of(&limits, &Route::Direct);
        let far = Patience::of(&limits, &Route::Tor);
        assert_eq!((near.tls, far.tls), (Duration::from_secs(20), Duration::from_secs(60)));
        assert_eq!((near.login.all, far.login.all), (Duration::from_secs(40), Duration::from_secs(120)));
        assert_eq!((near.probe, far.probe), (Duration::from_secs(5), Duration::from_secs(15)));
        assert_eq!(far, Patience::of(&limits, &Route::Socks5 { host: "127.0.0.1".into(), port: 9050 }));
    }
}
