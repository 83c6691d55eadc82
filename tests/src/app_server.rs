//! An app server for pushes (XEP-0357), as a component of the test's Prosody (XEP-0114). It registers devices by ad-hoc command
//! and takes what is published, or misbehaves as it is told. All that it hears is kept, byte for byte.

use crate::prosody::Prosody;
use crate::prosody_config::{APP_SECRET, APP_SERVER};
use minidom::Element;
use sha1::{Digest, Sha1};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How it behaves towards one who registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    Right,
    /// It never answers.
    Silent,
    /// It answers with an error.
    Error,
    /// It answers with something else.
    Garbage,
    /// It names another's JID to publish to.
    OtherJid,
    /// It names no node.
    NoNode,
    /// It answers under another name than it was asked under.
    OtherName,
}

/// The app server; its connection ends with it.
#[derive(Debug)]
pub struct AppServer {
    stream: TcpStream,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    heard: Mutex<Heard>,
    news: Condvar,
}

/// What it heard.
#[derive(Debug, Default, Clone)]
pub struct Heard {
    /// Every byte.
    pub bytes: Vec<u8>,
    /// Who registered, by full JID.
    pub registered: Vec<String>,
    /// Who took that back.
    pub unregistered: Vec<String>,
    /// What was published.
    pub pushes: Vec<Push>,
}

/// One publication.
#[derive(Debug, Clone)]
pub struct Push {
    /// The node.
    pub node: String,
    /// The secret among the publish options.
    pub secret: String,
    /// All of it.
    pub xml: String,
}

/// The node that it gives to the device that is registered with this count.
pub fn node(number: usize) -> String {
    format!("node-{number}")
}

/// The secret that belongs to it.
pub fn secret(number: usize) -> String {
    format!("secret-{number}-1b9f")
}

const PATIENCE: Duration = Duration::from_secs(60);

impl AppServer {
    /// Connects to this server and behaves in this manner.
    pub fn start(server: &Prosody, manner: Manner) -> AppServer {
        let stream = TcpStream::connect(("127.0.0.1", server.component_port())).expect("the server takes components");
        let shared = Arc::new(Shared { heard: Mutex::default(), news: Condvar::new() });
        let mut conversation = Conversation {
            reader: stream.try_clone().expect("a socket can be shared"),
            writer: stream.try_clone().expect("a socket can be shared"),
            shared: Arc::clone(&shared),
            text: String::new(),
            manner,
        };
        conversation.begin();
        std::thread::spawn(move || conversation.go_on());
        AppServer { stream, shared }
    }

    /// All that it heard so far.
    pub fn heard(&self) -> Heard {
        self.shared.lock().clone()
    }

    /// Waits until what it heard fits, and hands that back.
    pub fn wait(&self, what: &str, fits: impl Fn(&Heard) -> bool) -> Heard {
        self.try_wait(PATIENCE, fits)
            .unwrap_or_else(|| panic!("the app server heard of no {what} within {PATIENCE:?}: {:?}", self.heard()))
    }

    /// The same, but the end of the time is no reason to panic.
    pub fn try_wait(&self, limit: Duration, fits: impl Fn(&Heard) -> bool) -> Option<Heard> {
        let end = Instant::now() + limit;
        let mut heard = self.shared.lock();
        while !fits(&heard) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            heard = self.shared.news.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(heard.clone())
    }
}

impl Drop for AppServer {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Conversation {
    reader: TcpStream,
    writer: TcpStream,
    shared: Arc<Shared>,
    /// What was heard and not looked at yet.
    text: String,
    manner: Manner,
}

impl Conversation {
    fn begin(&mut self) {
        self.say(&format!(
            "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='{APP_SERVER}'>"
        ));
        let head = self.until("to the end of the stream's head", |text| {
            let from = text.find("<stream:stream")?;
            Some(from + text[from..].find('>')? + 1)
        });
        let head = head.replace('"', "'");
        let id = head.split_once(" id='").and_then(|(_, rest)| rest.split_once('\'')).map(|(id, _)| id);
        let digest = Sha1::digest(format!("{}{APP_SECRET}", id.expect("a stream has an id")));
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.say(&format!("<handshake>{digest}</handshake>"));
        self.until("handshake", |text| text.find("<handshake").and(text.find('>')).map(|end| end + 1));
    }

    /// Answers requests until the connection ends.
    fn go_on(&mut self) {
        loop {
            while let Some(iq) = self.next_iq() {
                let answer = self.answer(&iq);
                if let Some(answer) = answer {
                    let _ = self.writer.write_all(answer.as_bytes());
                }
            }
            if !self.hear() {
                return;
            }
        }
    }

