//! Places that are not the server: a captive portal, somebody else's certificate, a hole. Over real sockets, through the
//! whole way from the account to the first word of XMPP; each ends in a kind of its own, and is tried again.

use super::fake::settings;
use crate::command::Tls;
use crate::error::ErrorKind;
use crate::net::Net;
use crate::wire::{EVENTS, FromWire, Limits, ORDERS, Settings, run};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

const PATIENT: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

/// The first try at this port: the kind, and whether another follows.
async fn tries(port: u16, tls: Tls, step: Duration) -> (Option<ErrorKind>, bool) {
    let limits = Limits { step, ..Limits::default() };
    let settings = Settings { host: Some("127.0.0.1".into()), port: Some(port), tls, limits, ..settings() };
    let door = Arc::new(Net::new("/nonexistent".into(), Arc::default())).door(settings.route.clone(), "x");
    let (events, mut told) = mpsc::channel(EVENTS);
    let (_commands, orders) = mpsc::channel(ORDERS);
    let wire = tokio::spawn(run(settings, door, events, orders, StdRng::seed_from_u64(1)));
    let end = loop {
        match told.recv().await.unwrap() {
            FromWire::Offline { error, retry } => break (error.map(|error| error.kind), retry.is_some()),
            FromWire::Connecting => {}
            _ => panic!("something came of it"),
        }
    };
    wire.abort();
    end
}

/// Listens, and does this with each connection.
async fn place<F: Future<Output = ()> + Send>(does: impl Fn(TcpStream) -> F + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            does(socket).await;
        }
    });
    port
}

const BOTH: [Tls; 2] = [Tls::StartTls, Tls::Direct];

#[tokio::test]
async fn a_portal_that_answers_in_http_is_no_xmpp_server() {
    for tls in BOTH {
        let port = place(async |mut socket: TcpStream| {
            let _ = socket.read(&mut [0; 4096]).await;
            let words = b"HTTP/1.1 302 Found\r\nLocation: http://portal.test/login\r\nContent-Length: 0\r\n\r\n";
            let _ = socket.write_all(words).await;
            // What is left unread when a socket goes takes our answer along.
            while socket.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
        })
        .await;
        assert_eq!(tries(port, tls, PATIENT).await, (Some(ErrorKind::NotXmpp), true), "{tls:?}");
    }
}

#[tokio::test]
async fn a_portal_with_a_certificate_of_its_own_is_not_trusted() {
    let own = rcgen::generate_simple_self_signed(["portal.test".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let port = place(move |socket| {
        let acceptor = acceptor.clone();
        async move { drop(acceptor.accept(socket).await) }
    })
    .await;
    assert_eq!(tries(port, Tls::Direct, PATIENT).await, (Some(ErrorKind::CertificateUntrusted), true));
}

#[tokio::test]
async fn who_hangs_up_is_told_from_who_is_not_there() {
    for tls in BOTH {
        let port = place(async |socket| drop(socket)).await;
        assert_eq!(tries(port, tls, PATIENT).await, (Some(ErrorKind::Disconnected), true), "{tls:?}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert_eq!(tries(closed, Tls::Direct, PATIENT).await, (Some(ErrorKind::Unreachable), true));
}

#[tokio::test]
async fn a_hole_is_given_up_in_time() {
    for tls in BOTH {
        // Takes everything and says nothing.
        let port = place(async |socket| {
            tokio::spawn(async move {
                let mut socket = socket;
                while socket.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
            });
        })
        .await;
        assert_eq!(tries(port, tls, SHORT).await, (Some(ErrorKind::TimedOut), true), "{tls:?}");
    }
    // Drops packets: a listener whose queue is full (Linux: backlog 0 holds one connection).
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let full = listener.local_addr().unwrap();
    let _kept = TcpStream::connect(full).await.unwrap();
    assert_eq!(tries(full.port(), Tls::Direct, SHORT).await, (Some(ErrorKind::TimedOut), true));
}

#[tokio::test]
async fn who_is_on_the_way_stops_no_account_and_leads_it_nowhere_before_tls() {
    for condition in ["conflict", "not-authorized", "see-other-host"] {
        let header =
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
        let error = format!("<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'>127.0.0.1:1</{condition}>");
        let words = format!("{header}<stream:error>{error}</stream:error>");
        let port = place(move |mut socket| {
            let words = words.clone();
            async move {
                let _ = socket.write_all(words.as_bytes()).await;
                while socket.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
            }
        })
        .await;
        assert_eq!(tries(port, Tls::StartTls, PATIENT).await, (Some(ErrorKind::StreamRefused), true), "{condition}");
    }
}
