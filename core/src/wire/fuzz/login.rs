//! A whole login at a server that may say anything at any time.
//!
//! The input is all that the server ever says, written down with marks for what it can only know in the exchange: what
//! stands in braces is sent as base64, `~` in it is our nonce, and `$` with a letter for the binding and a digit for the hash
//! (`$p1`) is the proof that the server knows the password. Without such a mark no login may come to anything.

use crate::Route;
use crate::command::Tls;
use crate::net::tls::Channel;
use crate::pin::{Binding, Pin, Shown, Venture};
use crate::wire::connect::Secured;
use crate::wire::leave::Leave;
use crate::wire::login::{Resume, login};
use crate::wire::scram::{Hash, server_signature};
use crate::wire::{Limits, Resumable, Secret, Settings};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, STANDARD_NO_PAD};
use jid::{BareJid, FullJid};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::{Arc, LazyLock};
use tokio::io::AsyncWriteExt;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc};
use zeroize::Zeroizing;

const PASSWORD: &str = "pencil";
/// More iterations take longer than an input may.
const ITERATIONS: u32 = 5_000;
const EXPORTER: [u8; 32] = [9; 32];
const END_POINT: [u8; 32] = [8; 32];

/// Logs in where this is said; the first byte says what is known before. True if the login went through.
pub(crate) fn logs_in(bytes: &[u8]) -> bool {
    let Some((first, rest)) = bytes.split_first() else { return false };
    let Some(script) = Script::read(&String::from_utf8_lossy(rest)) else { return false };
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a thread can be had")
    });
    let done = RUNTIME.block_on(at(*first, &script.said));
    assert!(!done || script.proved, "a login went through without the server's proof");
    done
}

async fn at(known: u8, said: &str) -> bool {
    let has = |bit: u8| known & (1 << bit) != 0;
    let shown = |key| Shown { key: [key; 32], issuer: String::new(), tls: "0304".into() };
    let bound = has(2).then_some(Binding::Exporter);
    let pin = has(1).then(|| Pin { shown: shown(1), bound, confirmed: has(3), mechanism: "SCRAM-SHA-1".into() });
    let key = [if has(4) { 1 } else { 2 }; 32];
    let channel = Channel {
        exporter: Zeroizing::new(EXPORTER),
        end_point: has(5).then(|| END_POINT.to_vec()),
        version: "0304",
        key,
        issuer: String::new(),
    };
    let stream =
        Resumable { id: "sm".into(), jid: FullJid::new("juliet@x.test/r").expect("it is a JID"), location: None };
    let resume = has(6).then_some(Resume { stream, h: 3 });
    let mut settings = settings(pin);
    let pin = settings.pin.clone();
    let (events, _heard) = mpsc::channel(8);
    let before = has(7).then_some(Venture { key, ended: None });
    let known = (Some(key), pin.as_ref());
    let mut leave = Leave::new(events, Arc::new(Semaphore::new(8)), known, before);
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    theirs.write_all(said.as_bytes()).await.expect("there is room");
    theirs.shutdown().await.expect("it is open");
    let link = Secured { socket: Box::new(ours), channel: (known.0.is_some()).then_some(channel), local: None };
    login(link, &mut settings, resume, &mut leave, &mut StdRng::seed_from_u64(1)).await.is_ok()
}

fn settings(pin: Option<Pin>) -> Settings {
    Settings {
        jid: BareJid::new("juliet@x.test").expect("it is a JID"),
        secret: Secret::password(PASSWORD),
        uses: 0,
        host: None,
        port: None,
        tls: Tls::Auto,
        ca: None,
        route: Route::Direct,
        whose: String::new(),
        user_agent: String::new(),
        pin,
        venture: None,
        left: None,
        plain: false,
        limits: Limits::default(),
    }
}

/// What a server says, with its marks filled in.
#[derive(Default)]
struct Script {
    said: String,
    /// The last challenge.
    challenge: String,
    proved: bool,
}

impl Script {
    /// None if it takes too long.
    fn read(text: &str) -> Option<Script> {
        let mut script = Script::default();
        let mut rest = text;
        while let Some((before, marked)) = rest.split_once('{') {
            let (inside, after) = marked.split_once('}').unwrap_or((marked, ""));
            script.said += before;
            let words = script.fill(&inside.replace('~', &nonce()));
            if words.starts_with("r=") {
                script.challenge = words.clone();
            }
            if iterations(&words).is_some_and(|iterations| iterations > ITERATIONS) {
                return None;
            }
            script.said += &BASE64.encode(words);
            rest = after;
        }
        script.said += rest;
        Some(script)
    }

    /// Puts the proof in the place of its mark.
    fn fill(&mut self, words: &str) -> String {
        let Some((before, mark)) = words.split_once('$') else { return words.to_owned() };
        let mut mark = mark.chars();
        let binding = match mark.next() {
            Some('p') => [b"p=tls-exporter,,".as_slice(), &EXPORTER].concat(),
            Some('e') => [b"p=tls-server-end-point,,".as_slice(), &END_POINT].concat(),
            Some('y') => b"y,,".to_vec(),
            _ => b"n,,".to_vec(),
        };
        let hash = match mark.next() {
            Some('5') => Hash::Sha512,
            Some('2') => Hash::Sha256,
            _ => Hash::Sha1,
        };
        let proof = self.proof(hash, &binding).unwrap_or_default();
        self.proved |= !proof.is_empty();
        format!("{before}{proof}{}", mark.as_str())
    }

    fn proof(&self, hash: Hash, binding: &[u8]) -> Option<String> {
        let mut fields = self.challenge.split(',');
        let nonce = fields.next()?.strip_prefix("r=")?;
        let salt = BASE64.decode(fields.next()?.strip_prefix("s=")?).ok()?;
        let iterations = iterations(&self.challenge).filter(|iterations| *iterations <= ITERATIONS)?;
        let bare = format!("n=juliet,r={}", self::nonce());
        let message = format!("{bare},{},c={},r={nonce}", self.challenge, BASE64.encode(binding));
        Some(BASE64.encode(server_signature(hash, (PASSWORD, &salt, iterations), message.as_bytes())))
    }
}

fn iterations(words: &str) -> Option<u32> {
    words.split(',').find_map(|field| field.strip_prefix("i=")?.parse().ok())
}

/// The nonce that the generator will give.
fn nonce() -> String {
    let mut nonce = [0; 24];
    StdRng::seed_from_u64(1).fill_bytes(&mut nonce);
    STANDARD_NO_PAD.encode(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_logging_in_has_its_input_in_the_corpus() {
        let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/login");
        for name in [
            "modern",
            "modern-256",
            "modern-512-end-point",
            "resumed",
            "refused-resumption",
            "sasl2-alone",
            "classic",
            "classic-last-as-challenge",
            "classic-resumed",
        ] {
            let bytes = std::fs::read(corpus.join(name)).unwrap();
            assert!(logs_in(&bytes), "{name}");
            let unproved: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'$').collect();
            assert!(!logs_in(&unproved), "{name} without the mark");
        }
    }
}
