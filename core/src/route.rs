//! The way by which an account reaches its server.

use crate::error::{Error, ErrorKind, Result};
use std::fmt;
use std::str::FromStr;

/// The way by which everything of an account travels. There is no way back from one to another: if the chosen one does
/// not work, the account is offline.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Route {
    /// Straight to the server.
    #[default]
    Direct,
    /// Over Tor, which runs inside of this process.
    Tor,
    /// Over a SOCKS5 proxy (RFC 1928), such as Orbot or a Tor of one's own. Names are resolved at its far end.
    Socks5 {
        /// Where the proxy listens: a name or an address, an IPv6 one without brackets.
        host: String,
        /// Its port.
        port: u16,
    },
}

impl Route {
    /// Reads what [`Route`] displays: `direct`, `tor` or `socks5://HOST:PORT`. `InvalidInput` about the route otherwise.
    pub fn parse(text: &str) -> Result<Route> {
        match text {
            "direct" => Ok(Route::Direct),
            "tor" => Ok(Route::Tor),
            _ => text.strip_prefix("socks5://").and_then(proxy).ok_or_else(|| {
                Error::about(ErrorKind::InvalidInput, "the route (it takes direct, tor or socks5://HOST:PORT)")
            }),
        }
    }
}

/// `HOST:PORT`, and nothing that we would leave out of account: no name, no password, no path.
fn proxy(text: &str) -> Option<Route> {
    let (host, port) = text.rsplit_once(':')?;
    let digits = port.bytes().all(|sign| sign.is_ascii_digit());
    let port: u16 = port.parse().ok().filter(|port| digits && *port != 0)?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bracketed {
        Some(host) => host.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
        None => host.to_owned(),
    };
    let odd = |c: char| c.is_control() || c.is_whitespace() || "@/?#[]\\".contains(c);
    // A proxy is no onion service: only Tor finds those, and to ask DNS would tell of it.
    let onion = host.trim_end_matches('.').to_ascii_lowercase().ends_with(".onion");
    let sound = !host.is_empty() && host.len() <= 255 && host.is_ascii() && !host.contains(odd) && !onion;
    (sound && (bracketed.is_some() || !host.contains(':'))).then_some(Route::Socks5 { host, port })
}

impl FromStr for Route {
    type Err = Error;

    fn from_str(text: &str) -> Result<Route> {
        Route::parse(text)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::Direct => f.write_str("direct"),
            Route::Tor => f.write_str("tor"),
            Route::Socks5 { host, port } if host.contains(':') => write!(f, "socks5://[{host}]:{port}"),
            Route::Socks5 { host, port } => write!(f, "socks5://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_displayed_is_read_again() {
        for text in ["direct", "tor", "socks5://127.0.0.1:9050", "socks5://orbot.local:1", "socks5://[::1]:9050"] {
            assert_eq!(Route::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_understood_whole_is_no_route() {
        for text in [
            "",
            "Direct",
            "TOR",
            "tor ",
            "socks5://",
            "socks5://h",
            "socks5://h:0",
            "socks5://h:65536",
            "socks5://:9050",
            "socks5://me:secret@h:9050",
            "socks5://h:9050/",
            "socks5://::1:9050",
            "socks5://[h]:9050",
            "socks5://h:+9050",
            "socks5://h\u{200b}:9050",
            "socks5://abc.onion:9050",
            "socks5://ABC.Onion.:9050",
            "socks5://a b:9050",
            "socks4://h:9050",
            "http://h:80",
        ] {
            assert_eq!(Route::parse(text).unwrap_err().kind, ErrorKind::InvalidInput, "{text}");
        }
    }
}
