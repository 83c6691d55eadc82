//! The client's half of SOCKS5 (RFC 1928) with a name and password (RFC 1929), which are no secret here: a Tor behind the
//! proxy keeps streams with different ones on different circuits.
//!
//! The host always goes out as a name (address type 3), so that it is resolved at the far end; addresses too.

use super::{Dialled, Fuse, Socket, direct, is_onion};
use crate::error::{Error, ErrorKind};
use rand::RngExt;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Steps that the proxy may take to reach the far end: behind it may be Tor, which has an onion service to find first.
const FAR: u32 = 4;

/// Method 2 before method 0: a proxy that knows both is told who is to be kept apart.
const GREETING: [u8; 4] = [5, 2, 2, 0];

/// A name and a password that mean nothing but "not the same as others".
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

impl Credentials {
    pub(super) fn random() -> Credentials {
        let word = || format!("{:032x}", rand::rng().random::<u128>());
        Credentials { user: word(), password: word() }
    }
}

/// A proxy, and as whom to use it.
pub(super) struct Proxy<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) credentials: &'a Credentials,
}

impl Proxy<'_> {
    /// Opens a byte stream through the proxy to a host by its name.
    ///
    /// Errors: `ProxyUnreachable` and `NotSocks` about the proxy; `Unreachable`, `TimedOut`, `OnionUnreachable` and
    /// `RouteRefused` about the place.
    pub(super) async fn dial(&self, host: &str, port: u16, step: Duration, fuse: &Fuse) -> Result<Dialled, Error> {
        let proxy = |kind| Error::about(kind, format!("{}:{}", self.host, self.port));
        let dialled = direct::dial(self.host, self.port, step, fuse).await;
        let Dialled { mut socket, local } = dialled.map_err(|_| proxy(ErrorKind::ProxyUnreachable))?;
        match timeout(step, self.greet(&mut socket)).await {
            Ok(Ok(())) => {}
            // Whatever is silent there, or hangs up, is no proxy of this kind.
            Ok(Err(_)) | Err(_) => return Err(proxy(ErrorKind::NotSocks)),
        }
        let place = |kind| Error::about(kind, format!("{host}:{port}"));
        match timeout(step * FAR, connect(&mut socket, host, port)).await {
            Ok(Ok(0)) => Ok(Dialled { socket, local }),
            Ok(Ok(code)) => Err(place(refusal(code, is_onion(host)))),
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => Err(proxy(ErrorKind::NotSocks)),
            Ok(Err(_)) => Err(proxy(ErrorKind::ProxyUnreachable)),
            Err(_) => Err(place(ErrorKind::TimedOut)),
        }
    }

    /// Agrees on a method and says who we are (RFC 1928 §3, RFC 1929 §2).
    async fn greet(&self, socket: &mut Socket) -> io::Result<()> {
        say(socket, &GREETING).await?;
        match hear::<2>(socket).await? {
            [5, 0] => Ok(()),
            [5, 2] => {
                let mut words = vec![1];
                for word in [&self.credentials.user, &self.credentials.password] {
                    words.push(word.len() as u8);
                    words.extend(word.as_bytes());
                }
                say(socket, &words).await?;
                match hear::<2>(socket).await? {
                    [1, 0] => Ok(()),
                    _ => Err(odd()),
                }
            }
            _ => Err(odd()),
        }
    }
}

/// Asks for the connection and reads the answer to its end (RFC 1928 §4 and §6): the reply code.
async fn connect(socket: &mut Socket, host: &str, port: u16) -> io::Result<u8> {
    let mut words = vec![5, 1, 0, 3, host.len() as u8];
    words.extend(host.as_bytes());
    words.extend(port.to_be_bytes());
    say(socket, &words).await?;
    let [version, code, _, kind] = hear::<4>(socket).await?;
    if version != 5 {
        return Err(odd());
    }
    if code != 0 {
        return Ok(code);
    }
    // Where the proxy's own end is says nothing to us, but what follows it is the server's.
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(hear::<1>(socket).await?[0]),
        _ => return Err(odd()),
    };
    socket.read_exact(&mut vec![0; length + 2]).await?;
    Ok(0)
}

