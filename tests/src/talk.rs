//! A talk in which anything may happen to anyone, and the claim that holds at its end all the same.
//!
//! Each [`Talker`] is one device with a list of numbered texts to say. It says them in order, asks again after a crash
//! for what was not answered, under the same origin id, and in the end every device holds every text exactly once.

use crate::dunnock::{Device, Rpc, account};
use crate::server::Server;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How long the end of a talk may bring nothing new to anyone: longer than we wait for a server that throttles.
const LAST_WORDS: Duration = Duration::from_secs(180);
/// How long to wait for news before looking again.
const LOOK: Duration = Duration::from_millis(500);

/// One device that talks to one other account.
#[derive(Debug)]
pub struct Talker {
    /// Its home and environment.
    pub device: Device,
    /// Its account.
    pub jid: String,
    /// The account it talks to.
    pub peer: String,
    options: Vec<String>,
    rpc: Option<Rpc>,
    /// Begins each of its texts.
    voice: String,
    /// Texts whose sending was answered: all before this one.
    answered: usize,
    /// Requests under way: their id, and which text.
    asked: VecDeque<(u64, usize)>,
}

impl Talker {
    /// A device of this user, started, online and known to the server; `voice` tells its texts from those of others.
    pub fn new(server: &impl Server, voice: &str, user: &str, peer: &str, port: u16) -> Talker {
        Talker::on(Device::new(voice), server, voice, user, peer, port)
    }

    /// The same on a device that was made before, for one with an environment of its own.
    pub fn on(device: Device, server: &impl Server, voice: &str, user: &str, peer: &str, port: u16) -> Talker {
        let mut rpc = device.rpc();
        rpc.ok("account.add", account(server, user, port, server.ca()));
        Talker::through(rpc, device, server, voice, user, peer)
    }

    /// The same on a device that has the account already.
    pub fn joined(device: Device, server: &impl Server, voice: &str, user: &str, peer: &str) -> Talker {
        Talker::through(device.rpc(), device, server, voice, user, peer)
    }

    fn through(rpc: Rpc, device: Device, server: &impl Server, voice: &str, user: &str, peer: &str) -> Talker {
        let mut talker = Talker {
            device,
            jid: server.jid(user),
            peer: server.jid(peer),
            options: Vec::new(),
            rpc: Some(rpc),
            voice: voice.to_owned(),
            answered: 0,
            asked: VecDeque::new(),
        };
        let jid = talker.jid.clone();
        talker.rpc().connect(&jid);
        talker
    }

    /// Its text of this number.
    pub fn text(&self, number: usize) -> String {
        format!("{} says {number}", self.voice)
    }

    /// How many of its texts were answered.
    pub fn answered(&self) -> usize {
        self.answered
    }

    /// Options of the program from the next start on.
    pub fn options(&mut self, options: &[&str]) {
        self.options = options.iter().map(|option| (*option).to_owned()).collect();
    }

    /// Starts the process, asks it to connect, and does not wait for that: it may die on the way.
    pub fn start(&mut self) {
        assert!(self.rpc.is_none(), "{} still runs", self.voice);
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        let mut rpc = self.device.rpc_with(&options);
        rpc.send("account.connect", json!({ "account": self.jid }));
        self.rpc = Some(rpc);
        self.asked.clear();
    }

    /// Ends the process at once.
    pub fn kill(&mut self) {
        self.collect();
        if let Some(rpc) = self.rpc.take() {
            rpc.kill();
        }
    }

    /// Ends the process as a person does, with a goodbye to the server.
    pub fn leave(&mut self) {
        self.collect();
        if let Some(rpc) = self.rpc.take() {
            assert_eq!(rpc.close(), Some(0), "{}'s process does not end well", self.voice);
        }
    }

    /// Asks the running process for what it is to say next, up to text number `end`, with at most `window` requests open.
    pub fn say(&mut self, end: usize, window: usize) {
        self.collect();
        let Some(rpc) = &mut self.rpc else { return };
        let mut next = self.answered + self.asked.len();
        while next < end && self.asked.len() < window {
            let text = format!("{} says {next}", self.voice);
            let origin_id = format!("{}-{next}", self.voice);
            let params = json!({ "account": self.jid, "to": self.peer, "text": text, "origin_id": origin_id });
            self.asked.push_back((rpc.send("message.send", params), next));
            next += 1;
        }
    }

    /// Takes the answers that came, and drops the events.
    pub fn collect(&mut self) {
        let Some(rpc) = &mut self.rpc else { return };
        // Nobody looks at them, and whoever waits for a line would look through all of them.
        rpc.process().take_all(|line| line["method"] == "event");
        while let Some((id, number)) = self.asked.front() {
            match rpc.try_answer(*id, Duration::ZERO) {
                Some(Ok(_)) => {
                    self.answered = number + 1;
                    self.asked.pop_front();
                }
                Some(Err(error)) => panic!("{} was not to say {number}: {error}", self.voice),
                None => return,
            }
        }
    }

