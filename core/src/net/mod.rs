//! The network: the only place that opens a socket or resolves a name.
//!
//! A [`Door`] is one account's way out: it says where a domain's XMPP service may be and opens a byte stream to it, by the
//! account's route and no other; [`tls`] puts TLS around that. Whatever else an account may come to fetch goes through the
//! same door. On another route than `direct` no name is resolved here, and a failure of the route is a failure: there is
//! nothing to fall back to.

mod direct;
mod dns;
#[cfg(test)]
pub(crate) mod flights;
mod fuse;
mod pace;
mod prompt;
mod race;
mod socks;
pub(crate) mod tls;
#[cfg(feature = "tor")]
mod tor;
#[cfg(not(feature = "tor"))]
#[path = "no_tor.rs"]
mod tor;

pub(crate) use fuse::Fuse;
#[cfg(test)]
pub(crate) use pace::A_MINUTE;
pub(crate) use pace::Pace;

use crate::command::Tls;
use crate::error::{Error, ErrorKind};
use crate::query::TorBoard;
use crate::route::Route;
use socks::Credentials;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream to a server, whatever the route.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A byte stream of some route.
pub(crate) type Socket = Box<dyn Stream>;

/// The service to be found.
pub(crate) struct Target<'a> {
    /// Domain in ASCII form (RFC 5890 A-labels), or an address literal.
    pub domain: &'a str,
    /// What a person gave instead of DNS.
    pub host: Option<&'a str>,
    pub port: Option<u16>,
    pub tls: Tls,
}

/// A byte stream that was opened.
pub(crate) struct Dialled {
    pub socket: Socket,
    /// Our own end, where it is on a network of this device.
    pub local: Option<IpAddr>,
}

/// A place where the service may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub host: String,
    pub port: u16,
    /// TLS begins at once (XEP-0368).
    pub direct: bool,
}

/// What the accounts of one client share of the network, and what keeps them apart there.
pub(crate) struct Net {
    tor: tor::Tor,
    apart: Mutex<HashMap<String, Apart>>,
}

/// What tells an account's traffic from that of others on a route that several share. Random, and new in each process: it
/// says nothing of the account.
#[derive(Clone)]
struct Apart {
    credentials: Arc<Credentials>,
    token: tor::Token,
    pace: Arc<Pace>,
}

/// One account's only way to the network.
#[derive(Clone)]
pub(crate) struct Door {
    net: Arc<Net>,
    route: Route,
    apart: Apart,
    fuse: Fuse,
}

impl Net {
    /// A network whose Tor keeps its files in `folder`, made once it is needed.
    pub(crate) fn new(folder: PathBuf, board: Arc<TorBoard>) -> Net {
        Net { tor: tor::Tor::new(folder, board), apart: Mutex::default() }
    }

    /// The door of the account that is called `whose` among the accounts of this client.
    pub(crate) fn door(self: &Arc<Net>, route: Route, whose: &str) -> Door {
        let mut known = self.apart.lock().expect("no holder of this lock panics");
        let fresh =
            || Apart { credentials: Arc::new(Credentials::random()), token: tor::Token::new(), pace: Arc::default() };
        let apart = known.entry(whose.to_owned()).or_insert_with(fresh).clone();
        drop(known);
        Door { net: self.clone(), route, apart, fuse: Fuse::default() }
    }

    /// Nobody looks: Tor does what it must and nothing more.
    pub(crate) fn rest(&self, rest: bool) {
        self.tor.rest(rest);
    }
}

impl Door {
    /// What closes this door and its copies for good.
    pub(crate) fn fuse(&self) -> Fuse {
        self.fuse.clone()
    }

    /// How often this account may connect, over all its doors in this process.
    pub(crate) fn pace(&self) -> Arc<Pace> {
        self.apart.pace.clone()
    }

    fn is_open(&self) -> Result<(), Error> {
        if self.fuse.is_blown() { Err(ErrorKind::Disconnected.into()) } else { Ok(()) }
    }

