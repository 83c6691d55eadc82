//! A private Tor network on loopback: three authorities, four exits, an onion service, and a client with a SOCKS port.
//!
//! Made for speed: the first vote takes place some seconds after the start instead of at the next full interval, and once
//! there is a consensus everyone is told to fetch it.

use crate::environment;
use crate::names::Names;
use crate::process::Process;
use crate::scratch::Scratch;
use crate::tor_config::{AUTHORITIES, EXITS, Plan, Relay, for_arti, offset};
use rustix::process::Signal;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// Seconds from the start to the first vote: by then everyone must know everyone. A busy machine needs more; the next vote
/// would be minutes later.
const LEADS: [u64; 4] = [18, 30, 45, 60];
/// How long after the first vote the whole may take to come up.
const START: Duration = Duration::from_secs(60);
/// How long a vote takes.
const VOTE: Duration = Duration::from_secs(15);
/// How long the making of a key may take.
const KEYS: Duration = Duration::from_secs(240);

/// The network; it ends and its files go with this value.
#[derive(Debug)]
pub struct TorNet {
    scratch: Scratch,
    relays: Vec<Relay>,
    processes: Vec<(String, Process)>,
    /// Where the exits resolve names.
    pub names: Names,
    /// The port of the C tor client, for SOCKS.
    pub socks: u16,
    control: u16,
    /// The address of the onion service, whose port 5222 leads to the loopback port that the network was started with.
    pub onion: String,
}

impl TorNet {
    /// Starts one and waits until streams to exits and to the onion service come through. `target` is the loopback port
    /// behind the onion service.
    pub fn start(target: u16) -> TorNet {
        let mut problem = String::new();
        // A free port can be gone a moment later, too: then all of it is tried again.
        for lead in LEADS {
            match TorNet::try_start(target, lead) {
                Ok(net) => return net,
                Err(text) => {
                    eprintln!("a private Tor network did not come up: {text}");
                    problem = text;
                }
            }
        }
        panic!("no private Tor network: {problem}");
    }

    fn try_start(target: u16, lead: u64) -> Result<TorNet, String> {
        let scratch = Scratch::in_memory("tor");
        let names = Names::start();
        let ports = free_ports(AUTHORITIES * 2 + EXITS + 2);
        let relays = relays(&scratch, &ports);
        let client = (ports[ports.len() - 2], ports[ports.len() - 1]);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let offset = offset(now, lead);
        let address = names.address();
        scratch.write("resolv.conf", format!("nameserver {address}\n"));
        let plan = Plan { folder: scratch.path(), relays: &relays, names: address, client, target, offset };
        let others = ["service".to_owned(), "client".to_owned()];
        let mut processes = Vec::new();
        for name in relays.iter().map(|relay| &relay.name).chain(&others) {
            private_folder(&scratch.join(name));
            let torrc = scratch.write(&format!("{name}/torrc"), plan.torrc(name));
            let mut command = tor(&torrc);
            command.arg("--quiet").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            processes.push((name.clone(), Process::start(name, &mut command)));
        }
        let (socks, control) = client;
        let mut net = TorNet { scratch, relays, processes, names, socks, control, onion: String::new() };
        net.come_up(Duration::from_secs(lead)).map(|()| net)
    }

    /// Waits for the consensus, for everyone to have it, and for the onion service to be found.
    fn come_up(&mut self, lead: Duration) -> Result<(), String> {
        let vote = Instant::now() + lead;
        let end = vote + START;
        let all = self.relays.len();
        self.wait(vote + VOTE, "a consensus of all relays", |net| {
            net.relays[..AUTHORITIES].iter().any(|authority| net.known_to(&authority.name) == all)
        })?;
        // A hang-up resets the pauses between downloads: all fetch it now.
        for (_, process) in self.processes.iter().filter(|(name, _)| !name.starts_with("auth")) {
            process.signal(Signal::HUP);
        }
        // An exit without a consensus ends streams for no reason that it tells.
        self.wait(end, "the consensus everywhere", |net| {
            let relays = net.relays.iter().all(|relay| net.known_to(&relay.name) == all);
            relays && net.log("client").contains("Bootstrapped 100%")
        })?;
        let hostname = self.scratch.join("service/onion/hostname");
        self.wait(end, "the onion service's name", |_| hostname.exists())?;
        self.onion = fs::read_to_string(hostname).map_err(|error| error.to_string())?.trim().to_owned();
        self.wait(end, "the onion service", |net| {
            // A look that came too early is remembered as "not there" for long, unless all is forgotten.
            net.answers(&net.onion) || {
                net.control(&["SIGNAL NEWNYM"]);
                std::thread::park_timeout(Duration::from_secs(1));
                false
            }
        })
    }

