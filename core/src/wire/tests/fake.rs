//! A server in memory, spoken by the story: it hears what the wire says and says what the story wants.

use crate::Route;
use crate::command::Tls;
use crate::error::{Error, ErrorKind};
use crate::net::Endpoint;
use crate::net::flights::Counted;
use crate::net::tls::Channel;
use crate::pin::Venture;
use crate::wire::connect::{Connect, Secured};
use crate::wire::parse::Item;
use crate::wire::reader::Reader;
use crate::wire::redirect::Redirect;
use crate::wire::run::Wire;
use crate::wire::state::State;
use crate::wire::xml::ns;
use crate::wire::{Arrived, Bound, EVENTS, FromWire, Left, Limits, ORDERS, Secret, Settings, ToWire};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use jid::BareJid;
use minidom::Element;
use rand::rngs::StdRng;
use rand::{CryptoRng, SeedableRng};
use sha1::Sha1;
use sha2::Digest;
use std::net::IpAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

pub(super) const PASSWORD: &str = "pencil";
/// The key material that both ends of a bound channel share.
pub(super) const KEY: [u8; 32] = [9; 32];
/// SASL2, Bind2 and all that goes inline, with channel binding.
pub(super) const MODERN: &str = "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-1</mechanism>\
    <mechanism>SCRAM-SHA-1-PLUS</mechanism><inline><sm xmlns='urn:xmpp:sm:3'/><bind xmlns='urn:xmpp:bind:0'><inline>\
    <feature var='urn:xmpp:sm:3'/><feature var='urn:xmpp:carbons:2'/><feature var='urn:xmpp:csi:0'/></inline></bind></inline></authentication>\
    <sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>";
/// SASL as of RFC 6120.
pub(super) const CLASSIC: &str = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>\
    <mechanism>SCRAM-SHA-1</mechanism></mechanisms>";
/// What comes after it.
pub(super) const BIND: &str = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
pub(super) const SM: &str = "<sm xmlns='urn:xmpp:sm:3'/>";

pub(in crate::wire) fn settings() -> Settings {
    Settings {
        jid: BareJid::new("juliet@x.test").unwrap(),
        secret: Secret::password(PASSWORD),
        uses: 0,
        host: None,
        port: None,
        tls: Tls::Auto,
        ca: None,
        route: Route::Direct,
        whose: String::new(),
        pin: None,
        venture: None,
        left: None,
        plain: false,
        user_agent: "d4565fa7-4d72-4749-b3d3-740edbf87770".into(),
        limits: Limits { back_off: Duration::from_secs(60), ..Limits::default() },
    }
}

/// A channel to a server with this key.
pub(in crate::wire) fn channel(key: u8) -> Channel {
    Channel {
        exporter: Zeroizing::new(KEY),
        end_point: None,
        version: "0304",
        key: [key; 32],
        issuer: "CN=Authority".into(),
    }
}

/// Connects in memory; the other ends go to the story.
struct Dialer {
    ends: mpsc::UnboundedSender<DuplexStream>,
    channel: Arc<Mutex<Option<Channel>>>,
    local: Option<IpAddr>,
    redirect: Redirect,
    /// Where each connection went.
    places: Arc<Mutex<Vec<String>>>,
    hangs: Arc<Mutex<bool>>,
    flights: Arc<AtomicUsize>,
}

impl Connect for Dialer {
    async fn connect<R: CryptoRng + Send>(&mut self, _rng: &mut R) -> Result<Secured, Error> {
        let endpoint = self.redirect.take().unwrap_or(Endpoint { host: "x.test".into(), port: 5222, direct: false });
        self.places.lock().unwrap().push(format!("{}:{}", endpoint.host, endpoint.port));
        self.redirect.reached(endpoint);
        if *self.hangs.lock().unwrap() {
            std::future::pending::<()>().await;
        }
        let (ours, theirs) = duplex(64 << 10);
        self.ends.send(theirs).map_err(|_| ErrorKind::Unreachable)?;
        let ours = Counted::new(ours, self.flights.clone());
        Ok(Secured { socket: Box::new(ours), channel: self.channel.lock().unwrap().clone(), local: self.local })
    }

    fn prefer(&mut self, place: &str) {
        self.redirect.prefer(place, Endpoint { host: "x.test".into(), port: 0, direct: false }, false);
    }

    fn elsewhere(&mut self, place: &str) -> bool {
        self.redirect.to(place, false)
    }
}