    /// Where to try, in order; never empty. DNS is asked on the route `direct` only: on others it is the domain itself at
    /// the standard port, unless a person said otherwise.
    ///
    /// Errors: `Unreachable` if the domain says that it has no such service (RFC 2782, target `.`); `Disconnected` if the
    /// door was closed.
    pub(crate) async fn endpoints(
        &self,
        target: &Target<'_>,
        step: Duration,
        rng: &mut (impl rand::Rng + Send),
    ) -> Result<Vec<Endpoint>, Error> {
        self.is_open()?;
        let direct = target.tls == Tls::Direct;
        let port = target.port.unwrap_or(if direct { 5223 } else { 5222 });
        let literal = address(target.domain).is_some() || target.domain == "localhost";
        if self.route != Route::Direct || target.host.is_some() || target.port.is_some() || literal {
            let host = target.host.unwrap_or(target.domain).to_owned();
            return Ok(vec![Endpoint { host, port, direct }]);
        }
        if is_onion(target.domain) {
            return Err(Error::about(ErrorKind::OnionNeedsTor, target.domain));
        }
        let plain =
            async { if direct { dns::Answer::None } else { dns::services("_xmpp-client", target.domain, step).await } };
        let secure = async {
            if target.tls == Tls::StartTls {
                dns::Answer::None
            } else {
                dns::services("_xmpps-client", target.domain, step).await
            }
        };
        let (plain, secure) = tokio::join!(plain, secure);
        let fallback = Endpoint { host: target.domain.to_owned(), port, direct };
        let found = dns::order(plain, secure, fallback, rng);
        if found.is_empty() { Err(Error::about(ErrorKind::Unreachable, target.domain)) } else { Ok(found) }
    }

    /// Opens a byte stream to an endpoint by this door's route. `step` is the patience for one thing that is near; what is
    /// far, as Tor's other end, is given more.
    ///
    /// Errors, about the place or the route: `UnknownHost`, `Unreachable`, `TimedOut`; `OnionNeedsTor`, `OnionUnreachable`;
    /// `ProxyUnreachable`, `NotSocks`; `NoTor`, `TorUnreachable`, `File`; `RouteRefused`. `Disconnected` if the door was
    /// closed.
    pub(crate) async fn dial(&self, endpoint: &Endpoint, step: Duration) -> Result<Dialled, Error> {
        self.is_open()?;
        let host = endpoint.host.trim_start_matches('[').trim_end_matches(']');
        match &self.route {
            Route::Direct if is_onion(host) => Err(Error::about(ErrorKind::OnionNeedsTor, host)),
            Route::Direct => direct::dial(host, endpoint.port, step, &self.fuse).await,
            Route::Socks5 { host: proxy, port } => {
                let proxy = socks::Proxy { host: proxy, port: *port, credentials: &self.apart.credentials };
                proxy.dial(&far_name(host)?, endpoint.port, step, &self.fuse).await
            }
            Route::Tor => {
                let socket = self.net.tor.dial(&far_name(host)?, endpoint.port, &self.apart.token, step).await?;
                Ok(Dialled { socket, local: None })
            }
        }
    }
}

