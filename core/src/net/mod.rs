//! The network: the only place that opens a socket or resolves a name.
//!
//! [`endpoints`] says where a domain's XMPP service may be, [`dial`] opens a byte stream to one of them, [`tls`] puts
//! TLS around it. Today there is one route, straight to the host; another route (Tor, SOCKS) is another way to make a
//! [`Socket`] of a host name and a port, and resolves nothing here.

mod dns;
mod prompt;
pub(crate) mod tls;

use crate::command::Tls;
use crate::error::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;

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

/// A place where the service may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub host: String,
    pub port: u16,
    /// TLS begins at once (XEP-0368).
    pub direct: bool,
}

/// Addresses of one host that are tried.
const ADDRESSES: usize = 8;
/// How long an address may be silent before the next is tried beside it.
const STAGGER: Duration = Duration::from_millis(250);

/// Where to try, in order; never empty.
///
/// Errors: `Unreachable` if the domain says that it has no such service (RFC 2782, target `.`).
pub(crate) async fn endpoints(
    target: &Target<'_>,
    step: Duration,
    rng: &mut (impl rand::Rng + Send),
) -> Result<Vec<Endpoint>, Error> {
    let direct = target.tls == Tls::Direct;
    let port = target.port.unwrap_or(if direct { 5223 } else { 5222 });
    let literal = address(target.domain).is_some() || target.domain == "localhost";
    if target.host.is_some() || target.port.is_some() || literal {
        let host = target.host.unwrap_or(target.domain).to_owned();
        return Ok(vec![Endpoint { host, port, direct }]);
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

/// Opens a byte stream to an endpoint: the first of its addresses that answers, each given `step`.
///
/// Errors: `UnknownHost`, `Unreachable`, `TimedOut`, about the host.
pub(crate) async fn dial(endpoint: &Endpoint, step: Duration) -> Result<Socket, Error> {
    let about = |kind| Error::about(kind, format!("{}:{}", endpoint.host, endpoint.port));
    let addresses: Vec<SocketAddr> = match address(&endpoint.host) {
        Some(ip) => vec![SocketAddr::new(ip, endpoint.port)],
        None => match timeout(step, lookup_host((endpoint.host.as_str(), endpoint.port))).await {
            Ok(Ok(found)) => found.take(ADDRESSES).collect(),
            Ok(Err(_)) => return Err(Error::about(ErrorKind::UnknownHost, endpoint.host.as_str())),
            Err(_) => return Err(about(ErrorKind::TimedOut)),
        },
    };
    if addresses.is_empty() {
        return Err(Error::about(ErrorKind::UnknownHost, endpoint.host.as_str()));
    }
    let stream = first(addresses, step).await.map_err(about)?;
    // Stanzas are small and are written whole: waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    Ok(Box::new(prompt::Prompt::new(stream)))
}

/// The first address that answers. A silent one holds the next back only for a moment (RFC 8305 section 5), so that a
/// network whose IPv6 leads nowhere does not cost a whole step.
async fn first(addresses: Vec<SocketAddr>, step: Duration) -> Result<TcpStream, ErrorKind> {
    let mut addresses = addresses.into_iter();
    let mut tries = JoinSet::new();
    let mut error = ErrorKind::Unreachable;
    loop {
        match addresses.next() {
            Some(address) => {
                tries.spawn(timeout(step, TcpStream::connect(address)));
            }
            None if tries.is_empty() => return Err(error),
            None => {}
        }
        let stagger = if addresses.len() > 0 { STAGGER } else { step };
        match timeout(stagger, tries.join_next()).await {
            Ok(Some(Ok(Ok(Ok(stream))))) => return Ok(stream),
            Ok(Some(Ok(Err(_)))) => error = ErrorKind::TimedOut,
            Ok(_) => error = ErrorKind::Unreachable,
            // Still silent: the next one runs beside it.
            Err(_) => {}
        }
    }
}

/// The address that a host name literally is; IPv6 may stand in brackets, as it does in a JID.
fn address(host: &str) -> Option<std::net::IpAddr> {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    async fn where_is(domain: &str, host: Option<&str>, port: Option<u16>, tls: Tls) -> Vec<Endpoint> {
        let target = Target { domain, host, port, tls };
        endpoints(&target, Duration::from_secs(1), &mut StdRng::seed_from_u64(1)).await.unwrap()
    }

    fn at(host: &str, port: u16, direct: bool) -> Vec<Endpoint> {
        vec![Endpoint { host: host.into(), port, direct }]
    }

    #[tokio::test]
    async fn what_a_person_gave_is_taken_without_asking_dns() {
        assert_eq!(where_is("x.test", Some("h.test"), None, Tls::Auto).await, at("h.test", 5222, false));
        assert_eq!(where_is("x.test", Some("h.test"), None, Tls::Direct).await, at("h.test", 5223, true));
        assert_eq!(where_is("x.test", None, Some(443), Tls::Direct).await, at("x.test", 443, true));
        assert_eq!(where_is("127.0.0.1", None, None, Tls::Auto).await, at("127.0.0.1", 5222, false));
    }

    #[tokio::test]
    async fn a_closed_port_is_unreachable_and_names_the_place() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = dial(&at("127.0.0.1", port, false)[0], Duration::from_secs(5)).await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::Unreachable);
        assert_eq!(error.subject, format!("127.0.0.1:{port}"));
    }

    #[tokio::test]
    async fn an_address_that_refuses_is_passed_over() {
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let stream = first(vec![closed, closed, open], Duration::from_secs(5)).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        assert_eq!(first(vec![closed, closed], Duration::from_secs(5)).await.err(), Some(ErrorKind::Unreachable));
    }

    #[tokio::test]
    async fn an_address_that_is_silent_does_not_hold_the_next_back() {
        // A listener whose queue is full drops what comes (Linux: backlog 0 holds one connection).
        let silent = tokio::net::TcpSocket::new_v4().unwrap();
        silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let silent = silent.listen(0).unwrap();
        let full = silent.local_addr().unwrap();
        let _kept = TcpStream::connect(full).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let stream = first(vec![full, open], Duration::from_secs(60)).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
    }

    #[test]
    fn address_literals_are_known() {
        assert!(address("[::1]").is_some() && address("::1").is_some() && address("192.0.2.1").is_some());
        assert!(address("x.test").is_none() && address("[192.0.2.1").is_none());
    }
}
