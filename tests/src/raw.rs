//! A client that sends whatever it is told to, in clear over a plain socket: a hostile contact.
//!
//! The server must allow that: [`SETTINGS`].

use crate::prosody::{DOMAIN, Prosody};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Lines for [`crate::prosody::Settings::extra`] that let such a client in.
pub const SETTINGS: &str = "c2s_require_encryption = false\nallow_unencrypted_plain_auth = true";

/// The client, logged in and available.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    /// Its full JID.
    pub jid: String,
}

impl Raw {
    /// Logs in as this user.
    pub fn online(server: &Prosody, user: &str) -> Raw {
        let stream = TcpStream::connect(("127.0.0.1", server.port())).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket has time-outs");
        let mut raw = Raw { stream, jid: format!("{}/raw", server.jid(user)) };
        let open = format!(
            "<stream:stream to='{DOMAIN}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
        );
        raw.send(&open);
        raw.until("</stream:features>");
        let secret = BASE64_STANDARD.encode(format!("\0{user}\0{}", Prosody::PASSWORD));
        raw.send(&format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>"));
        raw.until("<success");
        raw.send(&open);
        raw.until("</stream:features>");
        let bind =
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>raw</resource></bind></iq>";
        raw.send(bind);
        raw.until("</iq>");
        // What comes from now on is of no interest, but must not fill the socket.
        let mut rest = raw.stream.try_clone().expect("a socket can be shared");
        rest.set_read_timeout(None).expect("a socket has time-outs");
        std::thread::spawn(move || std::io::copy(&mut rest, &mut std::io::sink()));
        raw.send("<presence/>");
        raw
    }

    /// Writes these bytes as they are.
    pub fn send(&mut self, xml: &str) {
        self.stream.write_all(xml.as_bytes()).expect("the server reads on");
    }

    fn until(&mut self, what: &str) {
        let (mut heard, mut piece) = (String::new(), [0; 4096]);
        while !heard.contains(what) {
            let count = self.stream.read(&mut piece).unwrap_or_else(|error| panic!("no {what}: {error}: {heard}"));
            assert!(count > 0, "no {what}, but the end: {heard}");
            heard.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
    }
}
