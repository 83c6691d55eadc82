//! Catching up with 2000 OMEMO messages, beside the same archive only counted, and beside slixmpp with python-omemo.

use crate::watched::{Memory, Watched};
use dunnock_core::bench::{Counting, count_archive};
use dunnock_tests::dunnock::Device;
use dunnock_tests::figures::{Figure, publish};
use dunnock_tests::peer::Peer;
use dunnock_tests::process::Process;
use dunnock_tests::prosody::{Prosody, Settings};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) const MESSAGES: u32 = 2000;
pub(crate) const RUNS: usize = 5;

/// Two devices of Juliet's, ours and slixmpp's, that were away while Romeo wrote; as they were when they left. The server is
/// as it was then until one of them comes back.
pub(crate) struct Absence {
    server: Prosody,
    jid: String,
    device: Device,
    peer: Peer,
}

/// One catching up.
pub(crate) struct Run {
    pub(crate) seconds: f64,
    pub(crate) cpu: f64,
    pub(crate) messages: f64,
}

impl Absence {
    /// Both devices come once, go, and then so many messages are written to both.
    pub(crate) fn of(messages: u32) -> Absence {
        // Else writing the archive takes minutes where the disk is busy. It makes the floor faster, not us.
        let mut server = Prosody::start(Settings { in_memory: true, ..Settings::default() });
        server.account("juliet", Prosody::PASSWORD);
        server.account("romeo", Prosody::PASSWORD);
        let (device, sender) = (Device::new("juliet"), Device::new("romeo"));
        device.online(&server, "juliet").close();
        let mut peer = Peer::start(&server, "juliet");
        peer.quit();
        copy(&device.home(), &device.beside("home.kept"));
        copy(peer.folder(), &device.beside("peer.kept"));
        let (jid, romeo) = (server.jid("juliet"), server.jid("romeo"));
        let mut writer = sender.online(&server, "romeo");
        let mut last = String::new();
        for number in 0..messages {
            let text = format!("{number}: It is the lark that sings so out of tune, straining harsh discords.");
            last = writer.says(&romeo, &jid, &text);
        }
        writer.event("delivery", "sent", |event| event["message"] == *last && event["state"] == "sent");
        writer.close();
        server.stop();
        fs::copy(server.archive(), device.beside("archive.kept")).expect("it can be copied");
        server.start_again();
        Absence { server, jid, device, peer }
    }

    /// The server again as if nobody had come back yet: whoever does so first is handed every message a second time, out of
    /// the offline store.
    fn rewind(&mut self) {
        self.server.stop();
        fs::copy(self.device.beside("archive.kept"), self.server.archive()).expect("it can be copied");
        self.server.start_again();
    }

    /// Our program comes back; handed back while it still runs.
    pub(crate) fn ours(&self) -> (Run, Watched) {
        fs::remove_dir_all(self.device.home()).expect("it can be made anew");
        copy(&self.device.beside("home.kept"), &self.device.home());
        let mut ours = Watched::start(&self.device);
        ours.connect(&self.jid);
        let (start, cpu) = (std::time::Instant::now(), ours.cpu());
        ours.caught_up();
        let run = Run { seconds: start.elapsed().as_secs_f64(), cpu: ours.cpu() - cpu, messages: f64::from(MESSAGES) };
        (run, ours)
    }

    /// The same wire, and behind it only a counter, in a process of its own. If it is to be `present` it says so first, as
    /// ours does, and is handed what the offline store holds.
    pub(crate) fn counter(&self, present: bool) -> Run {
        let program = std::env::current_exe().expect("this program has a file");
        let mut command = Command::new(program);
        command.args(["--count", &self.jid, Prosody::PASSWORD, &self.server.port().to_string()]);
        command.arg(self.server.ca()).arg(present.to_string()).stdout(Stdio::piped());
        let mut process = Process::start("counter", &mut command);
        let output = process.child().stdout.take().expect("standard output was piped");
        let counted: Value = serde_json::from_reader(output).expect("it says what it counted");
        assert!(!present || counted["live"].as_u64() >= Some(u64::from(MESSAGES)), "no copies: {counted}");
        Run::of(&counted)
    }