/// A wire, the brain's ends of its channels, and the places where its connections arrive.
pub(super) struct Story {
    ends: mpsc::UnboundedReceiver<DuplexStream>,
    pub events: mpsc::Receiver<FromWire>,
    pub commands: mpsc::Sender<ToWire>,
    shown: Arc<Mutex<Option<Channel>>>,
    pub places: Arc<Mutex<Vec<String>>>,
    /// Connections are neither made nor refused.
    pub hangs: Arc<Mutex<bool>>,
    /// How often the wire waited for its server, on the last connection.
    pub flights: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Story {
    /// Over TLS 1.3 that can be bound to.
    pub(super) fn begin() -> Self {
        Story::over(Some(channel(1)))
    }

    pub(super) fn over(channel: Option<Channel>) -> Self {
        let state = State::default();
        // The story's brain is quick to write.
        state.noted.add_permits(1000);
        Story::with(channel, settings(), state, None)
    }

    /// With a stream that an earlier wire left.
    pub(super) fn left(left: Left) -> Self {
        let state = State::left(Some(left));
        state.noted.add_permits(1000);
        Story::with(Some(channel(1)), settings(), state, None)
    }

    /// Its brain writes nothing down by itself.
    pub(super) fn held() -> Self {
        Story::with(Some(channel(1)), settings(), State::default(), None)
    }

    /// After a process that ventured this.
    pub(super) fn after(venture: Venture) -> Self {
        Story::with(Some(channel(1)), Settings { venture: Some(venture), ..settings() }, State::default(), None)
    }

    /// From this address of ours.
    pub(super) fn from(local: &str) -> Self {
        let state = State::default();
        state.noted.add_permits(1000);
        Story::with(Some(channel(1)), settings(), state, Some(local.parse().unwrap()))
    }

    /// With these settings, on this state, from this address.
    pub(super) fn with(channel: Option<Channel>, settings: Settings, state: State, local: Option<IpAddr>) -> Self {
        let places: Arc<Mutex<Vec<String>>> = Arc::default();
        let redirect = Redirect::default();
        let hangs: Arc<Mutex<bool>> = Arc::default();
        let flights: Arc<AtomicUsize> = Arc::default();
        let (ends_sender, ends) = mpsc::unbounded_channel();
        let channel = Arc::new(Mutex::new(channel));
        let shown = channel.clone();
        let (events_sender, events) = mpsc::channel(EVENTS);
        let (commands, orders) = mpsc::channel(ORDERS);
        let wire = Wire {
            settings,
            events: events_sender,
            commands: orders,
            rng: StdRng::seed_from_u64(1),
            network: Dialer {
                ends: ends_sender,
                channel,
                local,
                redirect,
                places: places.clone(),
                hangs: hangs.clone(),
                flights: flights.clone(),
            },
            state,
            pace: Arc::default(),
            local: None,
            objections: 0,
            doubted: None,
        };
        Story { ends, events, commands, shown, places, hangs, flights, task: tokio::spawn(wire.run()) }
    }

    /// From now on the server shows this key.
    pub(super) fn shows(&self, key: u8) {
        *self.shown.lock().unwrap() = Some(channel(key));
    }

    /// From now on it is like this.
    pub(super) fn shows_channel(&self, channel: Channel) {
        *self.shown.lock().unwrap() = Some(channel);
    }

    /// The next connection.
    pub(super) async fn peer(&mut self) -> Peer {
        Peer::over(self.ends.recv().await.expect("the wire connects"))
    }

    /// A modern login up to Online and Begin.
    pub(super) async fn online(&mut self) -> Peer {
        let mut peer = self.peer().await;
        peer.modern("<enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='true'/>").await;
        assert!(!self.bound().await.resumed);
        self.says(ToWire::Begin).await;
        peer
    }

    pub(super) async fn says(&self, command: ToWire) {
        assert!(self.commands.send(command).await.is_ok(), "the wire listens");
    }

    pub(super) async fn sends(&self, token: i64, text: &str) {
        self.says(ToWire::Send { token, bytes: text.as_bytes().to_vec() }).await;
    }

    pub(super) async fn event(&mut self) -> FromWire {
        self.events.recv().await.expect("the wire goes on")
    }

    /// The next Online, past what announces a try.
    pub(super) async fn bound(&mut self) -> Bound {
        loop {
            match self.event().await {
                FromWire::Online(bound) => return bound,
                FromWire::Connecting | FromWire::Learned(_) | FromWire::Server(_) | FromWire::Written { .. } => {}
                other => panic!("not online: {}", name(&other)),
            }
        }
    }

    /// The next Offline, past stanzas and written tokens.
    pub(super) async fn offline(&mut self) -> (Option<ErrorKind>, Option<Duration>) {
        loop {
            match self.event().await {
                FromWire::Offline { error, retry } => return (error.map(|error| error.kind), retry),
                FromWire::Connecting
                | FromWire::Over
                | FromWire::Server(_)
                | FromWire::Stanza(..)
                | FromWire::Written { .. } => {}
                other => panic!("not offline: {}", name(&other)),
            }
        }
    }

    /// The next acknowledged token, past written ones.
    pub(super) async fn acked(&mut self) -> i64 {
        loop {
            match self.event().await {
                FromWire::Acked { token, .. } => return token,
                FromWire::Connecting | FromWire::Learned(_) | FromWire::Server(_) | FromWire::Written { .. } => {}
                other => panic!("nothing acknowledged: {}", name(&other)),
            }
        }
    }

    pub(super) async fn stanza(&mut self) -> Element {
        loop {
            match self.event().await {
                FromWire::Stanza(Arrived::Whole(element), _) => return element,
                FromWire::Written { .. } => {}
                other => panic!("no stanza: {}", name(&other)),
            }
        }
    }

    /// The wire gave up after this, and never connected again.
    pub(super) async fn ends_with(mut self, kind: ErrorKind) {
        assert_eq!(self.offline().await, (Some(kind), None));
        self.gone().await;
    }

    pub(super) async fn gone(mut self) {
        assert!(self.events.recv().await.is_none(), "nothing more is told");
        self.task.await.unwrap();
        assert!(self.ends.recv().await.is_none(), "and nothing is tried");
    }
}

pub(super) fn name(event: &FromWire) -> &'static str {
    match event {
        FromWire::Connecting => "connecting",
        FromWire::Server(_) => "server",
        FromWire::Online(_) => "online",
        FromWire::Stanza(..) => "stanza",
        FromWire::Written { .. } => "written",
        FromWire::Acked { .. } => "acked",
        FromWire::Over => "over",
        FromWire::Learned(_) => "learned",
        FromWire::Offline { .. } => "offline",
        FromWire::TooLarge { .. } => "too large",
    }
}