    fn wait(&mut self, end: Instant, what: &str, done: impl Fn(&TorNet) -> bool) -> Result<(), String> {
        while !done(self) {
            if let Some((name, _)) = self
                .processes
                .iter_mut()
                .find_map(|(name, process)| (!process.is_running()).then_some((name.clone(), ())))
            {
                return Err(format!("{name} ended: {}", self.log(&name)));
            }
            if Instant::now() > end {
                let known = self.known_to("auth0");
                return Err(format!("{what} did not come ({known} relays):\n{}", self.log("auth0")));
            }
            // Logs and files tell no one that they grew; this pause decides nothing.
            std::thread::park_timeout(Duration::from_millis(100));
        }
        Ok(())
    }

    /// How many relays the consensus has that this one holds.
    fn known_to(&self, name: &str) -> usize {
        let text = fs::read_to_string(self.scratch.join(format!("{name}/cached-microdesc-consensus")));
        text.unwrap_or_default().lines().filter(|line| line.starts_with("r ")).count()
    }

    /// What one of them has to say.
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.scratch.join(format!("{name}/log"))).unwrap_or_default()
    }

    /// Whether the onion service was reached, be it only to be told that nobody is behind it.
    fn answers(&self, onion: &str) -> bool {
        let ask = || -> std::io::Result<u8> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.socks))?;
            stream.set_read_timeout(Some(Duration::from_secs(30)))?;
            let mut answer = [0; 4];
            stream.write_all(&[5, 1, 0])?;
            stream.read_exact(&mut answer[..2])?;
            stream.write_all(&[&[5, 1, 0, 3, onion.len() as u8], onion.as_bytes(), &5222u16.to_be_bytes()].concat())?;
            stream.read_exact(&mut answer)?;
            Ok(answer[1])
        };
        matches!(ask(), Ok(0 | 5))
    }

    /// Says these commands to the client's control port; what it answers, line by line.
    pub fn control(&self, commands: &[&str]) -> Vec<String> {
        let talk = || -> std::io::Result<Vec<String>> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.control))?;
            stream.write_all(format!("AUTHENTICATE\r\n{}\r\nQUIT\r\n", commands.join("\r\n")).as_bytes())?;
            BufReader::new(stream).lines().collect()
        };
        talk().unwrap_or_default()
    }

    /// The file that tells arti of this network; the variable `DUNNOCK_TOR_NETWORK` names it.
    pub fn for_arti(&self) -> PathBuf {
        self.scratch.write("arti.json", for_arti(&self.relays).to_string())
    }

    /// The ports to which arti may connect.
    pub fn relay_ports(&self) -> Vec<u16> {
        self.relays.iter().map(|relay| relay.port).collect()
    }

    /// Which of its processes has this socket, by the socket's own address; none if it is somebody else's, or closed.
    pub fn owner(&self, socket: SocketAddr) -> Option<&str> {
        let table = fs::read_to_string("/proc/net/tcp").ok()?;
        let port = format!(":{:04X}", socket.port());
        // "sl local remote state …", the inode in the tenth place.
        let inode = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .find_map(|words| (words.get(1)?.ends_with(&port) && *words.get(9)? != "0").then(|| words[9].to_owned()))?;
        let link = PathBuf::from(format!("socket:[{inode}]"));
        let has = |process: &Process| {
            let open = fs::read_dir(format!("/proc/{}/fd", process.id())).into_iter().flatten().flatten();
            open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|target| target == link)
        };
        self.processes.iter().find(|(_, process)| has(process)).map(|(name, _)| name.as_str())
    }

    /// Ends all of it at once.
    pub fn kill(&mut self) {
        self.processes.clear();
    }

    /// Ends the client with the SOCKS port at once.
    pub fn kill_client(&mut self) {
        self.processes.retain(|(name, _)| name != "client");
    }
}

