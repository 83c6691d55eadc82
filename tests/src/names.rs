//! A name server on loopback for the far end of a route: it knows one name and remembers who asked for what.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The name that it knows; its address is 127.0.0.1.
pub const HOST: &str = "chat.verona.test";

/// The server; it ends with this value.
#[derive(Debug)]
pub struct Names {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    asked: Mutex<Vec<String>>,
    ended: AtomicBool,
}

impl Names {
    /// One on a free port.
    pub fn start() -> Names {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = socket.local_addr().expect("it is bound");
        let state = Arc::new(State::default());
        let shared = state.clone();
        std::thread::spawn(move || shared.serve(&socket));
        Names { address, state }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The names that were asked for so far, in lower case.
    pub fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        // Wakes the thread, so that it sees the end.
        let _ = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(&[], self.address));
    }
}

impl State {
    fn serve(&self, socket: &UdpSocket) {
        let mut packet = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut packet) {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            let Some((name, kind, end)) = question(&packet[..length]) else { continue };
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
            let _ = socket.send_to(&answer(&packet[..end], &name, kind), from);
        }
    }
}

/// The first question of a packet (RFC 1035 §4.1.2): name, type, and where it ends.
fn question(packet: &[u8]) -> Option<(String, u16, usize)> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?);
    packet.get(at + 3)?;
    Some((labels.join("."), kind, at + 4))
}

/// An address to whom asks for it, nothing for other types, and of other names that there are none.
fn answer(question: &[u8], name: &str, kind: u16) -> Vec<u8> {
    let known = name == HOST;
    let found = known && kind == 1;
    let mut packet = question.to_vec();
    packet[2..12].copy_from_slice(&[0x84, if known { 0 } else { 3 }, 0, 1, 0, u8::from(found), 0, 0, 0, 0]);
    if found {
        packet.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 10, 0, 4, 127, 0, 0, 1]);
    }
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_name_is_answered_and_every_question_remembered() {
        let names = Names::start();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut answers = Vec::new();
        for name in [HOST, "other.test"] {
            let mut packet = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            for label in name.split('.') {
                packet.push(label.len() as u8);
                packet.extend(label.as_bytes());
            }
            packet.extend([0, 0, 1, 0, 1]);
            socket.send_to(&packet, names.address()).unwrap();
            let mut answer = [0; 1500];
            let length = socket.recv(&mut answer).unwrap();
            answers.push((answer[3], answer[7], length - packet.len()));
        }
        assert_eq!(answers, [(0, 1, 16), (3, 0, 0)]);
        assert_eq!(names.asked(), [HOST, "other.test"]);
    }
}
