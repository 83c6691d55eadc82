//! A TCP proxy for the ways in which networks fail: cut, delayed, silent, and on the record.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The proxy listens on a free loopback port and passes everything on to another port there.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Where connections are passed on to; it changes when the server is started on another port.
    target: AtomicUsize,
    /// Bytes are neither passed on nor refused.
    silent: AtomicBool,
    /// New connections are closed at once.
    refusing: AtomicBool,
    /// The proxy is going away.
    ended: AtomicBool,
    /// Milliseconds that each piece waits before it is passed on.
    delay: AtomicU64,
    /// Connections taken so far.
    taken: AtomicUsize,
    /// Where each of them came from.
    peers: Mutex<Vec<SocketAddr>>,
    /// Both sockets of each open connection.
    open: Mutex<Vec<TcpStream>>,
    /// What passed.
    passed: Mutex<Passed>,
}

/// Bytes that passed, by direction.
#[derive(Debug, Default, Clone)]
pub struct Passed {
    /// From the client to the server.
    pub up: Vec<u8>,
    /// From the server to the client.
    pub down: Vec<u8>,
}

/// How much of each direction is kept.
const KEPT: usize = 64 * 1024 * 1024;
/// How long a silent proxy waits before it looks whether it is still to be silent.
const LOOK: Duration = Duration::from_millis(20);

impl Proxy {
    /// A proxy in front of this loopback port.
    pub fn before(target: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(State { target: AtomicUsize::new(usize::from(target)), ..State::default() });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || shared.accept(&listener));
        Proxy { port, state }
    }

    /// The port to connect to, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// New connections are passed on to this loopback port.
    pub fn lead_to(&self, target: u16) {
        self.state.target.store(usize::from(target), Ordering::SeqCst);
    }

    /// Cuts every open connection at once.
    pub fn cut(&self) {
        for socket in self.state.open().drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// While on, nothing passes and nothing fails: a black hole. What waits passes on when it is switched off.
    pub fn black_hole(&self, on: bool) {
        self.state.silent.store(on, Ordering::SeqCst);
    }

    /// While on, new connections are closed at once.
    pub fn refuse(&self, on: bool) {
        self.state.refusing.store(on, Ordering::SeqCst);
    }

    /// Lets each piece wait so long.
    pub fn delay(&self, time: Duration) {
        self.state.delay.store(time.as_millis() as u64, Ordering::SeqCst);
    }

    /// How many connections were taken so far.
    pub fn connections(&self) -> usize {
        self.state.taken.load(Ordering::SeqCst)
    }

    /// Where each of them came from, in their order.
    pub fn peers(&self) -> Vec<SocketAddr> {
        self.state.peers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What passed so far, over all connections.
    pub fn passed(&self) -> Passed {
        self.state.passed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the thread that accepts, so that it sees the end.
        let _ = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.port)));
    }
}

impl State {
    fn open(&self) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<State>, listener: &TcpListener) {
        for client in listener.incoming() {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            let Ok(client) = client else { continue };
            self.taken.fetch_add(1, Ordering::SeqCst);
            let peer = client.peer_addr();
            self.peers.lock().unwrap_or_else(PoisonError::into_inner).extend(peer);
            let target = self.target.load(Ordering::SeqCst) as u16;
            if self.refusing.load(Ordering::SeqCst) {
                continue;
            }
            let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let pairs = (client.try_clone(), server.try_clone(), client.try_clone(), server.try_clone());
            let (Ok(client_in), Ok(server_in), Ok(client_kept), Ok(server_kept)) = pairs else { continue };
            self.open().extend([client_kept, server_kept]);
            let (up, down) = (Arc::clone(self), Arc::clone(self));
            std::thread::spawn(move || up.pass(client_in, server, true));
            std::thread::spawn(move || down.pass(server_in, client, false));
        }
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, up: bool) {
        let mut piece = vec![0; 16 * 1024];
        loop {
            let count = match from.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            let delay = self.delay.load(Ordering::SeqCst);
            if delay > 0 {
                std::thread::sleep(Duration::from_millis(delay));
            }
            while self.silent.load(Ordering::SeqCst) && !self.ended.load(Ordering::SeqCst) {
                std::thread::sleep(LOOK);
            }
            self.keep(&piece[..count], up);
            if to.write_all(&piece[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
        let _ = from.shutdown(Shutdown::Read);
    }

    fn keep(&self, piece: &[u8], up: bool) {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = if up { &mut passed.up } else { &mut passed.down };
        let room = KEPT.saturating_sub(kept.len()).min(piece.len());
        kept.extend_from_slice(&piece[..room]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it gets.
    fn echo() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        port
    }

    fn client(proxy: &Proxy) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    #[test]
    fn bytes_pass_and_are_kept() {
        let proxy = Proxy::before(echo());
        let mut stream = client(&proxy);
        stream.write_all(b"dunnock").unwrap();
        let mut back = [0; 7];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"dunnock");
        let passed = proxy.passed();
        assert_eq!((passed.up.as_slice(), passed.down.as_slice()), (b"dunnock".as_slice(), b"dunnock".as_slice()));
    }

    #[test]
    fn a_cut_ends_what_is_open() {
        let proxy = Proxy::before(echo());
        let mut stream = client(&proxy);
        stream.write_all(b"x").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        proxy.cut();
        assert!(!matches!(stream.read(&mut [0]), Ok(1..)));
    }

    #[test]
    fn a_black_hole_keeps_what_it_swallows_until_it_ends() {
        let proxy = Proxy::before(echo());
        let mut stream = client(&proxy);
        stream.write_all(b"1").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        proxy.black_hole(true);
        stream.write_all(b"2").unwrap();
        assert_eq!(proxy.passed().up, b"1");
        proxy.black_hole(false);
        let mut back = [0];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"2");
    }

    #[test]
    fn a_refusing_proxy_closes_at_once() {
        let proxy = Proxy::before(echo());
        proxy.refuse(true);
        assert!(!matches!(client(&proxy).read(&mut [0]), Ok(1..)));
    }
}