    /// The next whole request. Requests do not nest.
    fn next_iq(&mut self) -> Option<Element> {
        let from = self.text.find("<iq")?;
        let end = from + self.text[from..].find("</iq>")? + "</iq>".len();
        let heard: String = self.text.drain(..end).collect();
        let iq = &heard.as_bytes()[from..];
        Element::from_reader_with_prefixes(iq, "jabber:component:accept".to_owned()).ok()
    }

    fn until(&mut self, what: &str, end: impl Fn(&str) -> Option<usize>) -> String {
        loop {
            if let Some(end) = end(&self.text) {
                return self.text.drain(..end).collect();
            }
            assert!(self.hear(), "the server closed before {what}: {}", self.text);
        }
    }

    fn hear(&mut self) -> bool {
        let mut piece = [0; 16384];
        let count = self.reader.read(&mut piece).unwrap_or(0);
        self.shared.lock().bytes.extend_from_slice(&piece[..count]);
        self.text.push_str(&String::from_utf8_lossy(&piece[..count]));
        count > 0
    }

    fn say(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).expect("the server takes components");
    }

    fn answer(&mut self, iq: &Element) -> Option<String> {
        if !matches!(iq.attr("type"), Some("get" | "set")) {
            return None;
        }
        let payload = iq.children().next()?;
        let command = payload.attr("node").filter(|_| payload.name() == "command").map(str::to_owned);
        match command.as_deref() {
            Some(name) if name.starts_with("register-push-") => self.register(iq, name),
            Some(name) if name.starts_with("unregister-push-") => {
                self.keep(|heard| heard.unregistered.push(iq.attr("from").unwrap_or_default().to_owned()));
                (self.manner != Manner::Silent).then(|| reply(iq, APP_SERVER, "result", &completed(name, "")))
            }
            _ if payload.name() == "pubsub" => {
                self.keep(|heard| heard.pushes.push(publication(iq)));
                Some(reply(iq, APP_SERVER, "result", ""))
            }
            _ => Some(reply(iq, APP_SERVER, "error", NO)),
        }
    }

    fn register(&self, iq: &Element, name: &str) -> Option<String> {
        let number = {
            let mut heard = self.shared.lock();
            heard.registered.push(iq.attr("from").unwrap_or_default().to_owned());
            heard.registered.len()
        };
        self.shared.news.notify_all();
        let form = |jid: &str, node: &str| {
            let fields = [("jid", jid), ("node", node), ("secret", &secret(number))];
            let field = |(name, value): &(&str, &str)| format!("<field var='{name}'><value>{value}</value></field>");
            let fields: String = fields.iter().filter(|(_, value)| !value.is_empty()).map(field).collect();
            completed(name, &format!("<x xmlns='jabber:x:data' type='form'>{fields}</x>"))
        };
        let right = form(APP_SERVER, &node(number));
        Some(match self.manner {
            Manner::Silent => return None,
            Manner::Right => reply(iq, APP_SERVER, "result", &right),
            Manner::Error => reply(iq, APP_SERVER, "error", NO),
            Manner::Garbage => reply(iq, APP_SERVER, "result", "<stuff xmlns='and:nonsense'>&lt;jid&gt;</stuff>"),
            Manner::OtherJid => reply(iq, APP_SERVER, "result", &form("romeo@verona.test", &node(number))),
            Manner::NoNode => reply(iq, APP_SERVER, "result", &form(APP_SERVER, "")),
            Manner::OtherName => reply(iq, &format!("other@{APP_SERVER}"), "result", &right),
        })
    }

    fn keep(&self, what: impl FnOnce(&mut Heard)) {
        what(&mut self.shared.lock());
        self.shared.news.notify_all();
    }
}

const NO: &str = "<error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";

fn completed(name: &str, inside: &str) -> String {
    format!("<command xmlns='http://jabber.org/protocol/commands' node='{name}' status='completed'>{inside}</command>")
}

fn reply(iq: &Element, from: &str, kind: &str, payload: &str) -> String {
    let attribute = |name: &str| iq.attr(name).unwrap_or_default().replace('&', "&amp;").replace('\'', "&apos;");
    let (id, to) = (attribute("id"), attribute("from"));
    format!("<iq type='{kind}' id='{id}' from='{from}' to='{to}'>{payload}</iq>")
}

fn publication(iq: &Element) -> Push {
    let xml = String::from(iq);
    let pubsub = iq.children().next();
    let publish = pubsub.and_then(|pubsub| pubsub.children().find(|child| child.name() == "publish"));
    let options = pubsub.and_then(|pubsub| pubsub.children().find(|child| child.name() == "publish-options"));
    let form = options.and_then(|options| options.children().next());
    let mut fields = form.into_iter().flat_map(Element::children);
    let secret = fields.find(|field| field.attr("var") == Some("secret")).and_then(|field| field.children().next());
    Push {
        node: publish.and_then(|publish| publish.attr("node")).unwrap_or_default().to_owned(),
        secret: secret.map(Element::text).unwrap_or_default(),
        xml,
    }
}
