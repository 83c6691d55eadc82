//! A real ejabberd for one test, on free loopback ports, in a folder of its own.

use crate::certs::{Authority, Leaf, LeafFiles};
use crate::commands::Place;
use crate::dunnock::Device;
use crate::environment;
use crate::process::Process;
use crate::prosody_config::{DOMAIN, ROOMS};
use crate::scratch::Scratch;
use crate::server::{PASSWORD, Server, free_ports};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Where it keeps what it is told to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// Erlang's own database, as it comes; it writes to the disk every few seconds.
    Mnesia,
    /// An SQLite file, in which is what was acknowledged.
    Sqlite,
}

/// The server; it ends and its files go with this value.
#[derive(Debug)]
pub struct Ejabberd {
    scratch: Scratch,
    authority: Authority,
    files: LeafFiles,
    storage: Storage,
    port: u16,
    tls_port: u16,
    process: Option<Process>,
}

const START: Duration = Duration::from_secs(90);
const END: Duration = Duration::from_secs(30);

impl Ejabberd {
    /// Starts one and waits until it listens.
    pub fn start(storage: Storage) -> Ejabberd {
        let scratch = Scratch::new("ejabberd");
        let authority = Authority::new(&scratch);
        let files = authority.leaf(&scratch, DOMAIN, Leaf::Good);
        let mut server = Ejabberd { scratch, authority, files, storage, port: 0, tls_port: 0, process: None };
        if storage == Storage::Sqlite {
            server.make_tables();
        }
        // A free port can be gone a moment later: then another is tried.
        let mut problem = String::new();
        for _ in 0..3 {
            [server.port, server.tls_port] = free_ports();
            match server.try_start() {
                Ok(()) => return server,
                Err(text) => problem = text,
            }
        }
        panic!("ejabberd does not start:\n{problem}");
    }

