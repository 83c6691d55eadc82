//! What is measured from inside, only with the feature `bench`: the floor under catch-up (the same wire, and behind it nobody
//! who handles what comes), and what a message in a large room costs.

mod room;

pub use room::{Said, say_in_room};

use crate::command::Tls;
use crate::error::{Error, ErrorKind, Result};
use crate::net::Net;
use crate::pin::Word;
use crate::wire::{self, Arrived, FromWire, Limits, Settings, ToWire};
use crate::workers::Workers;
use minidom::Element;
use rand::rngs::StdRng;
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, Sender};
use zeroize::Zeroizing;

const MAM: &str = "urn:xmpp:mam:2";
const RSM: &str = "http://jabber.org/protocol/rsm";

/// The account whose archive is counted, and where.
pub struct Counting {
    /// Bare JID.
    pub jid: String,
    /// Password.
    pub password: Zeroizing<String>,
    /// Host, instead of what DNS says.
    pub host: String,
    /// Port, instead of what DNS says.
    pub port: u16,
    /// PEM text of the authorities to trust.
    pub ca: String,
    /// Whether the stream is announced first (RFC 6121 §4.2), as an account does, so that the server hands out what its
    /// offline store holds.
    pub present: bool,
}

/// What counting came to.
pub struct Counted {
    /// Archived messages that came.
    pub messages: u32,
    /// Messages that came by themselves.
    pub live: u32,
    /// Pages in which they came.
    pub pages: u32,
    /// From the stream being online to the end of the last page.
    pub time: Duration,
    /// CPU time of this process meanwhile.
    pub cpu: Duration,
}

/// Fetches the whole archive page by page (XEP-0313), as an account does that catches up: every stanza is read, parsed,
/// handed over and acknowledged, but only counted. The next page is asked for as soon as one ends.
pub fn count_archive(of: Counting) -> Result<Counted> {
    let present = of.present;
    let settings = Settings {
        pin: None,
        venture: None,
        left: None,
        plain: false,
        jid: jid::BareJid::new(&of.jid).map_err(|_| Error::about(ErrorKind::InvalidJid, of.jid.clone()))?,
        secret: wire::Secret::password(&of.password),
        uses: 0,
        host: Some(of.host),
        port: Some(of.port),
        tls: Tls::StartTls,
        ca: Some(of.ca),
        route: crate::Route::Direct,
        whose: String::new(),
        user_agent: "6f1c4f0e-6cf5-4a4c-8c0c-2a5f1f3c7d11".to_owned(),
        limits: Limits::default(),
    };
    let workers = Workers::start()?;
    let (to, orders) = mpsc::channel(wire::ORDERS);
    let (events, mut from) = mpsc::channel(wire::EVENTS);
    let net = Arc::new(Net::new(std::path::PathBuf::new(), Arc::default()));
    let door = net.door(crate::Route::Direct, "");
    workers.handle().spawn(wire::run(settings, door, events, orders, rand::make_rng::<StdRng>()));
    let mut count = Count { to, token: 0, messages: 0, live: 0, pages: 0, stanzas: 0 };
    let mut began = None;
    while let Some(event) = from.blocking_recv() {
        match event {
            FromWire::Online(_) => {
                began = Some((Instant::now(), cpu_time()));
                count.tell(ToWire::Begin)?;
                if present {
                    count.say("<presence xmlns='jabber:client'/>".to_owned())?;
                }
                count.ask(None)?;
            }
            FromWire::Stanza(stanza, _) if count.stanza(&stanza)? => {
                let (time, cpu) = began.ok_or(ErrorKind::Internal)?;
                let Count { messages, live, pages, .. } = count;
                return Ok(Counted { messages, live, pages, time: time.elapsed(), cpu: cpu_time() - cpu });
            }
            FromWire::Stanza(..) if from.is_empty() => count.handled()?,
            FromWire::Server(Word::Venture(_)) => count.tell(ToWire::Noted)?,
            FromWire::Offline { error, .. } => return Err(error.unwrap_or(Error::from(ErrorKind::Disconnected))),
            _ => {}
        }
    }
    Err(ErrorKind::Crashed.into())
}

struct Count {
    to: Sender<ToWire>,
    token: i64,
    messages: u32,
    live: u32,
    pages: u32,
    stanzas: u32,
}

impl Count {
    fn tell(&self, order: ToWire) -> Result<()> {
        self.to.blocking_send(order).map_err(|_| ErrorKind::Disconnected.into())
    }

    fn handled(&mut self) -> Result<()> {
        let stanzas = std::mem::take(&mut self.stanzas);
        self.tell(ToWire::Handled { stanzas })
    }

    fn say(&mut self, stanza: String) -> Result<()> {
        self.token += 1;
        self.tell(ToWire::Send { token: self.token, bytes: stanza.into_bytes() })
    }

    fn ask(&mut self, after: Option<&str>) -> Result<()> {
        let after = after.map(|id| format!("<after>{id}</after>")).unwrap_or_default();
        let (number, most) = (self.pages + 1, crate::engine::PAGE);
        let query = format!(
            "<iq xmlns='jabber:client' type='set' id='page-{number}'><query xmlns='{MAM}' queryid='count'>\
             <set xmlns='{RSM}'><max>{most}</max>{after}</set></query></iq>"
        );
        self.say(query)
    }

    /// Counts a stanza; true once it ended the last page.
    fn stanza(&mut self, stanza: &Arrived) -> Result<bool> {
        self.stanzas += 1;
        let Arrived::Whole(stanza) = stanza else { return Ok(false) };
        let archived = stanza.has_child("result", MAM);
        self.messages += u32::from(archived);
        self.live += u32::from(stanza.name() == "message" && !archived);
        let Some(end) = stanza.get_child("fin", MAM) else { return Ok(false) };
        self.pages += 1;
        let last = end.get_child("set", RSM).and_then(|set| set.get_child("last", RSM)).map(Element::text);
        match last {
            Some(last) if end.attr("complete") != Some("true") => self.ask(Some(&last)).map(|()| false),
            _ => Ok(true),
        }
    }
}

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}