/// So many ports on which no one listens at this moment.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("loopback has free ports")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("it is bound").port()).collect()
}

fn private_folder(path: &Path) {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new().mode(0o700).recursive(true).create(path);
    made.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn tor(torrc: &Path) -> Command {
    let mut command = Command::new(environment::tor().join("tor"));
    command.arg("-f").arg(torrc);
    command
}

/// The relays with their keys, which take long to make: they are made once and kept beside the programs.
fn relays(scratch: &Scratch, ports: &[u16]) -> Vec<Relay> {
    let keys = keys();
    let mut relays = Vec::new();
    for number in 0..AUTHORITIES + EXITS {
        let name = if number < AUTHORITIES { format!("auth{number}") } else { format!("exit{}", number - AUTHORITIES) };
        let from = keys.join(&name);
        private_folder(&scratch.join(format!("{name}/keys")));
        for file in fs::read_dir(from.join("keys")).expect("keys were made").flatten() {
            fs::copy(file.path(), scratch.join(format!("{name}/keys")).join(file.file_name()))
                .expect("a key is copied");
        }
        let word = |file: &str| fs::read_to_string(from.join(file)).unwrap_or_default();
        let second = |text: String| text.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let certificate = word("keys/authority_certificate");
        let v3 = certificate.lines().find_map(|line| line.strip_prefix("fingerprint ")).unwrap_or_default().to_owned();
        relays.push(Relay {
            port: ports[number],
            directory: if number < AUTHORITIES { ports[AUTHORITIES + EXITS + number] } else { 0 },
            fingerprint: second(word("fingerprint")),
            ed25519: second(word("fingerprint-ed25519")),
            v3,
            name,
        });
    }
    relays
}

/// The folder with everyone's keys. Several programs that make it at the same time make it all, and one is taken.
fn keys() -> PathBuf {
    let folder = environment::tor().join("keys");
    if folder.is_dir() {
        return folder;
    }
    let scratch = environment::tor().join(format!("keys-{}", std::process::id()));
    let mut making = Vec::new();
    for number in 0..AUTHORITIES {
        let keys = scratch.join(format!("auth{number}/keys"));
        private_folder(&keys);
        let mut command = Command::new(environment::tor().join("tor-gencert"));
        command.args(["--create-identity-key", "--passphrase-fd", "0", "-m", "24"]).current_dir(keys);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Process::start("tor-gencert", &mut command);
        let passphrase = process.child().stdin.take().map(|mut input| input.write_all(b"private\n"));
        passphrase.expect("it was piped").expect("it reads its passphrase");
        making.push(process);
    }
    making.iter_mut().for_each(|process| assert!(process.wait(KEYS).success(), "tor-gencert failed"));
    for number in 0..AUTHORITIES + EXITS {
        let name = if number < AUTHORITIES { format!("auth{number}") } else { format!("exit{}", number - AUTHORITIES) };
        let place = scratch.join(&name);
        private_folder(&place);
        // An authority of nowhere, so that it asks for no network.
        let torrc = place.join("torrc");
        let text = format!(
            "TestingTorNetwork 1\nDataDirectory {}\nSocksPort 0\nORPort 127.0.0.1:9\nAddress 127.0.0.1\n\
             AssumeReachable 1\nContactInfo nobody@verona.test\nNickname {name}\n\
             DirAuthority x orport=1 v3ident={} 127.0.0.1:1 {}\n",
            place.display(),
            "A".repeat(40),
            "B".repeat(40)
        );
        fs::write(&torrc, text).expect("the cache can be written");
        let mut command = tor(&torrc);
        command.args(["--list-fingerprint", "--quiet"]).stdin(Stdio::null()).stdout(Stdio::null());
        assert!(Process::start("tor", &mut command).wait(KEYS).success(), "{name} has no fingerprint");
    }
    // Whoever is first has made them; the others' are as good and go.
    if fs::rename(&scratch, &folder).is_err() {
        let _ = fs::remove_dir_all(&scratch);
    }
    folder
}