/// The server's end of a connection.
pub(super) struct Peer {
    reader: Reader<ReadHalf<DuplexStream>>,
    writer: WriteHalf<DuplexStream>,
}

impl Peer {
    pub(super) fn over(end: DuplexStream) -> Self {
        let (reader, writer) = split(end);
        Peer { reader: Reader::new(reader), writer }
    }

    pub(super) async fn says(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).await.expect("the wire reads");
    }

    /// The same to a wire that may have gone.
    pub(super) async fn tries(&mut self, text: &str) -> bool {
        self.writer.write_all(text.as_bytes()).await.is_ok()
    }

    /// The next element, of whatever kind.
    pub(super) async fn hears(&mut self) -> Element {
        match self.reader.next().await.expect("the wire goes on") {
            Item::Nonza(element) | Item::Stanza(Arrived::Whole(element)) => element,
            Item::Closed => panic!("the stream was closed"),
            _ => panic!("no element"),
        }
    }

    /// The next element has this name.
    pub(super) async fn hears_a(&mut self, name: &str) -> Element {
        let element = self.hears().await;
        assert_eq!(element.name(), name, "{}", String::from(&element));
        element
    }

    /// Whether the wire said goodbye; if not, it just went away.
    pub(super) async fn closed(&mut self) -> bool {
        match self.reader.next().await {
            Ok(Item::Closed) => true,
            Ok(_) => panic!("something else was said"),
            Err(_) => false,
        }
    }

    /// Everything said until the end, as it came.
    pub(super) async fn rest(self) -> String {
        let mut reader = self.reader.into_inner().expect("nothing was read ahead").unsplit(self.writer);
        let mut text = String::new();
        let _ = reader.read_to_string(&mut text).await;
        text
    }

    /// Answers a stream header.
    pub(super) async fn opens(&mut self, features: &str) {
        self.reader.restart();
        assert!(matches!(self.reader.next().await, Ok(Item::Opened)));
        self.says(&format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
             id='s' from='x.test' version='1.0'><stream:features>{features}</stream:features>"
        ))
        .await;
    }

    /// A login by SASL2 that ends with this inside `<bound/>`.
    pub(super) async fn modern(&mut self, bound: &str) -> Element {
        self.modern_with(&format!("<bound xmlns='urn:xmpp:bind:0'>{bound}</bound>")).await
    }

    /// A login by SASL2 that ends with this inside `<success/>`. Returns what was asked.
    pub(super) async fn modern_with(&mut self, inside: &str) -> Element {
        self.modern_at(MODERN, inside).await
    }

    /// The same with this offer.
    pub(super) async fn modern_at(&mut self, features: &str, inside: &str) -> Element {
        self.opens(features).await;
        let (authenticate, scram) = self.challenge(ns::SASL2).await;
        assert!(scram.first.starts_with("p=tls-exporter,,"), "{}", scram.first);
        let last = scram.verify(&self.hears_a("response").await.text());
        self.says(&format!(
            "<success xmlns='urn:xmpp:sasl:2'><additional-data>{last}</additional-data>\
             <authorization-identifier>juliet@x.test/r1</authorization-identifier>{inside}</success>"
        ))
        .await;
        if !inside.contains("<resumed") {
            self.says("<stream:features/>").await;
        }
        authenticate
    }

    /// A login by SASL, up to the second stream header's answer, whose offer the server confirms: after a bound login the
    /// wire would not go on without. Returns the wire's first message.
    pub(super) async fn classic(&mut self, features: &str) -> String {
        self.opens(CLASSIC).await;
        let (_, scram) = self.challenge_with(ns::SASL, &confirms("PLAIN\x1eSCRAM-SHA-1")).await;
        let last = scram.verify(&self.hears_a("response").await.text());
        self.says(&format!("<success xmlns='{}'>{last}</success>", ns::SASL)).await;
        self.opens(features).await;
        scram.first
    }

    /// Answers a resource binding. Returns the resource that was asked for.
    pub(super) async fn binds(&mut self) -> String {
        let iq = self.hears_a("iq").await;
        let id = iq.attr("id").unwrap().to_owned();
        let bind = iq.get_child("bind", ns::BIND).unwrap();
        self.says(&format!(
            "<iq type='result' id='{id}'><bind xmlns='{}'><jid>juliet@x.test/r1</jid></bind></iq>",
            ns::BIND
        ))
        .await;
        bind.children().map(Element::text).collect()
    }

    /// Takes the wire's first message and challenges it.
    pub(super) async fn challenge(&mut self, namespace: &str) -> (Element, Scram) {
        self.challenge_with(namespace, "").await
    }

    /// The same with these attributes at the end.
    pub(super) async fn challenge_with(&mut self, namespace: &str, more: &str) -> (Element, Scram) {
        let begin = self.hears().await;
        let initial = match namespace {
            ns::SASL => begin.text(),
            _ => begin.children().find(|child| child.name() == "initial-response").unwrap().text(),
        };
        let mut scram = Scram::new(String::from_utf8(BASE64.decode(initial).unwrap()).unwrap());
        scram.challenge += more;
        self.says(&format!("<challenge xmlns='{namespace}'>{}</challenge>", BASE64.encode(&scram.challenge))).await;
        (begin, scram)
    }
}