/// The address that a host name literally is; IPv6 may stand in brackets, as it does in a JID.
fn address(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// Whether a name is Tor's to resolve (RFC 7686 §2: others must not even ask DNS for it).
pub(crate) fn is_onion(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host.len() >= 6 && host.as_bytes()[host.len() - 6..].eq_ignore_ascii_case(b".onion")
}

/// Whether an address is still one of this device's: one that is not takes its streams along. Nothing is sent.
pub(crate) fn is_ours(address: IpAddr) -> bool {
    let bound = std::net::UdpSocket::bind((address, 0));
    !matches!(bound, Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable)
}

/// A host as somebody else names it, in the form that is dialled; none if it is no name and no address.
pub(crate) fn host_name(host: &str) -> Option<String> {
    if address(host).is_some() {
        return Some(host.to_owned());
    }
    let name = idna::domain_to_ascii_strict(host).ok()?;
    (1..=253).contains(&name.len()).then_some(name)
}

/// A name as the far end of a route is given it: ASCII, and short enough for its length to fit one byte.
fn far_name(host: &str) -> Result<String, Error> {
    if address(host).is_some() {
        return Ok(host.to_owned());
    }
    let name = idna::domain_to_ascii(host).ok().filter(|name| (1..=255).contains(&name.len()));
    name.ok_or_else(|| Error::about(ErrorKind::InvalidInput, "--host"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    pub(super) fn door(route: Route) -> Door {
        Arc::new(Net::new("/nonexistent".into(), Arc::default())).door(route, "x")
    }

    async fn where_is(route: Route, domain: &str, host: Option<&str>, port: Option<u16>, tls: Tls) -> Vec<Endpoint> {
        let target = Target { domain, host, port, tls };
        door(route).endpoints(&target, Duration::from_secs(1), &mut StdRng::seed_from_u64(1)).await.unwrap()
    }

    fn at(host: &str, port: u16, direct: bool) -> Vec<Endpoint> {
        vec![Endpoint { host: host.into(), port, direct }]
    }

    #[tokio::test]
    async fn what_a_person_gave_is_taken_without_asking_dns() {
        let where_is = |domain, host, port, tls| where_is(Route::Direct, domain, host, port, tls);
        assert_eq!(where_is("x.test", Some("h.test"), None, Tls::Auto).await, at("h.test", 5222, false));
        assert_eq!(where_is("x.test", Some("h.test"), None, Tls::Direct).await, at("h.test", 5223, true));
        assert_eq!(where_is("x.test", None, Some(443), Tls::Direct).await, at("x.test", 443, true));
        assert_eq!(where_is("127.0.0.1", None, None, Tls::Auto).await, at("127.0.0.1", 5222, false));
    }

    #[tokio::test(start_paused = true)]
    async fn on_another_route_dns_is_not_asked() {
        // With time standing still a question would never be answered, and its time-out would be over at once.
        let before = tokio::time::Instant::now();
        for route in [Route::Tor, Route::Socks5 { host: "127.0.0.1".into(), port: 9050 }] {
            let found = where_is(route.clone(), "x.test", None, None, Tls::Auto).await;
            assert_eq!(found, at("x.test", 5222, false));
            assert_eq!(where_is(route, "x.test", None, None, Tls::Direct).await, at("x.test", 5223, true));
        }
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test]
    async fn an_onion_address_is_never_asked_of_dns_or_dialled_directly() {
        let name = "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.ONION.";
        let door = door(Route::Direct);
        let target = Target { domain: name, host: None, port: None, tls: Tls::Auto };
        let error = door.endpoints(&target, Duration::from_secs(5), &mut StdRng::seed_from_u64(1)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::OnionNeedsTor);
        let error = door.dial(&at(name, 5222, false)[0], Duration::from_secs(5)).await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::OnionNeedsTor);
        assert!(!is_onion("onion") && !is_onion("onion.test") && is_onion("a.onion") && !is_onion("ünion"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_door_that_was_closed_asks_and_opens_nothing_by_any_route() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for route in [Route::Direct, Route::Tor, Route::Socks5 { host: "127.0.0.1".into(), port }] {
            let (door, step) = (door(route), Duration::from_secs(1));
            door.clone().fuse().blow();
            let target = Target { domain: "x.test", host: None, port: None, tls: Tls::Auto };
            let asked = door.endpoints(&target, step, &mut StdRng::seed_from_u64(1)).await;
            let opened = door.dial(&at("127.0.0.1", port, false)[0], step).await;
            let kinds = [asked.err(), opened.err()].map(|error| error.unwrap().kind);
            assert_eq!(kinds, [ErrorKind::Disconnected; 2]);
        }
    }

    #[test]
    fn accounts_are_kept_apart_and_each_stays_what_it_is() {
        let net = Arc::new(Net::new("/nonexistent".into(), Arc::default()));
        let secret = |whose| net.door(Route::Tor, whose).apart.credentials.clone();
        assert!(Arc::ptr_eq(&secret("a"), &secret("a")));
        assert_ne!(secret("a").user, secret("b").user);
        assert_ne!(secret("a").password, secret("b").password);
    }

    #[test]
    fn an_address_of_this_device_is_told_from_one_that_is_gone() {
        assert!(is_ours("127.0.0.1".parse().unwrap()));
        // Of a block that is for documents only (RFC 5737).
        assert!(!is_ours("192.0.2.77".parse().unwrap()));
    }

    #[test]
    fn address_literals_are_known() {
        assert!(address("[::1]").is_some() && address("::1").is_some() && address("192.0.2.1").is_some());
        assert!(address("x.test").is_none() && address("[192.0.2.1").is_none());
    }
}
