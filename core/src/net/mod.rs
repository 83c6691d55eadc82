//! The network: the only place that opens a socket or resolves a name.
//!
//! [`endpoints`] says where a domain's XMPP service may be, [`dial`] opens a byte stream to one of them, [`tls`] puts
//! TLS around it. Today there is one route, straight to the host; another route (Tor, SOCKS) is another way to make a
//! [`Socket`] of a host name and a port, and resolves nothing here.

mod dns;
pub(crate) mod tls;

use crate::command::Tls;
use crate::error::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
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

/// Opens a byte stream to an endpoint: each of its addresses in turn, each given `step`.
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
    let mut error = Error::about(ErrorKind::UnknownHost, endpoint.host.as_str());
    for address in addresses {
        match timeout(step, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Stanzas are small and are written whole: waiting for more to send only delays them.
                let _ = stream.set_nodelay(true);
                return Ok(Box::new(stream));
            }
            Ok(Err(_)) => error = about(ErrorKind::Unreachable),
            Err(_) => error = about(ErrorKind::TimedOut),
        }
    }
    Err(error)
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

    #[test]
    fn address_literals_are_known() {
        assert!(address("[::1]").is_some() && address("::1").is_some() && address("192.0.2.1").is_some());
        assert!(address("x.test").is_none() && address("[192.0.2.1").is_none());
    }
}