    /// Waits a moment for it to die; true if it did. What it answered before counts.
    pub fn died_within(&mut self, limit: Duration) -> bool {
        let Some(rpc) = &mut self.rpc else { return true };
        if rpc.process().process().ended_within(limit).is_none() {
            return false;
        }
        // Its last answers are read to their end before it is let go.
        while rpc.process().is_open() {
            std::thread::yield_now();
        }
        self.collect();
        self.rpc = None;
        true
    }

    /// Whether its process runs.
    pub fn is_running(&self) -> bool {
        self.rpc.is_some()
    }

    /// The running process.
    pub fn rpc(&mut self) -> &mut Rpc {
        self.rpc.as_mut().expect("it was started")
    }

    /// Says all up to `end` and waits until each was answered.
    pub fn say_all(&mut self, end: usize) {
        let limit = Instant::now() + LAST_WORDS;
        while self.answered < end {
            self.say(end, 8);
            let open = self.asked.front().copied();
            if let (Some((id, number)), Some(rpc)) = (open, &self.rpc)
                && let Some(answer) = rpc.try_answer(id, LOOK)
            {
                answer.unwrap_or_else(|error| panic!("{} was not to say {number}: {error}", self.voice));
                self.answered = number + 1;
                self.asked.pop_front();
            }
            assert!(Instant::now() < limit, "{} answers no more", self.voice);
        }
    }

    /// The texts of its chat: who wrote them, what, and how far ours came.
    fn rows(&mut self) -> Vec<Value> {
        let (jid, peer) = (self.jid.clone(), self.peer.clone());
        self.rpc().timeline(&jid, &peer)
    }
}

/// The people behind them compare the keys of a second device of theirs, which came after the first one had its list.
pub fn compare_own_keys(talkers: &mut [Talker]) {
    for first in 0..talkers.len() {
        let jid = talkers[first].jid.clone();
        if talkers[first + 1..].iter().any(|other| other.jid == jid) {
            talkers[first].rpc().trusts(&jid, &jid);
        }
    }
}

/// Waits until everyone holds everything that was answered, then asserts the claim: each text exactly once on every
/// device, in the order in which it was said, readable, and of the sender's own rows none that the server does not have.
///
/// A throttling server takes minutes for what it was given: the wait ends when nothing has come of it for a while.
pub fn assert_all_is_told(talkers: &mut [Talker]) {
    for index in 0..talkers.len() {
        let (mut end, mut most) = (Instant::now() + LAST_WORDS, 0);
        let (rows, said) = loop {
            talkers.iter_mut().for_each(Talker::collect);
            let rows = talkers[index].rows();
            let said: Vec<(String, Vec<String>)> = talkers.iter().map(said).collect();
            let all = said.iter().all(|(voice, texts)| of_voice(&rows, voice).len() >= texts.len());
            let settled = rows.iter().filter(|row| is_settled(row)).count();
            if settled > most {
                (end, most) = (Instant::now() + LAST_WORDS, settled);
            }
            if (all && settled == rows.len()) || Instant::now() > end {
                break (rows, said);
            }
            // Any news is a reason to look again, and so is none.
            let _ = talkers[index].rpc().try_event(LOOK, "message", |_| true);
        };
        assert_rows(&talkers[index].device.name, &rows, &said, talkers[index].rpc.as_mut());
    }
}

/// What every device is to hold of this talker.
fn said(talker: &Talker) -> (String, Vec<String>) {
    (talker.voice.clone(), (0..talker.answered).map(|number| talker.text(number)).collect())
}

fn of_voice<'r>(rows: &'r [Value], voice: &str) -> Vec<&'r str> {
    let start = format!("{voice} says ");
    rows.iter().filter_map(|row| row["text"].as_str()).filter(|text| text.starts_with(&start)).collect()
}

/// Not a row of this device that still waits for the server.
fn is_settled(row: &Value) -> bool {
    !matches!(row["state"].as_str(), Some("waiting" | "sending" | "failed"))
}

fn assert_rows(device: &str, rows: &[Value], said: &[(String, Vec<String>)], rpc: Option<&mut Rpc>) {
    let mut problems = Vec::new();
    for (voice, texts) in said {
        let seen = of_voice(rows, voice);
        let mut count: HashMap<&str, usize> = HashMap::new();
        seen.iter().for_each(|text| *count.entry(text).or_default() += 1);
        let lost: Vec<&String> = texts.iter().filter(|text| !count.contains_key(text.as_str())).collect();
        let doubled: Vec<&&str> = count.iter().filter(|(_, times)| **times > 1).map(|(text, _)| text).collect();
        if !lost.is_empty() || !doubled.is_empty() {
            problems.push(format!("of {voice}'s {}: lost {lost:?}, more than once {doubled:?}", texts.len()));
        } else if seen.iter().zip(texts).any(|(seen, said)| seen != said) || seen.len() != texts.len() {
            problems.push(format!("{voice}'s words out of order: {seen:?}"));
        }
    }
    for row in rows.iter().filter(|row| row["text"].is_null() || !is_settled(row)) {
        problems.push(format!("unreadable or unsent: {row}"));
    }
    if !problems.is_empty() {
        let account = rpc.map(|rpc| rpc.process().account()).unwrap_or_default();
        panic!("on {device}, of {} rows:\n{}\n{account}", rows.len(), problems.join("\n"));
    }
}
