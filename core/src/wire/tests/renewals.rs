//! A thousand honest changes of servers, through the whole login: no alarm, the pins roll, and a server that never bound a
//! login says so each time.

use super::fake::{BIND, Peer, Story, channel, confirms, name};
use crate::model::Proof;
use crate::net::tls::Channel;
use crate::pin::{Binding, Pin, Word};
use crate::wire::FromWire;
use crate::wire::xml::ns;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A server as it stands today.
#[derive(Debug, Clone)]
struct Server {
    key: u8,
    /// Some sign by authorities that change, too.
    issuer: u8,
    /// SASL2 and Bind2, as Prosody 13 has them with the community's modules; else SASL as in 0.12.
    sasl2: bool,
    /// What it can be bound to, and says so (XEP-0440).
    binds: Vec<Binding>,
    /// It confirms its offer inside of the login (XEP-0474).
    confirms: bool,
}

impl Server {
    fn channel(&self) -> Channel {
        let issuer = format!("CN=Authority {}", self.issuer);
        Channel { issuer, end_point: Some(vec![self.key; 32]), ..channel(self.key) }
    }

    fn mechanisms(&self) -> &'static [&'static str] {
        if self.binds.is_empty() { &["PLAIN", "SCRAM-SHA-1"] } else { &["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"] }
    }

    /// The features before a login.
    fn offer(&self) -> String {
        let names = self.mechanisms().iter().map(|name| format!("<mechanism>{name}</mechanism>")).collect::<String>();
        let kinds =
            self.binds.iter().map(|kind| format!("<channel-binding type='{}'/>", kind.name())).collect::<String>();
        let bindings = match self.binds.is_empty() {
            true => String::new(),
            false => format!("<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>{kinds}</sasl-channel-binding>"),
        };
        match self.sasl2 {
            true => format!(
                "<authentication xmlns='urn:xmpp:sasl:2'>{names}<inline><bind xmlns='urn:xmpp:bind:0'><inline/></bind>\
                 </inline></authentication>{bindings}"
            ),
            false => format!("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{names}</mechanisms>{bindings}"),
        }
    }

    /// What it says of its offer inside of the login.
    fn word(&self) -> String {
        let mut kinds: Vec<&str> = self.binds.iter().map(|kind| kind.name()).collect();
        kinds.sort_unstable();
        let kinds = if kinds.is_empty() { String::new() } else { format!("\u{1f}{}", kinds.join("\u{1e}")) };
        if self.confirms { confirms(&(self.mechanisms().join("\u{1e}") + &kinds)) } else { String::new() }
    }

    /// Takes a login.
    async fn takes(&self, peer: &mut Peer) {
        let namespace = if self.sasl2 { ns::SASL2 } else { ns::SASL };
        peer.opens(&self.offer()).await;
        let (_, scram) = peer.challenge_with(namespace, &self.word()).await;
        let best = self.binds.iter().max();
        let flag = match best {
            Some(kind) => format!("p={},,", kind.name()),
            None => "y,,".to_owned(),
        };
        assert!(scram.first.starts_with(&flag), "{} at {self:?}", scram.first);
        let last = scram.verify_at(&peer.hears_a("response").await.text(), &[self.key; 32]);
        match self.sasl2 {
            true => {
                peer.says(&format!(
                    "<success xmlns='urn:xmpp:sasl:2'><additional-data>{last}</additional-data>\
                     <authorization-identifier>juliet@x.test/r1</authorization-identifier>\
                     <bound xmlns='urn:xmpp:bind:0'/></success><stream:features/>"
                ))
                .await;
            }
            false => {
                peer.says(&format!("<success xmlns='{}'>{last}</success>", ns::SASL)).await;
                peer.opens(BIND).await;
                peer.binds().await;
            }
        }
    }

    /// One day of an honest operator. Whoever takes a binding away moves the end of TLS elsewhere; that is followed only
    /// with the server's word for it.
    fn changes(&mut self, rng: &mut StdRng) -> &'static str {
        self.key = rng.random_range(1..=250);
        match rng.random_range(0..10) {
            0 => {
                self.issuer = rng.random();
                "another authority"
            }
            1 if !self.sasl2 => {
                *self = Server { sasl2: true, binds: vec![Binding::EndPoint, Binding::Exporter], ..self.clone() };
                "Prosody 0.12 to 13"
            }
            2 if self.sasl2 && !self.confirms => {
                self.confirms = true;
                "0474 is new"
            }
            3 if self.confirms && self.binds.len() == 2 => {
                self.binds = vec![Binding::EndPoint];
                "TLS ends elsewhere"
            }
            4 if self.confirms => {
                self.binds.clear();
                "TLS ends where nothing can be bound"
            }
            5 if self.confirms => {
                self.binds = vec![Binding::EndPoint, Binding::Exporter];
                "TLS ends here again"
            }
            _ => "a new key",
        }
    }
}

/// The next Online, with what was remembered anew on the way there.
async fn comes_online(story: &mut Story, at: &str) -> (Proof, Option<Pin>) {
    let mut met = None;
    loop {
        match story.event().await {
            FromWire::Online(bound) => return (bound.proof, met),
            FromWire::Server(Word::Met(pin)) => met = Some(pin),
            FromWire::Connecting | FromWire::Learned(_) | FromWire::Server(Word::Venture(_) | Word::Answered) => {}
            FromWire::Server(Word::Doubted(evidence)) => panic!("{at}: an alarm, {evidence:?}"),
            FromWire::Offline { error, .. } => panic!("{at}: {:?}", error.map(|error| error.kind)),
            other => panic!("{at}: {}", name(&other)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_honest_changes_raise_no_alarm_and_roll_the_pins() {
    let mut rng = StdRng::seed_from_u64(1);
    let (mut changes, mut kinds) = (0, std::collections::BTreeMap::new());
    for life in 0..50 {
        // Every other one is plain for good.
        let plain = life % 2 == 0;
        let mut server = Server { key: 1, issuer: 1, sasl2: false, binds: Vec::new(), confirms: false };
        let mut story = Story::over(Some(server.channel()));
        for day in 0..=20 {
            let mut change = "the first login";
            if day > 0 {
                change = match plain {
                    true => {
                        (server.key, server.issuer) = (rng.random_range(1..=250), rng.random());
                        "a new key of a plain server"
                    }
                    false => server.changes(&mut rng),
                };
                changes += 1;
                *kinds.entry(change).or_insert(0) += 1;
            }
            story.shows_channel(server.channel());
            let mut peer = story.peer().await;
            server.takes(&mut peer).await;
            let at = format!("life {life}, day {day}, {change}");
            let (proof, met) = comes_online(&mut story, &at).await;
            match server.binds.is_empty() {
                false => assert_eq!(proof, Proof::Proved, "{at}"),
                true => assert_ne!(proof, Proof::Proved, "{at}"),
            }
            if plain {
                assert_eq!(proof, Proof::FirstUse, "{at}");
            }
            if let Some(pin) = met {
                assert_eq!(pin.shown.key, [server.key; 32], "{at}: the pin rolls");
                assert_eq!(pin.shown.issuer, server.channel().issuer, "{at}");
                assert_eq!(pin.bound, server.binds.iter().max().copied(), "{at}");
            }
            drop(peer);
            assert!(story.offline().await.1.is_some(), "{at}: it is tried again");
        }
    }
    assert_eq!(changes, 1000);
    assert!(kinds.len() == 8 && kinds.values().all(|count| *count >= 5), "{kinds:?}");
    eprintln!("1000 honest changes, 0 alarms: {kinds:?}");
}
