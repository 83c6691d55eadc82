//! What a device told the world, held against what its database holds: nothing is answered, acknowledged or sent before it
//! is on the disk.
//!
//! To be looked at while the device's process is dead. Texts are found by their origin ids, `voice-number` (`talk.rs`).

use crate::dunnock::PATIENCE;
use crate::prosody::Prosody;
use crate::scratch::Scratch;
use crate::talk::Talker;
use crate::tap::Tap;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

/// How many texts a device told the world of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told {
    /// Their sending was answered to the person.
    pub answered: usize,
    /// Their arrival on the last stream was acknowledged to the server.
    pub acknowledged: usize,
    /// They reached the server on the last stream.
    pub sent: usize,
}

impl std::ops::AddAssign for Told {
    fn add_assign(&mut self, other: Told) {
        self.answered += other.answered;
        self.acknowledged += other.acknowledged;
        self.sent += other.sent;
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{} answered, {} acknowledged, {} sent, none missing", self.answered, self.acknowledged, self.sent)
    }
}

/// What a database holds of the talk.
struct Rows {
    /// The address that the server bound to its last stream.
    full_jid: String,
    /// Origin id of each readable message, and whether it has still to be encrypted.
    messages: BTreeMap<String, bool>,
    /// Stanzas that wait for the end of the catch-up.
    inbox: Vec<String>,
}

/// Looks whether the database of a dead device is whole and holds all that it told; says what is missing. The server must
/// record what it sends (`tap_out`).
pub fn look(server: &Prosody, talker: &Talker, voices: &[&str]) -> Result<Told, String> {
    let name = &talker.device.name;
    let rows =
        read(&talker.device.home(), &talker.device.key_file()).map_err(|problem| format!("{name}: {problem}"))?;
    hears_all(server.port());
    let (sent, acknowledged) = over_the_wire(&server.tap(), &rows.full_jid, voices);
    let answered: Vec<String> = (0..talker.answered()).map(|number| format!("{name}-{number}")).collect();

    let here = |id: &String| rows.messages.contains_key(id);
    let waits = |id: &String| rows.inbox.iter().any(|stanza| ids(stanza, voices).contains(id));
    let missing = |what: &str, texts: &[String], fits: &dyn Fn(&String) -> bool| {
        let lost: Vec<&String> = texts.iter().filter(|id| !fits(id)).collect();
        if lost.is_empty() { Ok(()) } else { Err(format!("{name} {what} and does not hold {lost:?}")) }
    };
    missing("answered", &answered, &here)?;
    missing("acknowledged", &acknowledged, &|id| here(id) || waits(id))?;
    missing("sent", &sent, &|id| rows.messages.get(id) == Some(&false))?;
    Ok(Told { answered: answered.len(), acknowledged: acknowledged.len(), sent: sent.len() })
}

/// Waits until the server has read what a dead device left in the socket: it answers a newcomer after that, unless it
/// throttles.
fn hears_all(port: u16) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket has time-outs");
    let hello = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='verona.test' \
                 version='1.0'>";
    stream.write_all(hello.as_bytes()).expect("the server reads");
    let answered = stream.read(&mut [0; 512]).expect("the server answers");
    assert!(answered > 0, "the server answers");
}

/// The texts that a client sent on this stream, and those whose arrival it acknowledged (XEP-0198 §4).
fn over_the_wire(tap: &Tap, full_jid: &str, voices: &[&str]) -> (Vec<String>, Vec<String>) {
    let (mut sent, mut arrived, mut acknowledged) = (Vec::new(), Vec::new(), 0);
    for stanza in tap.stanzas.iter().filter(|stanza| stanza.client == full_jid) {
        let counts = ["<message", "<presence", "<iq"].iter().any(|tag| stanza.xml.starts_with(tag));
        match (stanza.incoming, counts) {
            (true, true) => sent.extend(ids(&stanza.xml, voices)),
            (true, false) => acknowledged = height(&stanza.xml).unwrap_or(acknowledged),
            (false, true) => arrived.push(ids(&stanza.xml, voices)),
            // A new stream, under the same address as the one before: from here on the server counts.
            (false, false) if stanza.xml.contains("<enabled") => {
                (sent, arrived, acknowledged) = Default::default();
            }
            (false, false) => {}
        }
    }
    (sent, arrived.into_iter().take(acknowledged).flatten().collect())
}

