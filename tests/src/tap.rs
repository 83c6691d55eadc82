//! What clients sent, as `mod_dunnock_tap` recorded it on the server, and the one check that every run makes on it.

use crate::scratch;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use minidom::Element;
use prost::Message;
use std::collections::HashMap;
use std::path::Path;

/// Namespace of OMEMO 0.3.
pub const OMEMO_03: &str = "eu.siacs.conversations.axolotl";
/// Namespace of OMEMO 0.8 and later.
pub const OMEMO_2: &str = "urn:xmpp:omemo:2";

/// All records, in the order in which the server saw them.
#[derive(Debug, Clone, Default)]
pub struct Tap {
    /// One for each stanza.
    pub stanzas: Vec<Recorded>,
}

/// One stanza on its way.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Sent by a client; otherwise sent to one.
    pub incoming: bool,
    /// Full JID of the client, or `-` before login.
    pub client: String,
    /// The stanza as XML, without line ends.
    pub xml: String,
}

/// One message key of OMEMO as it went over the wire: what must never be used for two different plain texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyUse {
    /// Bare JID and device of the sender, and the namespace of the version.
    pub sender: (String, String, &'static str),
    /// Device of the recipient.
    pub recipient: String,
    /// The sender's current ratchet key.
    pub ratchet_key: Vec<u8>,
    /// The message's number in its chain.
    pub counter: u32,
}

impl Tap {
    /// Reads a record; none is an empty one. A last line without its end belongs to a server that was killed.
    pub fn read(path: &Path) -> Tap {
        let content = std::fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&content);
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        Tap { stanzas: whole.lines().filter_map(Recorded::parse).collect() }
    }

    /// What clients sent.
    pub fn sent(&self) -> impl Iterator<Item = &Recorded> {
        self.stanzas.iter().filter(|stanza| stanza.incoming)
    }

    /// Every use of an OMEMO message key, with the ciphertext that it made.
    pub fn key_uses(&self) -> Vec<(KeyUse, Vec<u8>)> {
        self.sent().flat_map(Recorded::key_uses).collect()
    }

    /// Panics when one message key made two different ciphertexts; hands back how many uses there were.
    pub fn assert_no_key_used_twice(&self) -> usize {
        let mut seen: HashMap<KeyUse, Vec<u8>> = HashMap::new();
        let uses = self.key_uses();
        let count = uses.len();
        for (key, ciphertext) in uses {
            if let Some(before) = seen.get(&key) {
                assert!(*before == ciphertext, "one message key made two ciphertexts: {key:?}");
            }
            seen.insert(key, ciphertext);
        }
        count
    }

    /// Panics when any of these texts went to the server in clear.
    pub fn assert_never_sent(&self, texts: &[&str]) {
        for stanza in self.sent() {
            let found = texts.iter().find(|text| stanza.xml.contains(**text));
            assert!(found.is_none(), "{found:?} was sent in clear: {}", stanza.xml);
        }
    }
}

/// Panics when any file below a folder holds any of these texts; says which and where.
pub fn assert_not_stored(folder: &Path, texts: &[&str]) {
    let found = scratch::files_holding(folder, texts);
    assert!(found.is_empty(), "stored in clear: {found:?}");
}

impl Recorded {
    fn parse(line: &str) -> Option<Recorded> {
        let mut parts = line.splitn(3, '\t');
        let (direction, client, xml) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Recorded { incoming: direction == "in", client: client.to_owned(), xml: xml.to_owned() })
    }

    /// The stanza as a tree; none for what is nested too deep for one, as hostile stanzas are.
    pub fn element(&self) -> Option<Element> {
        let depth = self.xml.matches('<').count();
        if depth > 20_000 || deepest(&self.xml) > 100 {
            return None;
        }
        Element::from_reader_with_prefixes(self.xml.as_bytes(), "jabber:client".to_owned()).ok()
    }

    /// The OMEMO message keys that this stanza uses.
    pub fn key_uses(&self) -> Vec<(KeyUse, Vec<u8>)> {
        let Some(stanza) = self.element().filter(|stanza| stanza.name() == "message") else { return Vec::new() };
        let sender = self.client.split('/').next().unwrap_or_default();
        let elements = stanza.children().filter(|child| child.name() == "encrypted");
        elements.flat_map(|encrypted| key_uses(encrypted, sender)).collect()
    }
}

/// How deep the tags of a document are nested, counted without a tree.
fn deepest(xml: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for tag in xml.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        if tag.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if !tag.ends_with('/') {
            depth += 1;
            deepest = deepest.max(depth);
        }
    }
    deepest
}

