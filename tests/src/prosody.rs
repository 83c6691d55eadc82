//! A real Prosody for one test, on free loopback ports, in a folder of its own.

use crate::certs::{Authority, LeafFiles};
use crate::environment;
use crate::process::Process;
pub use crate::prosody_config::{APP_SERVER, Archive, DOMAIN, Mechanisms, ROOMS, Settings};
use crate::prosody_config::{Place, render};
use crate::scratch::Scratch;
use crate::server::{self, Server, free_ports};
use crate::tap::{Recorded, Tap};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The server; it ends and its files go with this value.
#[derive(Debug)]
pub struct Prosody {
    scratch: Scratch,
    authority: Authority,
    files: LeafFiles,
    settings: Settings,
    version: String,
    port: u16,
    tls_port: u16,
    component_port: u16,
    process: Option<Process>,
}

const START: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(30);

impl Prosody {
    /// Starts one and waits until it listens.
    pub fn start(settings: Settings) -> Prosody {
        let scratch = if settings.in_memory { Scratch::in_memory("prosody") } else { Scratch::new("prosody") };
        let authority = Authority::new(&scratch);
        let files = authority.leaf(&scratch, DOMAIN, settings.leaf);
        let version = std::fs::read_to_string(environment::prosody().join("version")).unwrap_or_default();
        let version = version.trim().to_owned();
        let mut server = Prosody {
            scratch,
            authority,
            files,
            settings,
            version,
            port: 0,
            tls_port: 0,
            component_port: 0,
            process: None,
        };
        // A free port can be gone a moment later: then another is tried.
        let mut problem = String::new();
        for _ in 0..5 {
            [server.port, server.tls_port, server.component_port] = free_ports();
            match server.try_start() {
                Ok(()) => return server,
                Err(text) => problem = text,
            }
        }
        panic!("Prosody does not start:\n{problem}");
    }

    /// One with the default settings and these accounts, whose password is [`Prosody::PASSWORD`].
    pub fn with_accounts(users: &[&str]) -> Prosody {
        let server = Prosody::start(Settings::default());
        for user in users {
            server.account(user, Prosody::PASSWORD);
        }
        server
    }

    /// The password of accounts for which nothing else is said.
    pub const PASSWORD: &str = server::PASSWORD;

    fn try_start(&mut self) -> Result<(), String> {
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("prosody");
        let place = Place {
            folder: self.scratch.path(),
            modules: &modules,
            port: self.port,
            tls_port: self.tls_port,
            component_port: self.component_port,
            chain: &self.files.chain,
            key: &self.files.key,
            is_13: self.is_13(),
        };
        std::fs::create_dir_all(self.scratch.join("data")).map_err(|error| error.to_string())?;
        if !self.archive().exists() {
            crate::archive::prepare(&self.archive()).map_err(|error| error.to_string())?;
        }
        let config = self.scratch.write("prosody.cfg.lua", render(&self.settings, &place));
        let mut command = Command::new(environment::prosody().join("prosody"));
        command.arg("-F").arg("--config").arg(config).stdin(Stdio::null()).stdout(Stdio::piped());
        let errors = std::fs::File::options().append(true).create(true).open(self.scratch.join("stderr"));
        command.stderr(errors.map_err(|error| error.to_string())?);
        let mut process = Process::start("prosody", &mut command);
        let lines = read_log(&mut process, self.scratch.join("log"));
        let component = self.settings.push.then_some(self.component_port);
        let ports: Vec<u16> = [self.port, self.tls_port].into_iter().chain(component).collect();
        wait_until_listening(&lines, &ports).map_err(|log| {
            format!("{log}{}", std::fs::read_to_string(self.scratch.join("stderr")).unwrap_or_default())
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Makes an account by writing its file; Prosody hashes the password at the first login.
    pub fn account(&self, user: &str, password: &str) {
        let folder = self.scratch.join(format!("data/{}/accounts", DOMAIN.replace('.', "%2e")));
        std::fs::create_dir_all(&folder).expect("the scratch folder can be written");
        let quoted = password.replace('\\', "\\\\").replace('"', "\\\"");
        let content = format!("return {{\n\t[\"password\"] = \"{quoted}\";\n}};\n");
        std::fs::write(folder.join(format!("{user}.dat")), content).expect("the scratch folder can be written");
    }

    /// Ends it as an administrator does, so that clients are told.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate(END);
        }
    }

    /// Ends it as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Starts it again, on the same ports and with the same data.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "it still runs");
        if let Err(problem) = self.try_start() {
            panic!("Prosody does not start again:\n{problem}");
        }
    }

