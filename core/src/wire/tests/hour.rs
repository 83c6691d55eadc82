//! An hour in a pocket: engine and wire together against a server in memory, with a clock that is said and not waited for.
//! What is counted is what we say, and how often we wake by ourselves; a server that speaks wakes us anyway.
//!
//! The hour is that of a day with 30 contacts and two rooms. The server holds back what can wait while nobody looks
//! (XEP-0352), as Prosody's `csi_simple` does, and asks for an acknowledgement of each batch and after 14 minutes of silence.

use super::fake::{Peer, Story};
use crate::command::{Command, RoomChange};
use crate::engine::{Engine, Input, Now, Rng};
use crate::store::Store;
use crate::store::account::NewRow;
use crate::wire::{FromWire, ToWire, Vigil};
use minidom::Element;
use rand::SeedableRng;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

const ROOMS: [&str; 2] = ["garden@rooms.x.test", "square@rooms.x.test"];
/// The quiet after the start, when all that was wanted has been asked; and the hour itself.
const START: u64 = 1800;
const HOUR: u64 = 3600;

/// What was counted.
#[derive(Default)]
struct Counts {
    /// Seconds at which the server spoke.
    heard: Vec<u64>,
    /// Seconds at which we did something, and what.
    did: Vec<(u64, String)>,
    /// Bytes that we said, by name.
    bytes: BTreeMap<String, usize>,
    begun: Option<Instant>,
}

impl Counts {
    fn second(&self) -> Option<u64> {
        self.begun.map(|begun| begun.elapsed().as_secs())
    }

    fn heard(&mut self) {
        let second = self.second();
        self.heard.extend(second);
    }

    fn did(&mut self, what: &str, bytes: usize) {
        if let Some(second) = self.second() {
            self.did.push((second, what.to_owned()));
            *self.bytes.entry(what.to_owned()).or_default() += bytes;
        }
    }

    /// Moments at which we were not woken by anybody else.
    fn own(&self) -> Vec<(u64, &str)> {
        let alone = |second: u64| !self.heard.iter().any(|heard| (*heard..=heard + 1).contains(&second));
        let mut own: Vec<(u64, &str)> =
            self.did.iter().filter(|(second, _)| alone(*second)).map(|(s, what)| (*s, what.as_str())).collect();
        own.dedup_by_key(|(second, _)| *second);
        own
    }
}

/// Rows, engine and time.
struct Brain<'a> {
    store: Store,
    engine: Engine,
    rng: Rng,
    begun: Instant,
    last: i64,
    due: Option<i64>,
    counts: &'a RefCell<Counts>,
}

impl<'a> Brain<'a> {
    fn new(counts: &'a RefCell<Counts>) -> Self {
        let mut store = Store::memory();
        let (mut rng, begun) = (Rng::seed_from_u64(7), Instant::now());
        let tx = store.tx().unwrap();
        tx.create_account(&NewRow {
            jid: "juliet@x.test",
            password: "",
            keep_password: false,
            host: None,
            port: None,
            tls: crate::command::Tls::Auto,
            ca: None,
            route: &crate::Route::Direct,
            user_agent: "agent",
            device: 1000,
            identity: &[7; 32],
            now: 1_700_000_000_000,
        })
        .unwrap();
        let engine = Engine::open(&tx, now(begun), &mut rng).unwrap();
        tx.commit().unwrap();
        Brain { store, engine, rng, begun, last: 0, due: None, counts }
    }

    /// One transaction; what is to be written then.
    fn turn(&mut self, work: impl FnOnce(&mut Engine, &crate::store::Tx, Now, &mut Rng)) -> Vec<(i64, Vec<u8>)> {
        let now = now(self.begun);
        let tx = self.store.tx().unwrap();
        work(&mut self.engine, &tx, now, &mut self.rng);
        self.engine.pump(&tx, now, &mut self.rng).unwrap();
        self.due = self.engine.next_deadline(&tx).unwrap();
        let rows = tx.outgoing_after(self.last, 64).unwrap();
        tx.commit().unwrap();
        self.last = rows.last().map_or(self.last, |(token, _)| *token);
        for (_, bytes) in &rows {
            let name = String::from_utf8_lossy(bytes).split([' ', '>', '/']).next().unwrap().replace('<', "");
            self.counts.borrow_mut().did(&name, bytes.len());
        }
        rows
    }

    fn input(&mut self, input: Input) -> Vec<(i64, Vec<u8>)> {
        self.turn(|engine, tx, now, rng| drop(engine.handle(tx, now, rng, input).unwrap()))
    }

    fn command(&mut self, command: Command) -> Vec<(i64, Vec<u8>)> {
        self.turn(|engine, tx, now, rng| drop(engine.command(tx, now, rng, command).unwrap()))
    }

    /// When it wakes by itself.
    fn wakes(&self) -> Instant {
        let due = self.due.map_or(u64::MAX / 2, |due| (due - now(self.begun).wall).max(0) as u64);
        Instant::now() + Duration::from_millis(due.min(86_400_000))
    }
}