    /// slixmpp comes back and reads the archive.
    pub(crate) fn slixmpp(&mut self) -> (Run, Memory) {
        fs::remove_dir_all(self.peer.folder()).expect("it can be made anew");
        copy(&self.device.beside("peer.kept"), self.peer.folder());
        self.peer.start_again();
        let run = Run::of(&self.peer.command(json!({ "do": "history", "page": 100 })));
        let memory = crate::watched::memory_of(self.peer.id());
        self.peer.kill();
        (run, memory)
    }
}

impl Run {
    fn of(told: &Value) -> Run {
        let number = |name: &str| told[name].as_f64().unwrap_or_else(|| panic!("no {name} in {told}"));
        let run = Run { seconds: number("seconds"), cpu: number("cpu_seconds"), messages: number("messages") };
        assert!(run.messages >= f64::from(MESSAGES), "only {} messages", run.messages);
        run
    }
}

/// Alternated, so that a busy moment of the machine hits all alike.
pub(crate) fn run() {
    let mut absence = Absence::of(MESSAGES);
    let (mut first, mut first_counted) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        absence.rewind();
        first_counted.push(absence.counter(true));
        absence.rewind();
        first.push(absence.ours().0);
    }
    let (mut ours, mut counter, mut slixmpp) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        counter.push(absence.counter(false));
        ours.push(absence.ours().0);
        slixmpp.push(absence.slixmpp().0);
    }
    let seconds = |name: &str, runs: &[Run]| Figure::new(name, "s", runs.iter().map(|run| run.seconds).collect());
    let each = |name: &str, runs: &[Run]| {
        Figure::new(name, "ms", runs.iter().map(|run| run.cpu / run.messages * 1000.0).collect())
    };
    let floor = seconds("counted only", &counter);
    let peer = seconds("slixmpp-omemo", &slixmpp);
    let first_floor = seconds("the first time, counted only", &first_counted);
    let cpu_floor = each("CPU a message, counted only", &counter);
    publish(
        "catchup",
        &[
            seconds("online to caught up", &ours).beside(&floor),
            seconds("online to caught up, once more", &ours).beside(&peer),
            seconds("the first time, with the offline store's copies", &first).beside(&first_floor),
            each("CPU a message, the first time", &first),
            each("CPU a message", &ours).beside(&cpu_floor),
            each("CPU a message, slixmpp-omemo", &slixmpp),
            cpu_floor,
            each("CPU a message, the first time, counted only", &first_counted),
            first_floor,
            floor,
            peer,
        ],
    );
}

/// The other process: counts the archive of the account that the words name, and says so.
pub(crate) fn count(words: &[String]) {
    let [jid, password, port, ca, present] = words else { panic!("usage: --count JID PASSWORD PORT CA PRESENT") };
    let counted = count_archive(Counting {
        jid: jid.clone(),
        password: password.clone().into(),
        host: "127.0.0.1".to_owned(),
        port: port.parse().expect("a port"),
        ca: fs::read_to_string(ca).expect("the authority's file"),
        present: present == "true",
    });
    let counted = counted.unwrap_or_else(|error| panic!("counting failed: {}", error.kind.code()));
    let told = json!({
        "messages": counted.messages, "live": counted.live, "pages": counted.pages,
        "seconds": counted.time.as_secs_f64(), "cpu_seconds": counted.cpu.as_secs_f64(),
    });
    println!("{told}");
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(to).expect("a new folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("it can be read");
        let (kind, target) = (entry.file_type().expect("it has a kind"), to.join(entry.file_name()));
        match kind.is_dir() {
            true => copy(&entry.path(), &target),
            false => fs::copy(entry.path(), target).map(drop).expect("it can be copied"),
        }
    }
}
