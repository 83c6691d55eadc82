//! What stories need of any server, whichever program it is.

use crate::prosody_config::DOMAIN;
use std::net::TcpListener;
use std::path::Path;

/// The password of accounts for which nothing else is said.
pub const PASSWORD: &str = "Wherefore art thou 7?";

/// A running server with the domain [`DOMAIN`] on 127.0.0.1.
pub trait Server {
    /// The port for STARTTLS.
    fn port(&self) -> u16;

    /// The port for direct TLS.
    fn tls_port(&self) -> u16;

    /// The certificate authority to trust, PEM.
    fn ca(&self) -> &Path;

    /// The bare JID of an account.
    fn jid(&self, user: &str) -> String {
        format!("{user}@{DOMAIN}")
    }
}

/// Ports that no one listens on at this moment.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("loopback has a free port"));
    listeners.map(|listener| listener.local_addr().expect("it is bound").port())
}