/// The attribute of XEP-0474 over this offer, for SCRAM-SHA-1.
pub(super) fn confirms(offer: &str) -> String {
    format!(",h={}", BASE64.encode(Sha1::digest(offer)))
}

/// The server's side of SCRAM-SHA-1, written down again from RFC 5802 so that it checks the client's.
pub(super) struct Scram {
    pub first: String,
    challenge: String,
}

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    Hmac::<Sha1>::new_from_slice(key).unwrap().chain_update(data).finalize().into_bytes().to_vec()
}

impl Scram {
    fn new(first: String) -> Self {
        let nonce = first.split("r=").nth(1).unwrap();
        let challenge = format!("r={nonce}server,s={},i=4096", BASE64.encode(b"salt"));
        Scram { first, challenge }
    }

    /// Checks the proof and the channel; answers with the server's.
    pub(super) fn verify(&self, response: &str) -> String {
        self.verify_at(response, &[])
    }

    /// The same where the certificate stands for this end of the channel.
    pub(super) fn verify_at(&self, response: &str, end_point: &[u8]) -> String {
        let response = String::from_utf8(BASE64.decode(response).unwrap()).unwrap();
        let (without, proof) = response.rsplit_once(",p=").unwrap();
        let header = BASE64.decode(without.strip_prefix("c=").unwrap().split(',').next().unwrap()).unwrap();
        let expected = match self.first.split(',').next() {
            Some("p=tls-exporter") => [b"p=tls-exporter,,".as_slice(), &KEY].concat(),
            Some("p=tls-server-end-point") => [b"p=tls-server-end-point,,".as_slice(), end_point].concat(),
            Some(flag) => format!("{flag},,").into_bytes(),
            None => unreachable!(),
        };
        assert_eq!(header, expected, "the channel is the one that the server sees");
        let bare = self.first.splitn(3, ',').nth(2).unwrap();
        let message = format!("{bare},{},{without}", self.challenge);
        let mut salted = [0; 20];
        pbkdf2::pbkdf2_hmac::<Sha1>(PASSWORD.as_bytes(), b"salt", 4096, &mut salted);
        let client_key = hmac(&salted, b"Client Key");
        let signature = hmac(&Sha1::digest(&client_key), message.as_bytes());
        let expected: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        assert_eq!(BASE64.decode(proof).unwrap(), expected, "the proof");
        let signature = hmac(&hmac(&salted, b"Server Key"), message.as_bytes());
        BASE64.encode(format!("v={}", BASE64.encode(signature)))
    }
}
