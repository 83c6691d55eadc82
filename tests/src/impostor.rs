//! Servers that are none: they answer whoever connects with the same bytes, or with silence.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

/// Listens on a free loopback port for as long as the test program lives; hands back the port. Each connection gets
/// these bytes once it said something, or at once if `first`; with nothing to say it is only listened to.
pub fn answering(bytes: &'static [u8], first: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream, bytes, first));
        }
    });
    port
}

/// A loopback port where no one listens.
pub fn nobody() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}

fn answer(mut stream: TcpStream, bytes: &[u8], first: bool) {
    // A client that never goes away must not keep this thread for ever.
    let _ = stream.set_read_timeout(Some(Duration::from_secs(120)));
    let mut heard = [0; 4096];
    if !first && !matches!(stream.read(&mut heard), Ok(1..)) {
        return;
    }
    if !bytes.is_empty() {
        let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    }
    while matches!(stream.read(&mut heard), Ok(1..)) {}
}
