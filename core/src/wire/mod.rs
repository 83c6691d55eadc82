//! The wire: the async half of an account. It owns the socket: login, framing, XEP-0198 counting, resumption, back-off.
//!
//! It may touch `net`. It never touches the store: what it reads goes to the brain as [`FromWire`], what it writes it
//! was given by the brain as [`ToWire`], and it acknowledges a stanza only after the brain says that it is committed.

mod bind;
mod connect;
mod fast;
mod features;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod head;
mod inline;
mod leave;
mod line;
mod login;
mod parse;
mod patience;
mod plain;
mod reader;
mod redirect;
mod register;
mod run;
mod sasl;
mod scram;
mod secret;
mod session;
mod skip;
mod sm;
mod state;
mod stream_error;
mod talk;
#[cfg(test)]
mod tests;
mod thrown;
mod vigil;
mod xml;

pub(crate) use crate::net::Fuse;
pub(crate) use crate::net::tls::warm_up;
pub(crate) use fast::invalidate;
pub(crate) use plain::NAME as PLAIN;
pub(crate) use register::register;
pub(crate) use run::run;
pub(crate) use scram::Hash;
pub(crate) use secret::{Keys, Secret, Token};
pub(crate) use vigil::Vigil;

use crate::command::Tls;
use crate::error::{Error, ErrorKind};
use crate::model::Proof;
use crate::pin::{Pin, Venture, Word};
use crate::route::Route;
use jid::{BareJid, FullJid};
use minidom::Element;
use patience::Patience;
use std::time::Duration;
use stream_error::stream_error;

/// All that a login needs, read from the store by whoever starts the wire.
#[derive(Clone)]
pub(crate) struct Settings {
    pub jid: BareJid,
    pub secret: Secret,
    /// How often tokens were used so far; each try counts.
    pub uses: u32,
    /// Host and port given by a person instead of DNS.
    pub host: Option<String>,
    pub port: Option<u16>,
    pub tls: Tls,
    /// PEM certificates of the only authorities to trust; none means the platform's.
    pub ca: Option<String>,
    /// The only way that anything of this account may travel.
    pub route: Route,
    /// What the account is called among those of this process; says nothing of it to others.
    pub whose: String,
    /// Stable random UUID of this installation (XEP-0388 user agent); the resource is made of it.
    pub user_agent: String,
    /// What is remembered of the server; the wire keeps it up to date as it goes.
    pub pin: Option<Pin>,
    /// A proof of the password that was shown to a key that nothing spoke for, and was not answered by one; likewise.
    pub venture: Option<Venture>,
    /// A person allowed PLAIN for this account.
    pub plain: bool,
    /// The stream that an earlier wire left behind.
    pub left: Option<Left>,
    pub limits: Limits,
}

/// A stream that the server lets be resumed (XEP-0198).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resumable {
    /// What the server calls it.
    pub id: String,
    /// What it is bound to.
    pub jid: FullJid,
    /// Where the server would have it resumed, as host and port.
    pub location: Option<String>,
}

/// A stream that an earlier wire left behind, perhaps one of another process, as the rows have it.
#[derive(Clone)]
pub(crate) struct Left {
    pub stream: Resumable,
    /// The server's stanzas of it that are on the disk.
    pub heard: u32,
    /// Those of ours that the server acknowledged.
    pub acked: u32,
    /// What came after them with its tokens, in order, as far as the earlier wire may have written it.
    pub sent: Vec<(i64, Vec<u8>)>,
}

impl Settings {
    /// How long the parts of a try may take on this account's route.
    fn patience(&self) -> Patience {
        Patience::of(&self.limits, &self.route)
    }
}

/// How long a wire waits before it gives up; tests lower it.
#[derive(Clone, Copy)]
pub struct Limits {
    /// TCP, TLS and each step of the login, where the server is near; the parts as a whole are multiples of it.
    pub step: Duration,
    /// Silence after which the server is asked for a sign of life.
    pub silence: Duration,
    /// The time that it has to answer.
    pub answer: Duration,
    /// Longest pause between two tries.
    pub back_off: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            step: Duration::from_secs(20),
            silence: Duration::from_secs(120),
            answer: Duration::from_secs(20),
            back_off: Duration::from_secs(300),
        }
    }
}