fn now(begun: Instant) -> Now {
    let past = begun.elapsed().as_millis() as i64;
    Now { wall: 1_700_000_000_000 + past, boot: past }
}

/// The program's end: carries between wire and engine for as long as it lasts.
async fn client(story: &mut Story, brain: &mut Brain<'_>) {
    loop {
        let wakes = brain.wakes();
        let rows = tokio::select! {
            biased;
            event = story.event() => match event {
                FromWire::Online(bound) => {
                    story.says(ToWire::Begin).await;
                    brain.last = 0;
                    brain.input(Input::Online(bound))
                }
                FromWire::Stanza(arrived, _) => {
                    let rows = brain.input(Input::Stanza(arrived));
                    story.says(ToWire::Handled { stanzas: 1 }).await;
                    rows
                }
                FromWire::Written { token } => brain.input(Input::Written { token }),
                FromWire::Acked { token, h } => brain.input(Input::Acked { token, h }),
                FromWire::Offline { error, .. } => panic!("the stream ended: {:?}", error.map(|error| error.kind)),
                _ => continue,
            },
            () = sleep_until(wakes) => {
                brain.counts.borrow_mut().did("tick", 0);
                brain.input(Input::Tick)
            }
        };
        for (token, bytes) in rows {
            story.says(ToWire::Send { token, bytes }).await;
        }
    }
}

/// The answer to a request, as any server gives it to somebody with nothing.
fn answer(iq: &Element) -> String {
    let (id, to) = (iq.attr("id").unwrap(), iq.attr("to"));
    let from = to.map(|to| format!(" from='{to}'")).unwrap_or_default();
    let payload = iq.children().next().unwrap();
    let ns = payload.ns();
    let room = to.is_some_and(|to| ROOMS.contains(&to));
    let features = |names: &[&str]| {
        let names: String = names.iter().map(|name| format!("<feature var='{name}'/>")).collect();
        format!("<query xmlns='http://jabber.org/protocol/disco#info'>{names}</query>")
    };
    let inside = match (payload.name(), ns.as_str()) {
        ("query", "http://jabber.org/protocol/disco#info") if room => {
            features(&["muc_membersonly", "muc_hidden", "muc_nonanonymous", "urn:xmpp:mam:2"])
        }
        ("query", "http://jabber.org/protocol/disco#info") => features(&["urn:xmpp:mam:2", "urn:xmpp:sid:0"]),
        ("query", "jabber:iq:roster") if iq.attr("type") == Some("get") => {
            let items: String =
                (0..30).map(|n| format!("<item jid='friend{n}@x.test' subscription='both'/>")).collect();
            format!("<query xmlns='jabber:iq:roster'>{items}</query>")
        }
        ("query", "http://jabber.org/protocol/muc#admin") => format!("<query xmlns='{ns}'/>"),
        ("query", "urn:xmpp:mam:2") => {
            "<fin xmlns='urn:xmpp:mam:2' complete='true'><set xmlns='http://jabber.org/protocol/rsm'/></fin>".to_owned()
        }
        ("pubsub", _) if iq.attr("type") == Some("get") => {
            let error = "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
            return format!("<iq type='error' id='{id}'{from}>{error}</iq>");
        }
        _ => String::new(),
    };
    format!("<iq type='result' id='{id}'{from}>{inside}</iq>")
}

fn occupant(room: &str, nick: &str, jid: &str, more: &str) -> String {
    format!(
        "<presence from='{room}/{nick}'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' \
         role='participant' jid='{jid}'/>{more}</x></presence>"
    )
}

/// What the server says to this, if anything.
fn reply(heard: &Element, h: &mut u32) -> String {
    *h += u32::from(matches!(heard.name(), "iq" | "presence" | "message"));
    match heard.name() {
        "r" => format!("<a xmlns='urn:xmpp:sm:3' h='{h}'/>"),
        "iq" if matches!(heard.attr("type"), Some("get" | "set")) => answer(heard),
        "presence" => {
            let Some((room, nick)) = heard.attr("to").and_then(|to| to.split_once('/')) else { return String::new() };
            let others: String =
                (0..5).map(|n| occupant(room, &format!("nick{n}"), &format!("friend{n}@x.test/r"), "")).collect();
            let subject = format!("<message type='groupchat' from='{room}'><subject/></message>");
            others + &occupant(room, nick, "juliet@x.test/r1", "<status code='110'/>") + &subject
        }
        _ => String::new(),
    }
}

