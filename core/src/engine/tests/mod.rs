//! Stories of the engine: people, their devices, and a server in memory. Time is said, not waited for.

mod attacks;
mod bad_input;
mod broken;
mod healing;
mod mutate;
mod mutations;
mod payloads;
mod sealing;
mod server;
mod stories;
mod trust;

use super::{Engine, Input, Now, Rng};
use crate::command::{Command, Reply};
use crate::engine::ns;
use crate::engine::xml::Build as _;
use crate::model::{Delivery, Proof};
use crate::store::account::NewRow;
use crate::store::{Store, Tx};
use crate::wire::{Arrived, Bound};
use jid::FullJid;
use minidom::Element;
use rand::SeedableRng;
use server::Server;

/// The whole play.
struct World {
    server: Server,
    devices: Vec<Device>,
    now: i64,
}

/// One device of somebody.
struct Device {
    full: String,
    store: Store,
    engine: Engine,
    rng: Rng,
    online: bool,
    token: i64,
    /// Deliveries that are held back.
    held: Vec<Element>,
    holds: bool,
}

/// A row as a story looks at it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    own: bool,
    text: Option<String>,
    sealed: i64,
    state: Option<i64>,
    reason: Option<String>,
}

impl World {
    fn new() -> World {
        World { server: Server { page: 100, ..Server::default() }, devices: Vec::new(), now: 1_700_000_100_000 }
    }

    /// A device joins, known by its full JID, and goes online.
    fn device(&mut self, full: &str) -> usize {
        let number = self.devices.len() as u32;
        self.device_with(full, 1000 + number, number as u8 + 1)
    }

    /// The same with a chosen device id and key.
    fn device_with(&mut self, full: &str, device: u32, seed: u8) -> usize {
        let number = self.devices.len();
        let bare = full.split('/').next().unwrap().to_owned();
        self.server.homes.entry(bare.clone()).or_default();
        let mut store = Store::memory();
        let mut rng = Rng::seed_from_u64(u64::from(seed));
        let now = self.time();
        let tx = store.tx().unwrap();
        tx.create_account(&NewRow {
            jid: &bare,
            password: "secret",
            keep_password: false,
            host: None,
            port: None,
            tls: crate::command::Tls::Auto,
            ca: None,
            route: &crate::Route::Direct,
            user_agent: "agent",
            device,
            identity: &[seed; 32],
            now: self.now,
        })
        .unwrap();
        let engine = Engine::open(&tx, now, &mut rng).unwrap();
        tx.commit().unwrap();
        self.devices.push(Device {
            full: full.to_owned(),
            store,
            engine,
            rng,
            online: false,
            token: 0,
            held: Vec::new(),
            holds: false,
        });
        self.connect(number);
        self.settle();
        number
    }

    fn time(&self) -> Now {
        Now { wall: self.now, boot: self.now }
    }

    /// Begins a new stream for a device.
    fn connect(&mut self, number: usize) {
        let full = self.devices[number].full.clone();
        self.server.online.retain(|other| *other != full);
        self.server.online.push(full.clone());
        self.server.deliveries.retain(|(to, _)| *to != full);
        let device = &mut self.devices[number];
        (device.online, device.token) = (true, 0);
        let jid = FullJid::new(&full).unwrap();
        self.input(
            number,
            Input::Online(Bound { jid, resumed: false, resumable: None, carbons: false, proof: Proof::FirstUse }),
        );
    }

    /// The stream of a device is cut: what it had not read is lost to it.
    fn cut(&mut self, number: usize) {
        let full = self.devices[number].full.clone();
        self.server.online.retain(|other| *other != full);
        self.server.deliveries.retain(|(to, _)| *to != full);
        self.devices[number].online = false;
        self.input(number, Input::Offline { error: None, refused: false });
    }

    /// The program of a device dies and starts again, offline.
    fn restart(&mut self, number: usize) {
        let full = self.devices[number].full.clone();
        self.server.online.retain(|other| *other != full);
        self.server.deliveries.retain(|(to, _)| *to != full);
        let now = self.time();
        let device = &mut self.devices[number];
        device.online = false;
        let tx = device.store.tx().unwrap();
        device.engine = Engine::open(&tx, now, &mut device.rng).unwrap();
        tx.commit().unwrap();
    }

    fn input(&mut self, number: usize, input: Input) {
        let now = self.time();
        let device = &mut self.devices[number];
        let tx = device.store.tx().unwrap();
        device.engine.handle(&tx, now, &mut device.rng, input).unwrap();
        device.engine.pump(&tx, now, &mut device.rng).unwrap();
        tx.commit().unwrap();
    }

    /// A stanza arrives at a device, whoever made it.
    fn deliver(&mut self, number: usize, xml: &str) {
        self.input(number, Input::Stanza(Arrived::Whole(xml.parse().unwrap())));
    }