fn key_uses(encrypted: &Element, sender: &str) -> Vec<(KeyUse, Vec<u8>)> {
    let namespace = [OMEMO_03, OMEMO_2].into_iter().find(|namespace| encrypted.ns() == *namespace);
    let header = encrypted.children().find(|child| child.name() == "header");
    let (Some(namespace), Some(header)) = (namespace, header) else { return Vec::new() };
    let sender = (sender.to_owned(), header.attr("sid").unwrap_or_default().to_owned(), namespace);
    // Version 2 groups the keys by JID, 0.3 does not.
    let grouped = header.children().filter(|child| child.name() == "keys").flat_map(Element::children);
    let keys = header.children().chain(grouped).filter(|child| child.name() == "key");
    keys.map(|key| {
        let recipient = key.attr("rid").unwrap_or_default().to_owned();
        let bytes = BASE64_STANDARD.decode(key.text().trim()).unwrap_or_default();
        let exchange = ["prekey", "kex"].iter().any(|name| matches!(key.attr(*name), Some("true" | "1")));
        let parts = match namespace {
            OMEMO_03 => parts_03(&bytes, exchange),
            _ => parts_2(&bytes, exchange),
        };
        let Parts { ratchet_key, counter, ciphertext } =
            parts.unwrap_or_else(|| panic!("a key element of {sender:?} is malformed: {}", key.text()));
        (KeyUse { sender: sender.clone(), recipient, ratchet_key, counter }, ciphertext)
    })
    .collect()
}

struct Parts {
    ratchet_key: Vec<u8>,
    counter: u32,
    ciphertext: Vec<u8>,
}

/// libsignal's framing: a version byte, protobuf, and for the inner message eight bytes of MAC.
fn parts_03(bytes: &[u8], exchange: bool) -> Option<Parts> {
    #[derive(Message)]
    struct Exchange {
        #[prost(bytes = "vec", optional, tag = "4")]
        message: Option<Vec<u8>>,
    }
    #[derive(Message)]
    struct Whisper {
        #[prost(bytes = "vec", optional, tag = "1")]
        ratchet_key: Option<Vec<u8>>,
        #[prost(uint32, optional, tag = "2")]
        counter: Option<u32>,
        #[prost(bytes = "vec", optional, tag = "4")]
        ciphertext: Option<Vec<u8>>,
    }
    let inner = if exchange { Exchange::decode(bytes.get(1..)?).ok()?.message? } else { bytes.to_vec() };
    let end = inner.len().checked_sub(8)?;
    let whisper = Whisper::decode(inner.get(1..end)?).ok()?;
    Some(Parts {
        ratchet_key: whisper.ratchet_key?,
        counter: whisper.counter.unwrap_or(0),
        ciphertext: whisper.ciphertext?,
    })
}

/// The protobuf of XEP-0384, section 4.
fn parts_2(bytes: &[u8], exchange: bool) -> Option<Parts> {
    #[derive(Message)]
    struct KeyExchange {
        #[prost(bytes = "vec", optional, tag = "5")]
        message: Option<Vec<u8>>,
    }
    #[derive(Message)]
    struct Authenticated {
        #[prost(bytes = "vec", optional, tag = "2")]
        message: Option<Vec<u8>>,
    }
    #[derive(Message)]
    struct OmemoMessage {
        #[prost(uint32, optional, tag = "1")]
        n: Option<u32>,
        #[prost(bytes = "vec", optional, tag = "3")]
        dh_pub: Option<Vec<u8>>,
        #[prost(bytes = "vec", optional, tag = "4")]
        ciphertext: Option<Vec<u8>>,
    }
    let outer = if exchange { KeyExchange::decode(bytes).ok()?.message? } else { bytes.to_vec() };
    let message = OmemoMessage::decode(Authenticated::decode(outer.as_slice()).ok()?.message?.as_slice()).ok()?;
    Some(Parts { ratchet_key: message.dh_pub?, counter: message.n.unwrap_or(0), ciphertext: message.ciphertext? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 0.3 message whose key element holds this counter and ciphertext.
    fn message(counter: u8, ciphertext: u8) -> Recorded {
        let mut bytes = vec![0x33, 0x0a, 1, 9, 0x10, counter, 0x22, 1, ciphertext];
        bytes.extend([0; 8]);
        let key = BASE64_STANDARD.encode(bytes);
        let xml = format!(
            "<message to='romeo@verona.test'><encrypted xmlns='{OMEMO_03}'>\
             <header sid='1'><key rid='2'>{key}</key><iv>AA==</iv></header></encrypted></message>"
        );
        Recorded::parse(&format!("in\tjuliet@verona.test/x\t{xml}")).unwrap()
    }

    #[test]
    fn the_same_stanza_sent_again_is_no_second_use() {
        let tap = Tap { stanzas: vec![message(3, 7), message(4, 8), message(3, 7)] };
        assert_eq!(tap.assert_no_key_used_twice(), 3);
    }

    #[test]
    #[should_panic(expected = "two ciphertexts")]
    fn one_key_for_two_ciphertexts_is_caught() {
        Tap { stanzas: vec![message(3, 7), message(3, 8)] }.assert_no_key_used_twice();
    }

    #[test]
    #[should_panic(expected = "in clear")]
    fn a_text_in_clear_is_caught() {
        let line = "in\tjuliet@verona.test/x\t<message><body>a secret</body></message>";
        Tap { stanzas: vec![Recorded::parse(line).unwrap()] }.assert_never_sent(&["secret"]);
    }

    #[test]
    fn hostile_nesting_is_left_alone() {
        let xml = format!("<message>{}{}</message>", "<a>".repeat(25_000), "</a>".repeat(25_000));
        let stanza = Recorded { incoming: true, client: "-".to_owned(), xml };
        assert!(stanza.element().is_none());
    }
}