async fn say(socket: &mut Socket, words: &[u8]) -> io::Result<()> {
    socket.write_all(words).await?;
    socket.flush().await
}

async fn hear<const LENGTH: usize>(socket: &mut Socket) -> io::Result<[u8; LENGTH]> {
    let mut words = [0; LENGTH];
    socket.read_exact(&mut words).await?;
    Ok(words)
}

fn odd() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// What a reply code means (RFC 1928 §6; from 0xF0 those of Tor's proposal 304). Tor says "host unreachable" of names that
/// do not resolve too, and "general failure" or "TTL expired" of much that is far away.
fn refusal(code: u8, onion: bool) -> ErrorKind {
    match code {
        0xf0..=0xf7 => ErrorKind::OnionUnreachable,
        2 | 7 | 8 => ErrorKind::RouteRefused,
        1 | 3..=6 if onion => ErrorKind::OnionUnreachable,
        6 => ErrorKind::TimedOut,
        3..=5 => ErrorKind::Unreachable,
        _ => ErrorKind::RouteRefused,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Endpoint;
    use super::super::tests::door;
    use super::*;
    use crate::Route;
    use tokio::net::{TcpListener, TcpStream};

    const STEP: Duration = Duration::from_secs(20);

    fn place(host: &str) -> Endpoint {
        Endpoint { host: host.into(), port: 5222, direct: false }
    }

    /// Dials a host through a proxy that says these words, each after so many bytes of ours. What we said, and the outcome.
    async fn dialled(host: &str, answers: &[(usize, &[u8])]) -> (Vec<u8>, Result<Dialled, Error>, Option<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = Vec::new();
            for (bytes, answer) in answers {
                let mut some = vec![0; *bytes];
                stream.read_exact(&mut some).await.unwrap();
                heard.extend(some);
                stream.write_all(answer).await.unwrap();
            }
            // A proxy that has refused hangs up.
            let kept = answers.last().is_some_and(|(_, last)| last.starts_with(&[5, 0, 0])).then_some(stream);
            (heard, kept)
        };
        let door = door(Route::Socks5 { host: "127.0.0.1".into(), port });
        let place = place(host);
        let ((heard, kept), socket) = tokio::join!(proxy, door.dial(&place, STEP));
        (heard, socket, kept)
    }

    fn kind(outcome: Result<Dialled, Error>) -> ErrorKind {
        outcome.err().expect("refused").kind
    }

    #[tokio::test]
    async fn the_name_goes_out_unresolved_and_the_rest_is_the_servers() {
        for (bound, length) in [(&[1, 9, 9, 9, 9, 0, 1][..], 4), (&[3, 2, b'x', b'y', 0, 1], 2), (&[4; 19], 16)] {
            let mut answer = [&[5, 0, 0], bound].concat();
            assert_eq!(answer.len(), if bound[0] == 3 { 9 } else { 6 + length });
            answer.extend(b"<stream");
            let (heard, socket, mut far) = dialled("nowhere.invalid", &[(4, &[5, 0]), (22, &answer)]).await;
            assert_eq!(heard[..4], GREETING);
            assert_eq!(heard[4..], [&[5, 1, 0, 3, 15], &b"nowhere.invalid"[..], &5222u16.to_be_bytes()].concat());
            let Ok(Dialled { mut socket, .. }) = socket else { panic!("no stream") };
            let mut words = [0; 7];
            socket.read_exact(&mut words).await.unwrap();
            assert_eq!(&words, b"<stream");
            far.as_mut().unwrap().write_all(b"!").await.unwrap();
            assert_eq!(socket.read_u8().await.unwrap(), b'!');
        }
    }

    #[tokio::test]
    async fn a_proxy_that_asks_is_told_random_words() {
        let answers: [(usize, &[u8]); 3] = [(4, &[5, 2]), (67, &[1, 0]), (15, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])];
        let (one, socket, _) = dialled("host.tes", &answers).await;
        assert!(socket.is_ok());
        let (two, ..) = dialled("host.tes", &answers).await;
        assert_eq!((one[4], one[5], one[38]), (1, 32, 32));
        assert_ne!(one[6..38], two[6..38]);
        assert_ne!(one[39..71], two[39..71]);
    }

    #[tokio::test]
    async fn each_refusal_has_its_kind() {
        let onion = format!("{}.onion", "a".repeat(56));
        for (code, host, expected) in [
            (1, "x.test", ErrorKind::RouteRefused),
            (2, "x.test", ErrorKind::RouteRefused),
            (3, "x.test", ErrorKind::Unreachable),
            (4, "x.test", ErrorKind::Unreachable),
            (5, "x.test", ErrorKind::Unreachable),
            (6, "x.test", ErrorKind::TimedOut),
            (7, "x.test", ErrorKind::RouteRefused),
            (8, "x.test", ErrorKind::RouteRefused),
            (9, "x.test", ErrorKind::RouteRefused),
            (4, &onion, ErrorKind::OnionUnreachable),
            (1, &onion, ErrorKind::OnionUnreachable),
            (0xf6, &onion, ErrorKind::OnionUnreachable),
            (2, &onion, ErrorKind::RouteRefused),
        ] {
            let asked = 7 + host.len();
            let (_, outcome, _) = dialled(host, &[(4, &[5, 0]), (asked, &[5, code, 0, 1, 0, 0, 0, 0, 0, 0])]).await;
            assert_eq!(kind(outcome), expected, "{code} {host}");
        }
    }

    #[tokio::test]
    async fn what_is_no_proxy_of_this_kind_is_called_so() {
        for answer in [&b"HTTP/1.1 400 Bad Request\r\n"[..], &[5, 255], &[4, 0], &[0, 90], b""] {
            assert_eq!(kind(dialled("x.test", &[(4, answer)]).await.1), ErrorKind::NotSocks, "{answer:?}");
        }
        let refused = dialled("x.test", &[(4, &[5, 2]), (67, &[1, 1])]).await;
        assert_eq!(kind(refused.1), ErrorKind::NotSocks);
        assert_eq!(kind(dialled("x.test", &[(4, &[5, 0]), (13, &[4, 0, 0, 1])]).await.1), ErrorKind::NotSocks);
        let cut = dialled("x.test", &[(4, &[5, 0]), (13, &[5])]).await;
        assert_eq!(kind(cut.1), ErrorKind::ProxyUnreachable);
    }

    #[tokio::test]
    async fn a_closed_proxy_is_named_and_nothing_else_is_tried() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let door = door(Route::Socks5 { host: "127.0.0.1".into(), port });
        // The host itself could be reached; it is not.
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = Endpoint { port: server.local_addr().unwrap().port(), ..place("127.0.0.1") };
        let error = door.dial(&near, STEP).await.err().unwrap();
        assert_eq!((error.kind, error.subject), (ErrorKind::ProxyUnreachable, format!("127.0.0.1:{port}")));
        assert!(timeout(Duration::from_millis(20), server.accept()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_proxy_that_is_silent_does_not_hold_us_for_ever() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let door = door(Route::Socks5 { host: "127.0.0.1".into(), port });
        let there = place("x.test");
        let (_held, outcome) = tokio::join!(listener.accept(), door.dial(&there, STEP));
        assert_eq!(kind(outcome), ErrorKind::NotSocks);
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_said_is_refused_before_anything_is_dialled() {
        let door = door(Route::Socks5 { host: "127.0.0.1".into(), port: 1 });
        assert_eq!(kind(door.dial(&place(&"x".repeat(300)), STEP).await), ErrorKind::InvalidInput);
    }
}