/// What the wire tells the brain, in order. The channel is bounded: a slow brain slows TCP.
pub(crate) enum FromWire {
    /// A try begins.
    Connecting,
    /// What to log in with from now on; comes before `Online`.
    Learned(Secret),
    /// What a login showed of the server; comes before `Online` or `Offline`.
    Server(Word),
    /// Logged in and bound, or resumed.
    Online(Bound),
    /// One top-level element, stanzas only (`message`, `presence`, `iq`). Each counts in `h` once the brain says `Handled`;
    /// with it goes what `h` is then, where the server counts it.
    Stanza(Arrived, Option<u32>),
    /// The bytes with this token, and all before it, were written to the socket.
    Written { token: i64 },
    /// The server acknowledged this token and all before it (XEP-0198; without it a ping's answer); `h` is its count then.
    Acked { token: i64, h: Option<u32> },
    /// The stream that was up, or was to be resumed, is over for good.
    Over,
    /// The server takes no stanza of this size (XEP-0478): the bytes with this token were not written and never will be.
    TooLarge { token: i64 },
    /// The stream ended. `retry` tells when the next try begins; none means that a person must act: the task is over, and
    /// another is started with what they changed.
    Offline { error: Option<Error>, retry: Option<Duration> },
}

/// What a stream is made of.
pub(crate) struct Bound {
    pub jid: FullJid,
    /// The old stream goes on (XEP-0198): what was not acknowledged was sent again as it was.
    pub resumed: bool,
    /// The server counts and would let it be resumed; of a resumed stream what it was before.
    pub resumable: Option<Resumable>,
    /// Carbons were switched on inline (Bind2). Says nothing of a resumed stream, where they are as they were.
    pub carbons: bool,
    pub proof: Proof,
}

/// One stanza, as far as it may be looked at.
#[derive(Clone)]
pub(crate) enum Arrived {
    Whole(Element),
    /// Past 64 levels (those of an archive's or a carbon's wrapper aside), 1 MiB or 10,000 elements: thrown away up to its end tag, but told.
    Oversized {
        /// It without content, but for the stanza ids (XEP-0359); whoever reads them must know whose `by` to believe. A
        /// message out of an archive or a carbon is in its wrapper, if the limit was met behind its beginning.
        stump: Element,
        bytes: u64,
    },
    /// Well-formed XML that is no stanza we can build.
    Unparsable,
}

/// What the brain tells the wire.
pub(crate) enum ToWire {
    /// Write these bytes, one whole stanza, or a nonza such as CSI's, which XEP-0198 does not count; `token` names them in
    /// `Written` and `Acked`. Tokens only grow. The brain keeps at most [`CREDIT`] of them unwritten.
    Send { token: i64, bytes: Vec<u8> },
    /// The brain has seen [`FromWire::Online`] of a fresh stream; it says so once for each. What it sent before this was
    /// meant for an earlier stream: the wire drops it, the rows come again with tokens counted anew.
    Begin,
    /// This many more stanzas are committed: they may be acknowledged.
    Handled { stanzas: u32 },
    /// What a login is about to venture ([`Word::Venture`]) is committed.
    Noted,
    /// A person wants it: try now.
    Hurry,
    /// This device may be on another network: see whether the stream still lives, or try now. Said often, it is done once.
    NetworkChanged,
    /// Who would notice that a stream is dead, on this and later ones. A server that wants to know hears whether nobody
    /// looks (XEP-0352).
    Watch(Vigil),
    /// End the stream and the task. `clean` says goodbye with `</stream:stream>`; else the server is told what is committed and
    /// that nobody looks, and keeps the stream for a while.
    Stop { clean: bool },
}

/// Both channels of a running wire. Dropping it ends the wire's task without a goodbye.
pub(crate) struct Link {
    pub to: tokio::sync::mpsc::Sender<ToWire>,
    pub from: tokio::sync::mpsc::Receiver<FromWire>,
    /// Blown, it lets nothing more out on the wire's way, whatever the task is about; the wire is still to be told to stop.
    pub fuse: Fuse,
}

/// How many `Send` the brain may have outstanding without `Written`.
pub(crate) const CREDIT: usize = 64;
/// Room of the channel from the brain to the wire: the credit, and what else may wait beside it.
pub(crate) const ORDERS: usize = 2 * CREDIT;
/// Room of the channel from the wire to the brain.
pub(crate) const EVENTS: usize = 128;

/// The domain of a JID as DNS and certificates have it (RFC 5890 A-labels), or an address literal.
fn domain(jid: &BareJid) -> Result<String, Error> {
    let domain = jid.domain().as_str();
    if domain.starts_with('[') {
        return Ok(domain.to_owned());
    }
    idna::domain_to_ascii(domain).map_err(|_| Error::about(ErrorKind::InvalidJid, domain))
}
