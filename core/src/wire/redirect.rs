//! Another host that the server sends us to (RFC 6120 §4.9.3.19).
//!
//! It is followed only when the server said so inside TLS, and only once for each time: the way there is the account's
//! route, the certificate has to be for the account's domain, what is remembered of the server holds there too, and the
//! stream is opened to the same domain. So whoever can send us somewhere gains nothing that they did not have. From an onion
//! service nothing leads to a place that is none.

use crate::net::{Endpoint, host_name, is_onion};
use std::time::Duration;
use tokio::time::Instant;

/// So many are followed in a row; then it is a circle.
const HOPS: u32 = 2;
/// After so long without one the row has ended.
const ROW: Duration = Duration::from_secs(60);

/// Where the last connection was, and where the next is to be.
#[derive(Default)]
pub(crate) struct Redirect {
    at: Option<Endpoint>,
    next: Option<Endpoint>,
    hops: u32,
    last: Option<Instant>,
}

impl Redirect {
    /// A connection to this place stands.
    pub(crate) fn reached(&mut self, endpoint: Endpoint) {
        self.at = Some(endpoint);
    }

    /// The place to try before all others, once.
    pub(crate) fn take(&mut self) -> Option<Endpoint> {
        self.next.take()
    }

    /// The server would have its stream resumed there: tried once before all others, by the same rules. `begun` stands for
    /// where we were, if that was in another process.
    pub(crate) fn prefer(&mut self, place: &str, begun: Endpoint, onions: bool) {
        let at = self.at.as_ref().unwrap_or(&begun);
        if self.next.is_some() {
            return;
        }
        self.next = endpoint(place, at.direct).filter(|next| match is_onion(&next.host) {
            true => onions,
            false => !is_onion(&at.host) && !is_onion(&begun.host),
        });
    }

    /// The server names this place. Whether it is gone to; `onions`: the route leads to onion services.
    pub(crate) fn to(&mut self, place: &str, onions: bool) -> bool {
        let Some(at) = &self.at else { return false };
        let now = Instant::now();
        if self.last.is_none_or(|last| now - last > ROW) {
            self.hops = 0;
        }
        let Some(next) = endpoint(place, at.direct) else { return false };
        let leaves_onion = is_onion(&at.host) && !is_onion(&next.host);
        if self.hops >= HOPS || leaves_onion || (is_onion(&next.host) && !onions) {
            return false;
        }
        (self.hops, self.last, self.next) = (self.hops + 1, Some(now), Some(next));
        true
    }
}

/// `host`, `host:port`, `192.0.2.1`, `[2001:db8::1]` or `[2001:db8::1]:port`; without a port the usual one. TLS begins as it
/// began where we were sent from.
fn endpoint(place: &str, direct: bool) -> Option<Endpoint> {
    let usual = if direct { 5223 } else { 5222 };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
        _ => (place, usual),
    };
    (port != 0).then_some(Endpoint { host: host_name(host)?, port, direct })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str) -> Redirect {
        let mut redirect = Redirect::default();
        redirect.reached(Endpoint { host: host.into(), port: 5222, direct: false });
        redirect
    }

    fn leads(from: &str, place: &str, onions: bool) -> Option<String> {
        let mut redirect = at(from);
        let goes = redirect.to(place, onions);
        let next = redirect.take();
        assert_eq!(goes, next.is_some());
        next.map(|next| format!("{} {}", next.host, next.port))
    }

    #[tokio::test]
    async fn places_are_read_as_the_rfc_writes_them_and_nothing_else_is_gone_to() {
        for (place, leads_to) in [
            ("b.test", Some("b.test 5222")),
            ("b.test:9222", Some("b.test 9222")),
            ("bücher.test", Some("xn--bcher-kva.test 5222")),
            ("192.0.2.1:1", Some("192.0.2.1 1")),
            ("[2001:db8::1]", Some("[2001:db8::1] 5222")),
            ("[2001:db8::1]:9222", Some("[2001:db8::1] 9222")),
            ("2001:db8::1", Some("2001:db8::1 5222")),
            ("", None),
            (":5222", None),
            ("b.test:0", None),
            ("b.test:99999", None),
            ("b.test:x", None),
            ("b test", None),
            ("b.test/path", None),
            ("user@b.test", None),
            ("http://b.test", None),
        ] {
            assert_eq!(leads("a.test", place, false).as_deref(), leads_to, "{place}");
        }
        assert!(!Redirect::default().to("b.test", false), "said before there was a connection");
    }

    #[tokio::test]
    async fn an_onion_service_is_not_left_and_not_reached_without_tor() {
        let onion = format!("{}.onion", "a".repeat(56));
        assert_eq!(leads(&onion, "b.test", true), None);
        assert!(leads(&onion, &onion, true).is_some());
        assert!(leads("a.test", &onion, true).is_some());
        assert_eq!(leads("a.test", &onion, false), None);
    }

    #[tokio::test]
    async fn a_stream_is_resumed_where_its_server_would_have_it_and_no_onion_service_is_left_for_that() {
        let onion = format!("{}.onion", "a".repeat(56));
        for (home, place, onions, leads_to) in [
            ("a.test", "b.test:9222", false, Some("b.test 9222")),
            ("a.test", "b test", false, None),
            ("a.test", onion.as_str(), false, None),
            (onion.as_str(), "b.test", true, None),
            (onion.as_str(), onion.as_str(), true, Some(format!("{onion} 5222").as_str())),
        ] {
            let mut redirect = Redirect::default();
            redirect.prefer(place, Endpoint { host: home.into(), port: 0, direct: false }, onions);
            let next = redirect.take().map(|next| format!("{} {}", next.host, next.port));
            assert_eq!(next.as_deref(), leads_to, "{place}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_circle_ends() {
        let mut redirect = at("a.test");
        let followed = |redirect: &mut Redirect| (0..10).filter(|_| redirect.to("b.test", false)).count();
        assert_eq!(followed(&mut redirect), 2);
        tokio::time::advance(ROW + Duration::from_secs(1)).await;
        assert_eq!(followed(&mut redirect), 2, "a server may move us again another time");
    }
}