    fn command(&mut self, number: usize, command: Command) -> crate::Result<Reply> {
        let now = self.time();
        let device = &mut self.devices[number];
        let tx = device.store.tx().unwrap();
        let (reply, _) = device.engine.command(&tx, now, &mut device.rng, command)?;
        device.engine.pump(&tx, now, &mut device.rng).unwrap();
        tx.commit().unwrap();
        Ok(reply)
    }

    /// A person compares the keys of all devices in quarantine of somebody, and finds them right.
    fn trusts(&mut self, number: usize, jid: &str) {
        self.settle();
        let trust = crate::model::Trust::Verified;
        let devices = self.tx(number, |tx| tx.devices(jid).unwrap());
        for device in devices.iter().filter(|device| device.trust == crate::model::Trust::Undecided) {
            let (jid, fingerprint) = (jid.to_owned(), device.fingerprint());
            self.command(number, Command::DeviceDecide { jid, fingerprint, trust }).unwrap();
        }
        self.settle();
    }

    /// Says something; the story goes on when all have heard.
    fn says(&mut self, number: usize, to: &str, text: &str) -> i64 {
        let Reply::Sent { message, .. } = self.say(number, to, text).unwrap() else { panic!("not sent") };
        self.settle();
        message.parse().unwrap()
    }

    fn say(&mut self, number: usize, to: &str, text: &str) -> crate::Result<Reply> {
        self.command(number, Command::Send { to: to.into(), text: text.into(), reply_to: None, origin_id: None })
    }

    /// Carries stanzas until nobody has anything to say.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            let sent = (0..self.devices.len()).any(|number| self.upload(number));
            if !self.server.deliveries.is_empty() {
                let (to, stanza) = self.server.deliveries.remove(0);
                if let Some(number) = self.devices.iter().position(|device| device.full == to && device.online) {
                    if self.devices[number].holds {
                        self.devices[number].held.push(stanza);
                    } else {
                        self.input(number, Input::Stanza(arrived(stanza)));
                    }
                }
            } else if !sent {
                return;
            }
        }
        panic!("the story never ends");
    }

    /// Hands one device's rows to the server, acknowledged. True if there were any.
    fn upload(&mut self, number: usize) -> bool {
        let device = &mut self.devices[number];
        if !device.online {
            return false;
        }
        let tx = device.store.tx().unwrap();
        let rows = tx.outgoing_after(device.token, 64).unwrap();
        tx.commit().unwrap();
        for (token, bytes) in &rows {
            let stanza: Element = String::from_utf8(bytes.clone()).unwrap().parse().unwrap();
            let full = self.devices[number].full.clone();
            self.devices[number].token = *token;
            self.server.take(&full, stanza);
            self.input(number, Input::Written { token: *token });
            self.input(number, Input::Acked { token: *token, h: None });
        }
        !rows.is_empty()
    }

    fn tx<T>(&mut self, number: usize, look: impl FnOnce(&Tx) -> T) -> T {
        let tx = self.devices[number].store.tx().unwrap();
        look(&tx)
    }

    /// The rows of a chat as a device has them, oldest first.
    fn chat(&mut self, number: usize, chat: &str) -> Vec<Seen> {
        let sql = "SELECT own, body, sealed, state, reason FROM message WHERE chat = ? ORDER BY position";
        let connection = self.devices[number].store.read();
        let mut rows = connection.prepare(sql).unwrap();
        let rows = rows.query_map([chat], |row| {
            Ok(Seen {
                own: row.get(0)?,
                text: row.get(1)?,
                sealed: row.get(2)?,
                state: row.get(3)?,
                reason: row.get(4)?,
            })
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// The texts of a chat, oldest first; what cannot be read as its reason in brackets.
    fn texts(&mut self, number: usize, chat: &str) -> Vec<String> {
        let rows = self.chat(number, chat);
        rows.into_iter()
            .map(|row| row.text.unwrap_or_else(|| format!("[{}]", row.reason.unwrap_or_default())))
            .collect()
    }

    /// Why a message of ours waits or failed.
    fn error(&mut self, number: usize, message: i64) -> Option<String> {
        let connection = self.devices[number].store.read();
        connection.query_row("SELECT error FROM message WHERE id = ?", [message], |row| row.get(0)).unwrap()
    }

    fn state(&mut self, number: usize, message: i64) -> Option<Delivery> {
        self.tx(number, |tx| tx.message(message).unwrap().unwrap().state)
    }
}

/// A stanza as the wire hands it on.
fn arrived(stanza: Element) -> Arrived {
    match stanza.children().any(|child| child.name() == server::TOO_LARGE) {
        true => {
            let attributes = ["from", "to", "id", "type"].into_iter();
            let bare = crate::engine::xml::el("iq", ns::CLIENT);
            let stump = attributes.fold(bare, |stump, name| stump.at_opt(name, stanza.attr(name)));
            Arrived::Oversized { stump, bytes: 2 << 20 }
        }
        false => Arrived::Whole(stanza),
    }
}
