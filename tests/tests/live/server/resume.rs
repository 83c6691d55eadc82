//! A program that was killed goes on where it was (XEP-0198): the server keeps the stream, the store its counts.

use dunnock_tests::dunnock::{Device, Rpc};
use dunnock_tests::prosody::{Prosody, Settings};
use dunnock_tests::server::Server;
use std::path::PathBuf;

/// A person whose program writes a log.
pub(crate) struct Person {
    pub device: Device,
    pub jid: String,
    pub rpc: Rpc,
}

impl Person {
    /// With an account on this server, online.
    pub(crate) fn online(server: &impl Server, user: &str) -> Person {
        let device = Device::logged_in(user, server, user);
        let rpc = device.rpc_with(&["--log", &log(&device).to_string_lossy()]);
        let mut person = Person { device, jid: server.jid(user), rpc };
        person.rpc.connect(&person.jid);
        person
    }

    /// It is killed, and started again.
    pub(crate) fn dies_and_returns(&mut self) {
        self.dies(|| ());
    }

    pub(crate) fn dies(&mut self, meanwhile: impl FnOnce()) {
        let rpc = self.device.rpc_with(&["--log", &log(&self.device).to_string_lossy()]);
        std::mem::replace(&mut self.rpc, rpc).kill();
        meanwhile();
        self.rpc.connect(&self.jid);
    }

    /// The same, and the stream is not resumed.
    pub(crate) fn dies_and_begins_anew(&mut self, meanwhile: impl FnOnce()) {
        let rpc = self.device.rpc_with(&["--log", &log(&self.device).to_string_lossy()]);
        std::mem::replace(&mut self.rpc, rpc).kill();
        meanwhile();
        self.device.forget_streams();
        self.rpc.connect(&self.jid);
    }

    /// How it logged in the last time: whether the stream was resumed, and by which mechanism.
    pub(crate) fn last_login(&self) -> (bool, String) {
        let text = std::fs::read_to_string(log(&self.device)).unwrap_or_default();
        let line = text.lines().rfind(|line| line.contains("mechanism=")).expect("it logged in").to_owned();
        let mechanism = line.split("mechanism=").nth(1).unwrap_or_default().split(' ').next().unwrap_or_default();
        (line.contains("resumed=true"), mechanism.trim_matches('"').to_owned())
    }

    /// How many streams were resumed so far.
    pub(crate) fn resumed(&self) -> usize {
        self.device.resumed(&log(&self.device))
    }
}

fn log(device: &Device) -> PathBuf {
    device.beside("log")
}

/// Two talk, one of them killed time and again: each stream is resumed, nothing is lost and nothing comes twice.
pub(crate) fn killed_and_resumed(server: &impl Server) {
    let (mut juliet, mut romeo) = (Person::online(server, "juliet"), Person::online(server, "romeo"));
    let (her, him) = (juliet.jid.clone(), romeo.jid.clone());
    juliet.rpc.tells(&her, &him, "0", &romeo.rpc);
    romeo.rpc.tells(&him, &her, "1", &juliet.rpc);
    for round in 1..=3 {
        juliet.dies_and_returns();
        assert_eq!(juliet.resumed(), round, "the stream was not resumed");
        juliet.rpc.tells(&her, &him, &format!("{}", 2 * round), &romeo.rpc);
        romeo.rpc.tells(&him, &her, &format!("{}", 2 * round + 1), &juliet.rpc);
    }
    // What was said and not acknowledged, or came while nobody was there, is neither lost nor doubled.
    juliet.rpc.says(&her, &him, "8");
    juliet.dies(|| drop(romeo.rpc.says(&him, &her, "9")));
    juliet.rpc.sees("9");
    romeo.rpc.sees("8");
    // A goodbye ends the stream for good.
    let rpc = juliet.device.rpc_with(&["--log", &log(&juliet.device).to_string_lossy()]);
    assert_eq!(std::mem::replace(&mut juliet.rpc, rpc).close(), Some(0));
    juliet.rpc.connect(&her);
    assert_eq!(juliet.resumed(), 4, "only what was killed is resumed");
    juliet.rpc.tells(&her, &him, "10", &romeo.rpc);
    for (device, with) in [(&juliet, &him), (&romeo, &her)] {
        let mut texts: Vec<u32> = device.device.texts(with).iter().filter_map(|text| text.parse().ok()).collect();
        texts.sort_unstable();
        assert_eq!(texts, (0..=10).collect::<Vec<u32>>());
    }
}

#[test]
fn a_killed_program_resumes_its_stream_in_one_exchange() {
    killed_and_resumed(&Prosody::with_accounts(&["juliet", "romeo"]));
}

#[test]
fn a_killed_program_resumes_its_stream_step_by_step() {
    let server = Prosody::start(Settings { sasl2: false, ..Settings::default() });
    ["juliet", "romeo"].iter().for_each(|user| server.account(user, Prosody::PASSWORD));
    killed_and_resumed(&server);
}

#[test]
fn a_server_that_forgot_the_stream_gets_a_new_one() {
    let mut server = Prosody::with_accounts(&["juliet", "romeo"]);
    let mut juliet = Person::online(&server, "juliet");
    juliet.dies_and_returns();
    assert_eq!(juliet.resumed(), 1);
    let rpc = juliet.device.rpc_with(&["--log", &log(&juliet.device).to_string_lossy()]);
    std::mem::replace(&mut juliet.rpc, rpc).kill();
    server.kill();
    server.start_again();
    juliet.rpc.connect(&juliet.jid);
    let romeo = Person::online(&server, "romeo");
    juliet.rpc.tells(&juliet.jid, &romeo.jid, "again", &romeo.rpc);
    assert_eq!(juliet.resumed(), 1);
}