/// The `h` of an acknowledgement.
fn height(xml: &str) -> Option<usize> {
    let value = xml.strip_prefix("<a ")?.split(" h=").nth(1).or_else(|| xml.strip_prefix("<a h="))?;
    value.get(1..)?.split(['\'', '"']).next()?.parse().ok()
}

/// The origin id of the text in a stanza; of what is not encrypted, none.
fn ids(xml: &str, voices: &[&str]) -> Vec<String> {
    if !xml.contains("<encrypted") || xml.contains("type='error'") {
        return Vec::new();
    }
    let mut found: Vec<String> = xml.split(['\'', '"']).filter(|word| is_id(word, voices)).map(str::to_owned).collect();
    found.dedup();
    found
}

fn is_id(word: &str, voices: &[&str]) -> bool {
    let Some((voice, number)) = word.split_once('-') else { return false };
    voices.contains(&voice) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads a copy, so that the device finds what its last process left.
fn read(home: &Path, key: &Path) -> Result<Rows, String> {
    let scratch = Scratch::new("ledger");
    let accounts = std::fs::read_dir(home.join("accounts")).map_err(|error| format!("no accounts: {error}"))?;
    let account = accounts.flatten().next().ok_or("no account")?.path();
    for entry in std::fs::read_dir(&account).map_err(|error| error.to_string())?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("store.db") && !name.ends_with("-shm") {
            std::fs::copy(entry.path(), scratch.join(name)).map_err(|error| error.to_string())?;
        }
    }
    let key = std::fs::read_to_string(key).map_err(|error| format!("no key: {error}"))?;
    rows(&scratch.join("store.db"), key.trim()).map_err(|error| format!("its database: {error}"))
}

fn rows(file: &Path, key: &str) -> rusqlite::Result<Rows> {
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    database.execute_batch(&format!("PRAGMA key = \"x'{key}'\""))?;
    let whole: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    assert_eq!(whole, "ok", "the database is damaged");
    let full_jid: Option<String> = database.query_row("SELECT full_jid FROM connection", [], |row| row.get(0))?;
    let mut messages =
        database.prepare("SELECT origin_id, waiting FROM message WHERE origin_id IS NOT NULL AND body IS NOT NULL")?;
    let messages = messages.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    let mut inbox = database.prepare("SELECT raw FROM inbox")?;
    let inbox = inbox.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(Rows { full_jid: full_jid.unwrap_or_default(), messages, inbox })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tap::Recorded;

    fn said(incoming: bool, xml: &str) -> Recorded {
        Recorded { incoming, client: "juliet@x/1".to_owned(), xml: xml.to_owned() }
    }

    #[test]
    fn what_was_acknowledged_is_counted_from_where_the_server_counts() {
        let text = |number| format!("<message id='romeo-{number}'><encrypted/></message>");
        let stanzas = vec![
            said(false, &text(8)),
            said(true, "<message id='juliet-3'><encrypted/></message>"),
            said(true, "<a xmlns='urn:xmpp:sm:3' h='9'/>"),
            said(false, "<iq type='result'/>"),
            said(false, "<enabled xmlns='urn:xmpp:sm:3'/>"),
            said(false, &text(0)),
            said(false, "<r xmlns='urn:xmpp:sm:3'/>"),
            said(false, "<presence/>"),
            said(false, &text(1)),
            said(true, "<message id='juliet-4'><encrypted/></message>"),
            said(false, &text(2)),
            said(true, "<a xmlns='urn:xmpp:sm:3' h='3' xml:lang='en'/>"),
        ];
        let (sent, acknowledged) = over_the_wire(&Tap { stanzas }, "juliet@x/1", &["juliet", "romeo"]);
        assert_eq!(sent, ["juliet-4"]);
        assert_eq!(acknowledged, ["romeo-0", "romeo-1"]);
    }

    #[test]
    fn an_acknowledgement_is_read_wherever_its_number_stands() {
        assert_eq!(height("<a h='7' xmlns='urn:xmpp:sm:3'/>"), Some(7));
        assert_eq!(height("<a xmlns='urn:xmpp:sm:3' h=\"12\"/>"), Some(12));
        assert_eq!(height("<r xmlns='urn:xmpp:sm:3'/>"), None);
    }
}