/// What happens in the hour, by its second; `true` goes out at once, the rest is held back until something does.
fn recorded() -> Vec<(u64, bool, String)> {
    let mut all = Vec::new();
    for n in 0..60u64 {
        let friend = n % 30;
        let show = if n < 30 { "<show>away</show>" } else { "" };
        all.push((40 + 58 * n, false, format!("<presence from='friend{friend}@x.test/phone'>{show}</presence>")));
    }
    for n in 0..40u64 {
        let room = ROOMS[(n % 2) as usize];
        let id = format!("<stanza-id xmlns='urn:xmpp:sid:0' by='{room}' id='g{n}'/>");
        let body = format!("<body>word {n}</body>{id}");
        all.push((
            15 + 88 * n,
            false,
            format!("<message type='groupchat' from='{room}/nick{}' id='g{n}'>{body}</message>", n % 5),
        ));
        let nick = format!("nick{}", n % 5);
        all.push((20 + 85 * n, false, occupant(room, &nick, &format!("friend{}@x.test/r", n % 5), "")));
    }
    for n in 0..6u64 {
        let from = format!("friend{}@x.test/phone", 2 * n);
        let typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
        all.push((290 + 600 * n, false, format!("<message type='chat' from='{from}'>{typing}</message>")));
        let id = format!("<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@x.test' id='c{n}'/>");
        let body = format!("<body>hello {n}</body>{id}");
        all.push((300 + 600 * n, true, format!("<message type='chat' from='{from}' id='c{n}'>{body}</message>")));
        let ping =
            format!("<iq type='get' id='p{n}' from='x.test' to='juliet@x.test/r1'><ping xmlns='urn:xmpp:ping'/></iq>");
        all.push((555 + 600 * n, true, ping));
    }
    all.sort();
    all
}

/// The server's end: answers, and from `START` on what was recorded.
async fn server(peer: &mut Peer, counts: &RefCell<Counts>) {
    let begun = Instant::now();
    let mut recorded = recorded().into_iter().peekable();
    let (mut h, mut held, mut spoke) = (0, String::new(), Instant::now());
    loop {
        let begins = begun + Duration::from_secs(START);
        let next = recorded.peek().map(|(second, ..)| begins + Duration::from_secs(*second));
        let silent = spoke + Duration::from_secs(14 * 60);
        let end = begins + Duration::from_secs(HOUR);
        tokio::select! {
            biased;
            heard = peer.hears() => {
                if matches!(heard.name(), "r" | "a") {
                    counts.borrow_mut().did(heard.name(), String::from(&heard).len());
                }
                let reply = reply(&heard, &mut h);
                if !reply.is_empty() {
                    peer.says(&reply).await;
                }
            }
            () = sleep_until(next.unwrap_or(end)), if next.is_some() => {
                let (_, now, stanza) = recorded.next().unwrap();
                held += &stanza;
                if now {
                    counts.borrow_mut().heard();
                    peer.says(&(std::mem::take(&mut held) + "<r xmlns='urn:xmpp:sm:3'/>")).await;
                    spoke = Instant::now();
                }
            }
            () = sleep_until(silent) => {
                counts.borrow_mut().heard();
                peer.says("<r xmlns='urn:xmpp:sm:3'/>").await;
                spoke = Instant::now();
            }
            () = sleep_until(end) => return,
        }
    }
}

/// Goes online and into the rooms, and then into a pocket; the hour begins once all is quiet.
async fn hour(vigil: Vigil) -> Counts {
    let counts = RefCell::new(Counts::default());
    let mut story = Story::begin();
    let mut brain = Brain::new(&counts);
    let mut peer = story.peer().await;
    peer.modern("<enabled xmlns='urn:xmpp:sm:3' id='sm1' resume='true'/>").await;
    let mut rows = Vec::new();
    for room in ROOMS {
        rows.extend(brain.command(Command::Room { room: room.into(), change: RoomChange::Join { nick: None } }));
    }
    let commands = story.commands.clone();
    let pocket = async {
        tokio::time::sleep(Duration::from_secs(START / 2)).await;
        let _ = commands.send(ToWire::Watch(vigil)).await;
        std::future::pending::<()>().await
    };
    let begins = async {
        tokio::time::sleep(Duration::from_secs(START)).await;
        counts.borrow_mut().begun = Some(Instant::now());
        std::future::pending::<()>().await
    };
    brain.engine.inactive = true;
    tokio::select! {
        () = server(&mut peer, &counts) => {}
        () = client(&mut story, &mut brain) => {}
        () = pocket => {}
        () = begins => {}
    }
    drop(brain);
    counts.into_inner()
}

#[tokio::test(start_paused = true)]
async fn an_hour_in_a_pocket_costs_no_more_than_two_kilobytes_and_four_wake_ups_of_our_own() {
    for vigil in [Vigil::Left, Vigil::Woken] {
        let counts = hour(vigil).await;
        let bytes: usize = counts.bytes.values().sum();
        let own = counts.own();
        println!("{vigil:?}: {bytes} bytes {:?}, woken by ourselves {} times: {own:?}", counts.bytes, own.len());
        println!("woken by the server {} times", counts.heard.len());
        assert!(counts.heard.len() >= 12, "the hour was not played");
        assert!(bytes <= 2048, "{bytes} bytes: {:?}", counts.bytes);
        assert!(own.len() <= 4, "{own:?}");
    }
}