    /// A device of a new account of this name, made in-band, with [`PASSWORD`].
    pub fn registered(&self, user: &str) -> Device {
        let device = Device::new(user);
        let file = device.write("password", PASSWORD);
        let words = ["--password-file", &file.to_string_lossy()];
        device.enter("register", &self.jid(user), Place::of(self), &words).done();
        device
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
            panic!("ejabberd does not start again:\n{problem}");
        }
    }

    /// Gives an account another password; not while it runs, and only with its accounts in SQLite. It salts it at each login.
    pub fn password(&self, user: &str, password: &str) {
        assert!(self.process.is_none(), "it still runs");
        let database = rusqlite::Connection::open(self.database()).expect("it is there");
        let set = "UPDATE users SET password = ?, serverkey = '', salt = '', iterationcount = 0 WHERE username = ?";
        assert_eq!(database.execute(set, [password, user]).expect("ejabberd made the table"), 1);
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.scratch.join("ejabberd.log")).unwrap_or_default()
    }

    fn try_start(&mut self) -> Result<(), String> {
        let config = self.scratch.write("ejabberd.yml", self.config());
        let log = self.scratch.join("ejabberd.log");
        // What it said before is told apart by where it ended.
        let before = fs::read_to_string(&log).unwrap_or_default().len();
        let output = File::options().append(true).create(true).open(self.scratch.join("output"));
        let output = output.map_err(|error| error.to_string())?;
        let mut command = Command::new(environment::ejabberd().join("ejabberd"));
        let database = format!("\"{}\"", self.scratch.join("spool").display());
        command.args(["-mnesia", "dir", &database, "-s", "ejabberd"]);
        // It works hard only when there is work: the machine has other things to do.
        command.args(["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"]);
        command.env("EJABBERD_CONFIG_PATH", &config).env("EJABBERD_LOG_PATH", &log);
        command.env("SPOOL_DIR", self.scratch.join("spool")).env("HOME", self.scratch.path());
        command.env("ERL_CRASH_DUMP_BYTES", "0").current_dir(self.scratch.path());
        command.stdin(Stdio::null()).stderr(output.try_clone().map_err(|error| error.to_string())?).stdout(output);
        let mut process = Process::start("ejabberd", &mut command);
        wait_until_accepting(&mut process, &log, before, &[self.port, self.tls_port])?;
        self.process = Some(process);
        Ok(())
    }

    /// Older versions do not make the tables of their SQLite form themselves.
    fn make_tables(&self) {
        let tables = environment::ejabberd().join("lite.sql");
        let tables = fs::read_to_string(&tables).unwrap_or_else(|error| panic!("{}: {error}", tables.display()));
        let database = rusqlite::Connection::open(self.database()).expect("the scratch folder can be written");
        database.execute_batch(&tables).expect("ejabberd knows its own tables");
    }

    fn database(&self) -> PathBuf {
        self.scratch.join("ejabberd.sqlite")
    }

    /// Its settings: what Debian's own have for a single domain, without limits on speed, and open registration.
    fn config(&self) -> String {
        let storage = match self.storage {
            Storage::Mnesia => "default_db: mnesia".to_owned(),
            Storage::Sqlite => {
                format!("default_db: sql\nsql_type: sqlite\nsql_database: \"{}\"", self.database().display())
            }
        };
        format!(
            r#"loglevel: info
hosts: ["{DOMAIN}"]
certfiles: ["{chain}", "{key}"]
ca_file: "{ca}"
{storage}
auth_password_format: scram
auth_scram_hash: sha256
registration_timeout: infinity
acme: {{auto: false}}
listen:
  - {{port: {port}, ip: "127.0.0.1", module: ejabberd_c2s, max_stanza_size: 1048576, starttls_required: true, access: all}}
  - {{port: {tls_port}, ip: "127.0.0.1", module: ejabberd_c2s, max_stanza_size: 1048576, tls: true, access: all}}
shaper_rules: {{max_user_sessions: 20, max_user_offline_messages: 100000, c2s_shaper: none}}
modules:
  mod_adhoc: {{}}
  mod_blocking: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_client_state: {{}}
  mod_disco: {{}}
  mod_fail2ban: {{c2s_max_auth_failures: 1000}}
  mod_last: {{}}
  mod_muc: {{host: "{ROOMS}", access_create: all, default_room_options: {{mam: true}}, user_message_shaper: none, user_presence_shaper: none}}
  mod_mam: {{assume_mam_usage: true, default: always}}
  mod_offline: {{access_max_user_messages: max_user_offline_messages, use_mam_for_storage: true}}
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_pubsub: {{plugins: [flat, pep], force_node_config: {{"eu.siacs.conversations.axolotl.*": {{access_model: open}}}}}}
  mod_register: {{access: all, ip_access: all}}
  mod_roster: {{versioning: true}}
  mod_stream_mgmt: {{resend_on_timeout: if_offline}}
  mod_time: {{}}
  mod_vcard: {{}}
  mod_version: {{}}
"#,
            chain = self.files.chain.display(),
            key = self.files.key.display(),
            ca = self.authority.file.display(),
            port = self.port,
            tls_port = self.tls_port,
        )
    }
}

impl Server for Ejabberd {
    fn port(&self) -> u16 {
        self.port
    }

    fn tls_port(&self) -> u16 {
        self.tls_port
    }

    fn ca(&self) -> &Path {
        &self.authority.file
    }
}

impl Drop for Ejabberd {
    fn drop(&mut self) {
        if std::thread::panicking() && !crate::process::is_ending() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(15).collect();
            eprintln!("ejabberd's last words:");
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
        // Its folder can only be removed for good once it writes no more.
        self.kill();
    }
}

/// Waits for its log to say that it serves these ports; hands back what it says when it ends instead.
fn wait_until_accepting(process: &mut Process, log: &Path, before: usize, ports: &[u16]) -> Result<(), String> {
    let end = Instant::now() + START;
    loop {
        let said = fs::read_to_string(log).unwrap_or_default();
        let news = said.get(before..).unwrap_or_default();
        let accepting: Vec<&str> = news.lines().filter(|line| line.contains("Start accepting")).collect();
        if ports.iter().all(|port| accepting.iter().any(|line| line.contains(&format!("127.0.0.1:{port} ")))) {
            return Ok(());
        }
        // A file tells no one that it grew; the pause in here decides nothing.
        if process.ended_within(Duration::from_millis(20)).is_some() || Instant::now() > end {
            let output = fs::read_to_string(log.with_file_name("output")).unwrap_or_default();
            return Err(format!("{said}{output}"));
        }
    }
}
