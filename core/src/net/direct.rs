//! The route `direct`: names are resolved here, and TCP goes straight to the host. Also the way to a proxy's own door.

use super::race::{Answer, race};
use super::{Dialled, Fuse, address, dns, prompt};
use crate::error::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;

/// Opens a byte stream to the first of the host's addresses that answers, all in all within `step`.
///
/// Errors: `UnknownHost`, `Unreachable`, `TimedOut`, about the host.
pub(super) async fn dial(host: &str, port: u16, step: Duration, fuse: &Fuse) -> Result<Dialled, Error> {
    let stream = race(questions(host), move |ip: IpAddr| TcpStream::connect(SocketAddr::new(ip, port)), step).await;
    let stream = stream.map_err(|kind| match kind {
        ErrorKind::UnknownHost => Error::about(kind, host),
        kind => Error::about(kind, format!("{host}:{port}")),
    })?;
    // Stanzas are small and are written whole: waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let local = stream.local_addr().ok().map(|local| local.ip());
    Ok(Dialled { socket: Box::new(prompt::Prompt::new(stream, fuse.clone())), local })
}

/// Asks for the addresses of a host. DNS is asked about both families apart, so that one can be had without the other; what
/// it does not know, the system may (its hosts, mDNS).
fn questions(host: &str) -> JoinSet<Answer> {
    let mut questions = JoinSet::new();
    if let Some(ip) = address(host) {
        questions.spawn(async move { Answer::Both(vec![ip]) });
        return questions;
    }
    match dns::is_global(host).then(dns::resolver).flatten() {
        Some(resolver) => ask(&mut questions, resolver, host),
        None => {
            let host = host.to_owned();
            questions.spawn(async move { Answer::Both(system(&host).await) });
        }
    }
    questions
}

fn ask(questions: &mut JoinSet<Answer>, resolver: dns::Resolver, host: &str) {
    let (found, mut other) = tokio::sync::watch::channel(None);
    let (asking, name) = (resolver.clone(), host.to_owned());
    questions.spawn(async move {
        let addresses = dns::addresses(&asking, &name, true).await;
        let _ = found.send(Some(!addresses.is_empty()));
        Answer::Six(addresses)
    });
    let name = host.to_owned();
    questions.spawn(async move {
        let addresses = dns::addresses(&resolver, &name, false).await;
        let six = async { other.wait_for(Option::is_some).await.is_ok_and(|found| *found == Some(true)) };
        if addresses.is_empty() && !six.await { Answer::Both(system(&name).await) } else { Answer::Four(addresses) }
    });
}

/// What the system knows.
async fn system(host: &str) -> Vec<IpAddr> {
    lookup_host((host, 0)).await.map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

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
    async fn the_others_hear_nothing() {
        let listen = async || tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listeners = [listen().await, listen().await];
        let places = [0, 1].map(|n| listeners[n].local_addr().unwrap());
        // Both addresses are taken; where each leads is ours to say here.
        let mut questions = JoinSet::new();
        questions.spawn(async { Answer::Both(vec!["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()]) });
        let connect = move |ip: IpAddr| {
            let slow = ip == "192.0.2.1".parse::<IpAddr>().unwrap();
            async move {
                let stream = TcpStream::connect(places[usize::from(!slow)]).await?;
                if slow {
                    // Connected, and no longer wanted.
                    std::future::pending::<()>().await;
                }
                Ok(stream)
            }
        };
        let mut stream = race(questions, connect, Duration::from_secs(60)).await.unwrap();
        stream.write_all(b"<stream").await.unwrap();
        drop(stream);
        for (listener, heard) in listeners.iter().zip(["", "<stream"]) {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut words = String::new();
            socket.read_to_string(&mut words).await.unwrap();
            assert_eq!(words, heard);
        }
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_asked_of_the_system() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(dial("localhost", port, Duration::from_secs(60), &Fuse::default()).await.is_ok());
    }
}