    /// Gets a certificate for a new key, from the next start on; hands back what it had.
    pub fn renew(&mut self) -> LeafFiles {
        let keep = |file: &Path, name: &str| {
            let kept = self.scratch.join(name);
            std::fs::copy(file, &kept).expect("the scratch folder can be written");
            kept
        };
        let old = LeafFiles { chain: keep(&self.files.chain, "old.pem"), key: keep(&self.files.key, "old.key") };
        self.files = self.authority.leaf(&self.scratch, DOMAIN, self.settings.leaf);
        old
    }

    /// Changes what it offers, from the next start on.
    pub fn settings(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Version 13 or later.
    pub fn is_13(&self) -> bool {
        self.version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 13)
    }

    /// The port for STARTTLS on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port for direct TLS on 127.0.0.1.
    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// The port for the app server ([`Settings::push`]) on 127.0.0.1.
    pub fn component_port(&self) -> u16 {
        self.component_port
    }

    /// The certificate authority to trust, PEM.
    pub fn ca(&self) -> &Path {
        &self.authority.file
    }

    /// The bare JID of an account.
    pub fn jid(&self, user: &str) -> String {
        format!("{user}@{DOMAIN}")
    }

    /// What clients sent so far.
    pub fn tap(&self) -> Tap {
        Tap::read(&self.scratch.join("tap"))
    }

    /// Waits until a client sent a stanza that fits; what Prosody took, it acts on before it reads on.
    pub fn wait_until_sent(&self, what: &str, fits: impl Fn(&Recorded) -> bool) {
        let end = Instant::now() + START;
        while !self.tap().sent().any(&fits) {
            assert!(Instant::now() < end, "no client sent this within {START:?}: {what}");
            // A file tells no one that it grew; this pause decides nothing.
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Waits until this user published bundles in both versions of OMEMO, so that others can write to them.
    pub fn wait_until_reachable(&self, user: &str) {
        let client = format!("{}/", self.jid(user));
        for node in ["node='urn:xmpp:omemo:2:bundles'", "node='eu.siacs.conversations.axolotl.bundles:"] {
            let fits = |stanza: &Recorded| {
                stanza.client.starts_with(&client) && stanza.xml.contains("<publish ") && stanza.xml.contains(node)
            };
            self.wait_until_sent(node, fits);
        }
    }

    /// The folder with all that it stored.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// The SQLite file of the archive ([`Archive::Sqlite`]).
    pub fn archive(&self) -> PathBuf {
        self.scratch.join("archive.sqlite")
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.join("log")).unwrap_or_default()
    }
}

impl Server for Prosody {
    fn port(&self) -> u16 {
        self.port
    }

    fn tls_port(&self) -> u16 {
        self.tls_port
    }

    fn ca(&self) -> &Path {
        self.ca()
    }
}

impl Drop for Prosody {
    fn drop(&mut self) {
        if std::thread::panicking() && !crate::process::is_ending() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(15).collect();
            eprintln!("Prosody {}'s last words:", self.version);
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
    }
}

/// Copies the log to a file and hands its lines on.
fn read_log(process: &mut Process, file: PathBuf) -> Receiver<String> {
    use std::io::Write;
    let output = process.child().stdout.take().expect("standard output was piped");
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut file = std::fs::File::options().append(true).create(true).open(file).ok();
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { break };
            if let Some(file) = &mut file {
                let _ = writeln!(file, "{line}");
            }
            let _ = sender.send(line);
        }
    });
    receiver
}

/// Waits for the log to say that these ports are served; hands back the log when it says otherwise.
fn wait_until_listening(lines: &Receiver<String>, ports: &[u16]) -> Result<(), String> {
    let end = Instant::now() + START;
    let mut missing: Vec<String> = ports.iter().map(u16::to_string).collect();
    let mut log = VecDeque::new();
    while !missing.is_empty() {
        let left = end.saturating_duration_since(Instant::now());
        let Ok(line) = lines.recv_timeout(left) else {
            return Err(log.into_iter().map(|line| format!("{line}\n")).collect());
        };
        if line.contains("Activated service") {
            missing.retain(|port| !line.split(|sign: char| !sign.is_ascii_digit()).any(|number| number == port));
        }
        if line.contains("Failed to open server port") {
            return Err(line);
        }
        log.push_back(line);
    }
    // The log speaks of it just before the kernel knows.
    ports.iter().try_for_each(|port| match TcpStream::connect(("127.0.0.1", *port)) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("port {port}: {error}")),
    })
}
