//! The route `direct`: names are resolved here, and TCP goes straight to the host. Also the way to a proxy's own door.

use super::{Dialled, Fuse, address, prompt};
use crate::error::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Addresses of one host that are tried.
const ADDRESSES: usize = 8;
/// How long an address may be silent before the next is tried beside it.
const STAGGER: Duration = Duration::from_millis(250);

/// Opens a byte stream to the first of the host's addresses that answers, each given `step`.
///
/// Errors: `UnknownHost`, `Unreachable`, `TimedOut`, about the host.
pub(super) async fn dial(host: &str, port: u16, step: Duration, fuse: &Fuse) -> Result<Dialled, Error> {
    let about = |kind| Error::about(kind, format!("{host}:{port}"));
    let addresses: Vec<SocketAddr> = match address(host) {
        Some(ip) => vec![SocketAddr::new(ip, port)],
        None => match timeout(step, lookup_host((host, port))).await {
            Ok(Ok(found)) => found.take(ADDRESSES).collect(),
            Ok(Err(_)) => return Err(Error::about(ErrorKind::UnknownHost, host)),
            Err(_) => return Err(about(ErrorKind::TimedOut)),
        },
    };
    if addresses.is_empty() {
        return Err(Error::about(ErrorKind::UnknownHost, host));
    }
    let stream = first(addresses, step).await.map_err(about)?;
    // Stanzas are small and are written whole: waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let local = stream.local_addr().ok().map(|local| local.ip());
    Ok(Dialled { socket: Box::new(prompt::Prompt::new(stream, fuse.clone())), local })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_port_is_unreachable_and_names_the_place() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = dial("127.0.0.1", port, Duration::from_secs(5), &Fuse::default()).await.err().unwrap();
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
}
